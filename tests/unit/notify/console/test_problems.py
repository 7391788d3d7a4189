"""What a person reads when an answer to an offer came too late, and the labels of refused forms."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from services.notify.cases.models import Case, OfferEnd, PastOffer, TransferOffer
from services.notify.cases.projection import fold
from services.notify.cases.rules import Rejected
from services.notify.console import problems as explaining
from services.notify.console.problems import FORM_LABELS
from services.notify.escalation.rules import QuietHours, Rules
from tests.unit.notify.samples import NOW, TRACE, event

TEMPLATES: Final = Path(explaining.__file__).parents[1] / "templates"
RULES = Rules(quiet=QuietHours.parse("off"))


def offered_anew(how: OfferEnd) -> Case:
    """A case of Gwangju's, offered to Busan now, whose offer to Jeju by Jeonnam has ended before it moved."""
    case = fold(None, event("report.routed"), TRACE, RULES, NOW)
    assert case is not None
    past = PastOffer(offer_id="first", from_center_id="jeonnam", to_center_id="jeju", how=how, at=NOW)
    later = NOW + timedelta(hours=1)
    offer = TransferOffer(
        offer_id="second",
        to_center_id="busan",
        by="s-someone",
        reason="place",
        offered_at=NOW,
        expires_at=later,
        tell_at=None,
    )
    return case.model_copy(update={"center_id": "gwangju", "past_offer": past, "offer": offer})


@pytest.mark.parametrize(
    ("how", "named"),
    [(OfferEnd.DECLINED, "Jeju"), (OfferEnd.ACCEPTED, "Jeju"), (OfferEnd.RECALLED, "Jeonnam")],
)
def test_an_offer_that_is_over_is_explained_by_its_own_centres(how: OfferEnd, named: str) -> None:
    problem = explaining.refused(offered_anew(how), Rejected.OFFER_OVER, "en", str, "first", now=NOW)
    said = str(problem.detail) % problem.values
    assert said.startswith(named)
    assert "Busan" not in said
    assert "Gwangju" not in said


def test_what_was_closed_in_another_year_is_said_with_its_year() -> None:
    ended = offered_anew(OfferEnd.DECLINED).model_copy(update={"ended_at": NOW})
    for later, named in ((NOW, False), (NOW.replace(year=NOW.year + 1), True)):
        problem = explaining.refused(ended, Rejected.ENDED, "ko", str, now=later)
        assert (str(NOW.year) in str(problem.values["at"])) == named


def test_every_label_of_a_refused_form_is_the_one_at_its_control() -> None:
    templates = "".join(file.read_text() for file in TEMPLATES.rglob("*.html"))
    for control, label in FORM_LABELS.items():
        text = rf"_\(\"{re.escape(label)}\"\)"
        assert re.search(rf'choice\("{control}", {text}|<label for="{control}">{{{{ {text}', templates), control
