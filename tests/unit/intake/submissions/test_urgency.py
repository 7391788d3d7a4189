from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import DEADLINE_PAST, DEADLINE_SOON, VERSION, Triage, triage
from shared.events.vocabulary import AgeBand, HarmType, Role, Urgency, UrgencyReason

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def report(**fields: object) -> Submission:
    return Submission.model_validate({"role": Role.VICTIM, "harm_types": (HarmType.OTHER,), **fields})


def test_without_any_reason_it_is_normal_and_says_so() -> None:
    assert triage(report(), NOW) == Triage(Urgency.NORMAL, (UrgencyReason.NONE_OF_THESE,), VERSION)


@pytest.mark.parametrize(
    ("fields", "urgency", "reasons"),
    [
        ({"age_band": AgeBand.UNDER_14}, "critical", ["under_14"]),
        ({"harm_types": (HarmType.CHILD_MATERIAL,)}, "critical", ["child_material"]),
        ({"threat_deadline": NOW + DEADLINE_SOON}, "critical", ["deadline_soon", "threatened"]),
        ({"threat_deadline": NOW + DEADLINE_SOON + timedelta(seconds=1)}, "high", ["threatened"]),
        ({"threat_deadline": NOW - DEADLINE_PAST}, "critical", ["deadline_soon", "threatened"]),
        ({"threat_deadline": NOW - DEADLINE_PAST - timedelta(seconds=1)}, "high", ["threatened"]),
        ({"still_spreading": True}, "high", ["spreading_now"]),
        ({"harm_types": (HarmType.DISTRIBUTION_THREAT,)}, "high", ["threatened"]),
        ({"harm_types": (HarmType.BODY_CAM_PHISHING,)}, "high", ["extortion"]),
        ({"money_demanded": True}, "high", ["extortion"]),
        ({"harm_types": (HarmType.ONLINE_GROOMING,)}, "high", ["grooming"]),
        ({"age_band": AgeBand.FROM_14_TO_18}, "high", ["minor"]),
        ({"age_band": AgeBand.FROM_14_TO_18, "threatened": True}, "critical", ["threatened", "minor"]),
        ({"age_band": AgeBand.FROM_14_TO_18, "still_spreading": True}, "critical", ["spreading_now", "minor"]),
        ({"threatened": False, "still_spreading": False, "money_demanded": False}, "normal", ["none_of_these"]),
    ],
)
def test_typed_answers_decide(fields: dict[str, object], urgency: str, reasons: list[str]) -> None:
    judged = triage(report(**fields), NOW)
    assert (judged.urgency, list(judged.reasons)) == (urgency, reasons)


reports = st.builds(
    report,
    harm_types=st.lists(st.sampled_from(HarmType), min_size=1, max_size=3).map(tuple),
    age_band=st.sampled_from(AgeBand),
    still_spreading=st.sampled_from([None, True, False]),
    threatened=st.sampled_from([None, True, False]),
    money_demanded=st.sampled_from([None, True, False]),
    threat_deadline=st.none() | st.integers(-1000, 1000).map(lambda hours: NOW + timedelta(hours=hours)),
)
ORDER = [Urgency.NORMAL, Urgency.HIGH, Urgency.CRITICAL]


@given(reports)
def test_the_same_answers_give_the_same_judgement_whatever_was_written(submission: Submission) -> None:
    told = submission.model_copy(update={"narrative": "긴급! urgent! 112", "urls": ("https://example.com",)})
    assert triage(submission, NOW) == triage(told, NOW)


@given(reports, st.sampled_from(["still_spreading", "threatened", "money_demanded"]))
def test_saying_yes_never_makes_a_report_less_urgent(submission: Submission, answer: str) -> None:
    yes = triage(submission.model_copy(update={answer: True}), NOW)
    for weaker in (None, False):
        other = triage(submission.model_copy(update={answer: weaker}), NOW)
        assert ORDER.index(yes.urgency) >= ORDER.index(other.urgency)


@given(reports)
def test_reasons_are_in_order_and_none_stands_alone(submission: Submission) -> None:
    judged = triage(submission, NOW)
    order = list(UrgencyReason)
    assert sorted(judged.reasons, key=order.index) == list(judged.reasons)
    assert (UrgencyReason.NONE_OF_THESE in judged.reasons) == (judged.urgency is Urgency.NORMAL)
