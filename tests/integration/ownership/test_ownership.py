"""Ownership under every interleaving hypothesis finds, on the real bus and store.

``IEUM_OWNERSHIP_EXAMPLES=2000`` runs long, with other examples each time; without it a few, the same ones each time.
"""

import os
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.events.vocabulary import CenterState
from tests.integration.ownership.harness import OwnershipHarness
from tests.integration.ownership.machine import Ownership, judged
from tests.integration.ownership.play import Play
from tests.integration.ownership.verdict import story, what
from tests.integration.routing.verifier import verify
from tests.support.engine_settings import kafka_settings, store_settings
from tools.local.engines import Running

EXAMPLES = int(os.environ.get("IEUM_OWNERSHIP_EXAMPLES", "0"))
FEW = 15
ROUNDS = 3
"""So often at most are examples tried until everything happened: on a busy machine they come in another order."""
MUST_HAPPEN = (
    *("case.transfer_accepted.v1", "case.transfer_declined.v1", "case_event:transfer_void"),
    *("case_event:report.rerouted.v1", "center_closed:report.rerouted.v1"),
    *("case_event:closed", "case_event:reopened", "report:withdrawn", "report:reinstated", "report:amended", "late"),
)
"""By the words of ``happened``; without them the examples would have tried little."""
STEPS = 30
LEAST = 15
"""Hypothesis likes short examples, and three steps are no story."""


@pytest.fixture(scope="module")
def harness(engines: Running) -> Iterator[OwnershipHarness]:
    """One for all: what a test leaves behind is ended and audited by the next."""
    name = f"t{uuid.uuid4().hex[:10]}"
    made = OwnershipHarness(kafka_settings(engines, name), store_settings(engines, name))
    made.open()
    yield made
    made.close()


@pytest.fixture
def play(harness: OwnershipHarness) -> Iterator[Play]:
    made = Play(harness)
    yield made
    harness.run(made.clean_up())


@pytest.mark.parametrize(
    ("between", "why"), [("decline_receiver", "declined"), ("close_receiver", "center_closed"), ("withdraw", None)]
)
def test_an_acceptance_that_comes_late_moves_nothing_and_notify_learns_of_it(
    harness: OwnershipHarness, play: Play, between: str, why: str | None
) -> None:
    harness.run(play.lodge("busan", "normal"))
    harness.run(play.hand_over(0, "jeju", between, "accept", slow=True))
    harness.run(harness.settle())
    (report,) = play.reports
    assert harness.run(judged(harness, play, report)) == []
    last, stand = story(harness.tape.lines(report.report_id, "routings"))[-1]
    assert (stand.owner, stand.ownership, last.body.get("void_reason")) == ("busan", 1, why)


def test_an_offer_nobody_answered_is_over_and_moves_nothing(harness: OwnershipHarness, play: Play) -> None:
    harness.run(play.lodge("busan", "normal"))
    harness.run(play.hand_over(0, "jeju", "hours", "accept", slow=False))
    harness.run(harness.settle())
    (report,) = play.reports
    assert harness.run(judged(harness, play, report)) == []
    cases = [line.type for line in harness.tape.lines(report.report_id, "cases")]
    assert cases[-1] == "case.transfer_expired.v1"
    assert "case.transfer_accepted.v1" not in cases


def test_whoever_accepted_and_lost_against_a_closing_centre_is_answered_by_the_move(
    harness: OwnershipHarness, play: Play
) -> None:
    harness.run(play.lodge("busan", "normal"))
    harness.run(play.hand_over(0, "jeju", "close_owner", "accept", slow=True))
    harness.run(harness.settle())
    (report,) = play.reports
    assert harness.run(judged(harness, play, report)) == []
    told = story(harness.tape.lines(report.report_id, "routings"))
    assert [stand.owner for _, stand in told] == ["busan", "jeju"], "it was taken, so closing moves nothing"


def test_a_report_that_came_back_leaves_a_closed_centre_although_it_was_taken_before(
    harness: OwnershipHarness, play: Play
) -> None:

    async def act() -> None:
        await play.lodge("busan", "normal")
        await play.acknowledge(0)
        await harness.settle()
        await play.set_center("busan", CenterState.CLOSED)
        await harness.settle()
        assert (await harness.desk.case(play.reports[0].report_id)).center_id == "busan"  # type: ignore[union-attr]  # there is one
        await play.withdraw(0)
        await harness.settle()
        await play.reinstate(0)
        await harness.settle()

    harness.run(act())
    (report,) = play.reports
    assert harness.run(judged(harness, play, report)) == []
    told = story(harness.tape.lines(report.report_id, "routings"))
    assert [what(line) for line, _ in told] == ["report.routed.v1", "withdrawn", "report.rerouted.v1"]
    assert (told[-1][1].ended, told[-1][1].owner != "busan") == (None, True)


def test_a_report_that_came_back_never_goes_to_a_centre_declined_meanwhile(
    harness: OwnershipHarness, play: Play
) -> None:
    """Once after a withdrawal, once reopened by the centre itself, which then has it no more."""

    async def act() -> None:
        await play.lodge("busan", "normal")
        await play.withdraw(0)
        await play.amend(0, "busan")
        await play.reinstate(0)
        await harness.settle()
        await play.finish(0, "nothing")
        await play.amend(0, (await harness.desk.case(play.reports[0].report_id)).center_id)  # type: ignore[union-attr]  # there is one
        await harness.settle()
        await play.reopen(0)
        await harness.settle()

    harness.run(act())
    (report,) = play.reports
    assert harness.run(judged(harness, play, report)) == []
    told = story(harness.tape.lines(report.report_id, "routings"))
    owners = [stand.owner for line, stand in told if "decision" in line.body]
    assert (len(owners), len(set(owners)), owners[0]) == (3, 3, "busan")
    assert [what(line) for line, _ in told].count("reinstated") == 0
    assert [what(line) for line, _ in told].count("reopened") == 0
    assert told[-1][1].ended is None


@pytest.mark.timeout(600 + 30 * EXAMPLES)
def test_one_owner_whatever_happens_in_whatever_order(harness: OwnershipHarness) -> None:
    class Here(Ownership):
        pass

    Here.harness = harness
    missing: list[str] = []
    for number in range(ROUNDS):
        run_state_machine_as_test(
            Here,
            settings=settings(
                max_examples=EXAMPLES or FEW,
                stateful_step_count=STEPS,
                deadline=None,
                # Time is part of an example: shrinking one would not find the same order again, and says its steps
                # anyway.
                phases=[Phase.generate],
                derandomize=not EXAMPLES and not number,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
            _min_steps=LEAST,
        )
        bus = harness.bus
        audit = harness.run(verify(bus.bootstrap_servers, bus.topic_prefix, bus.topic_partitions))
        assert audit.sound, audit
        seen = happened(harness)
        missing = [kind for kind in MUST_HAPPEN if not seen[kind]]
        if not missing:
            break
    assert not missing, f"the examples held nothing of {missing}: {seen}"


def happened(harness: OwnershipHarness) -> Counter[str]:
    """How often each thing is in the log, by its kind: a test of interleavings is worth what happened in it."""
    seen: Counter[str] = Counter()
    for key in list(harness.tape.of):
        for line in harness.tape.lines(key, "cases"):
            seen[line.type] += 1
        told = story(harness.tape.lines(key, "routings"))
        seen.update(f"{line.body['cause']['kind']}:{what(line)}" for line, _ in told)
        seen.update(f"void:{line.body['void_reason']}" for line, _ in told if "void_reason" in line.body)
        seen["late"] += len(harness.tape.lines(key, "routings")) - len(told)
    return seen
