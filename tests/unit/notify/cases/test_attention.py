"""Which cases a list holds, which of them somebody looks for, and that a row is made once for all who see the same."""

from datetime import timedelta

import pytest

from services.notify.cases.attention import STATES, CaseFilter, on_list, overdue, states_of, wants
from services.notify.cases.models import Case, EscalationCause
from services.notify.console.lists import wanted_of
from services.notify.team.rules import loads, to_hand_over
from shared.events.vocabulary import HarmType, Urgency
from tests.unit.notify.cases.samples import KIM, acknowledged, waiting
from tests.unit.notify.samples import NOW

LADDER = waiting().escalation
CLIMBED = LADDER.model_copy(update={"step": 2, "cause": EscalationCause.CONTACT}) if LADDER is not None else None


def test_first_contact_is_late_only_while_nobody_was_reached() -> None:
    late = acknowledged(escalation=CLIMBED, sort_key="20")
    assert overdue(late)
    assert not overdue(late.model_copy(update={"contacted_at": NOW}))
    assert not overdue(acknowledged())
    assert not overdue(waiting(escalation=CLIMBED))


def test_whom_only_the_centre_before_has_reached_counts_as_not_reached() -> None:
    before = {"contacted_at": NOW - timedelta(days=3), "moved_from": "busan", "former": ("busan",)}
    late = acknowledged(escalation=CLIMBED, sort_key="20", **before)
    assert overdue(late)
    assert "overdue" in states_of(late)
    assert on_list(late, "central")
    (load,) = loads([late], {})
    assert load.uncontacted == 1
    assert to_hand_over([late])["uncontacted"] == [late]


@pytest.mark.parametrize(
    ("case", "of_central"),
    [
        (waiting(), True),
        (acknowledged(sort_key="20"), False),
        (acknowledged(unread=True, sort_key="10"), True),
        (acknowledged(copy_central=True, sort_key="20"), True),
        (acknowledged(copy_central=True, sort_key="30"), False),
        (acknowledged(escalation=CLIMBED, sort_key="20"), True),
        (waiting(sandbox=True, sort_key="29"), False),
        (waiting(sandbox=True, copy_central=True, sort_key="29"), True),
        (waiting(sandbox=True, escalation=CLIMBED, sort_key="29"), True),
        (acknowledged(sandbox=True, escalation=CLIMBED, contacted_at=NOW, sort_key="30"), False),
    ],
)
def test_central_sees_what_is_unanswered_late_or_on_copy(case: Case, *, of_central: bool) -> None:
    assert on_list(case, "central") is of_central
    assert on_list(case, "gwangju") is (case.sort_key < "3")
    assert not on_list(case, "busan")


def test_each_case_is_found_under_one_state_and_a_held_one_under_that_too() -> None:
    assert states_of(waiting()) == ("waiting",)
    assert states_of(acknowledged(unread=True)) == ("new",)
    assert states_of(acknowledged()) == ("working",)
    held = LADDER.model_copy(update={"held": True}) if LADDER is not None else None
    assert states_of(waiting(escalation=held)) == ("waiting", "held")
    assert {
        state for case in (waiting(escalation=held), acknowledged(escalation=CLIMBED)) for state in states_of(case)
    } <= set(STATES)


def test_a_filter_leaves_out_what_does_not_fit_and_unknown_words_ask_for_nothing() -> None:
    case = acknowledged(urgency=Urgency.HIGH, harm_types=(HarmType.SYNTHESIS,))
    assert wants(CaseFilter(), case, "lee")
    assert wants(CaseFilter(state="working", urgency=Urgency.HIGH, harm=HarmType.SYNTHESIS, mine=True), case, KIM)
    for other in (
        CaseFilter(state="waiting"),
        CaseFilter(urgency=Urgency.NORMAL),
        CaseFilter(harm=HarmType.OTHER),
        CaseFilter(mine=True),
    ):
        assert not wants(other, case, "lee")
        assert not other.everything
    assert wanted_of("<script>", "very", "none", "no").everything
    assert wanted_of("held", "high", "synthesis", "yes") == CaseFilter(
        "held", Urgency.HIGH, HarmType.SYNTHESIS, mine=True
    )
