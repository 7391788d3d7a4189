from datetime import UTC, date, datetime

import pytest

from services.intake.model.submission import Submission
from services.intake.policy.admission import NotAdmittedError, facts_of
from services.intake.policy.triage import triage
from shared.events.reports import ReportFacts
from shared.events.vocabulary import HarmType, Role

DAY = date(2026, 11, 24)


def facts(**fields: object) -> ReportFacts:
    report = Submission.model_validate({"role": Role.VICTIM, "harm_types": (HarmType.OTHER,), **fields})
    return facts_of(report, triage(report, datetime(2026, 11, 24, tzinfo=UTC)), DAY)


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        (None, "unknown"),
        ("unknown", "unknown"),
        ("overseas", "overseas"),
        ("busan", "busan"),
        ("부산", "busan"),
        ("부산광역시", "busan"),
        ("Busan", "busan"),
        ("26", "busan"),
        ("서울", "seoul"),
    ],
)
def test_places_are_resolved(typed: str | None, slug: str) -> None:
    assert facts(division=typed).division == slug


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("아틀란티스", "unknown_division"), ("광주", "ambiguous_division"), ("999", "unknown_division")],
)
def test_other_places_are_refused_with_choices(typed: str, reason: str) -> None:
    with pytest.raises(NotAdmittedError) as caught:
        facts(division=typed)
    assert (caught.value.field, caught.value.reason) == ("division", reason)
    assert len(caught.value.choices) > 1
    assert typed not in str(caught.value)


def test_a_district_is_kept_only_where_it_decides() -> None:
    assert facts(division="jeonnam-gwangju", district="12210").district == "12210"
    assert facts(division="busan", district="26110").district is None
    with pytest.raises(NotAdmittedError, match="unknown_district"):
        facts(division="jeonnam-gwangju", district="99999")


def test_repeated_choices_count_once() -> None:
    found = facts(harm_types=(HarmType.OTHER, HarmType.OTHER), declined_centers=("busan", "busan"))
    assert (found.harm_types, found.declined_centers) == ((HarmType.OTHER,), ("busan",))


def test_nothing_personal_is_among_the_facts() -> None:
    found = facts(
        narrative="canary-narrative",
        urls=("https://canary.example.com",),
        contact={"name": "canary-name", "phone": "010-9999-9999"},
    )
    assert "canary" not in found.model_dump_json()
    assert "9999" not in found.model_dump_json()
