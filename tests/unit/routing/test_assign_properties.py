"""What must hold of every decision whatever the report and whatever the board."""

from hypothesis import given
from hypothesis import strategies as st

from services.routing.model import Board
from services.routing.policy.assign import assign, decision_of, replay, transferred
from shared.centers import CENTER_IDS, CENTRAL
from shared.events.reports import ReportFacts
from shared.events.routings import Decision
from shared.events.vocabulary import CenterState, PassedOver, RoutingReason
from tests.unit.routing.builders import DAY, any_board, any_facts

LINKED = st.none() | st.sampled_from([*CENTER_IDS, CENTRAL])


def allowed(facts: ReportFacts, board: Board) -> set[str]:
    return {c for c, s in board.items() if s.state is not CenterState.CLOSED and c not in facts.declined_centers}


@given(any_facts(), any_board(), LINKED)
def test_there_is_always_an_owner_never_declined_never_closed_while_another_is_allowed(
    facts: ReportFacts, board: Board, linked: str | None
) -> None:
    decision = assign(facts, board, DAY, linked=linked)
    ok = allowed(facts, board)
    assert decision.center_id in ok if ok else decision.center_id == CENTRAL
    assert (decision.reason is RoutingReason.ALL_CLOSED) == (not ok)


@given(any_facts(), any_board(), LINKED)
def test_every_centre_is_explained_and_exactly_the_owner_is_chosen(
    facts: ReportFacts, board: Board, linked: str | None
) -> None:
    decision = assign(facts, board, DAY, linked=linked)
    assert [c.center_id for c in decision.candidates] == sorted(board)
    chosen = [c.center_id for c in decision.candidates if c.passed_over is PassedOver.CHOSEN]
    assert chosen == ([] if decision.center_id == CENTRAL else [decision.center_id])


@given(any_facts(), any_board(), LINKED, st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_nothing(
    facts: ReportFacts, board: Board, linked: str | None, random: object
) -> None:
    shuffled = list(board.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random made by hypothesis
    assert assign(facts, dict(shuffled), DAY, linked=linked) == assign(facts, board, DAY, linked=linked)


@given(any_facts(), any_board(), LINKED)
def test_deciding_again_from_what_was_recorded_gives_the_same(
    facts: ReportFacts, board: Board, linked: str | None
) -> None:
    decision = assign(facts, board, DAY, linked=linked)
    stored = Decision.model_validate_json(decision.model_dump_json())
    assert replay(stored, facts, DAY) == decision


@given(any_facts(), any_board(), st.sampled_from([*CENTER_IDS, CENTRAL]))
def test_a_transfer_replays_too(facts: ReportFacts, board: Board, to: str) -> None:
    decision = decision_of(transferred(to, facts, board, DAY))
    assert decision.center_id == to
    assert replay(decision, facts, DAY) == decision
