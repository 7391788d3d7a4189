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
from pydantic import SecretStr

from shared.events.vocabulary import CenterState
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.ownership.house import House
from tests.integration.ownership.machine import Ownership, judged
from tests.integration.ownership.play import Play
from tests.integration.ownership.verdict import story, what
from tests.integration.routing.verifier import verify
from tools.local.engines import Running

EXAMPLES = int(os.environ.get("IEUM_OWNERSHIP_EXAMPLES", "0"))
FEW = 15
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
def house(engines: Running) -> Iterator[House]:
    """One for all: what a test leaves behind is ended and audited by the next."""
    name = f"t{uuid.uuid4().hex[:10]}"
    bus = KafkaSettings(bootstrap_servers=engines.kafka, topic_prefix=f"{name}.", topic_partitions=3, call_timeout_s=10)
    made = House(bus, StoreSettings(uri=SecretStr(engines.mongodb), database_prefix=f"{name}_"))
    made.open()
    yield made
    made.close()


@pytest.fixture
def play(house: House) -> Iterator[Play]:
    made = Play(house)
    yield made
    house.run(made.clean_up())


@pytest.mark.parametrize(
    ("between", "why"), [("decline_receiver", "declined"), ("close_receiver", "center_closed"), ("withdraw", None)]
)
def test_an_acceptance_that_comes_late_moves_nothing_and_notify_learns_of_it(
    house: House, play: Play, between: str, why: str | None
) -> None:
    house.run(play.lodge("busan", "normal"))
    house.run(play.hand_over(0, "jeju", between, "accept", slow=True))
    house.run(house.settle())
    (report,) = play.reports
    assert house.run(judged(house, play, report)) == []
    last, stand = story(house.tape.lines(report.report_id, "routings"))[-1]
    assert (stand.owner, stand.ownership, last.body.get("void_reason")) == ("busan", 1, why)


def test_an_offer_nobody_answered_is_over_and_moves_nothing(house: House, play: Play) -> None:
    house.run(play.lodge("busan", "normal"))
    house.run(play.hand_over(0, "jeju", "hours", "accept", slow=False))
    house.run(house.settle())
    (report,) = play.reports
    assert house.run(judged(house, play, report)) == []
    cases = [line.type for line in house.tape.lines(report.report_id, "cases")]
    assert cases[-1] == "case.transfer_expired.v1"
    assert "case.transfer_accepted.v1" not in cases


def test_whoever_accepted_and_lost_against_a_closing_centre_is_answered_by_the_move(house: House, play: Play) -> None:
    house.run(play.lodge("busan", "normal"))
    house.run(play.hand_over(0, "jeju", "close_owner", "accept", slow=True))
    house.run(house.settle())
    (report,) = play.reports
    assert house.run(judged(house, play, report)) == []
    told = story(house.tape.lines(report.report_id, "routings"))
    assert [stand.owner for _, stand in told] == ["busan", "jeju"], "it was taken, so closing moves nothing"


def test_a_report_that_came_back_leaves_a_closed_centre_although_it_was_taken_before(house: House, play: Play) -> None:

    async def act() -> None:
        await play.lodge("busan", "normal")
        await play.acknowledge(0)
        await house.settle()
        await play.set_center("busan", CenterState.CLOSED)
        await house.settle()
        assert (await house.desk.case(play.reports[0].report_id)).center_id == "busan"  # type: ignore[union-attr]  # there is one
        await play.withdraw(0)
        await house.settle()
        await play.reinstate(0)
        await house.settle()

    house.run(act())
    (report,) = play.reports
    assert house.run(judged(house, play, report)) == []
    told = story(house.tape.lines(report.report_id, "routings"))
    assert [what(line) for line, _ in told] == ["report.routed.v1", "withdrawn", "report.rerouted.v1"]
    assert (told[-1][1].ended, told[-1][1].owner != "busan") == (None, True)


def test_a_report_that_came_back_never_goes_to_a_centre_declined_meanwhile(house: House, play: Play) -> None:
    """Once after a withdrawal, once reopened by the centre itself, which then has it no more."""

    async def act() -> None:
        await play.lodge("busan", "normal")
        await play.withdraw(0)
        await play.amend(0, "busan")
        await play.reinstate(0)
        await house.settle()
        await play.finish(0, "nothing")
        await play.amend(0, (await house.desk.case(play.reports[0].report_id)).center_id)  # type: ignore[union-attr]  # there is one
        await house.settle()
        await play.reopen(0)
        await house.settle()

    house.run(act())
    (report,) = play.reports
    assert house.run(judged(house, play, report)) == []
    told = story(house.tape.lines(report.report_id, "routings"))
    owners = [stand.owner for line, stand in told if "decision" in line.body]
    assert (len(owners), len(set(owners)), owners[0]) == (3, 3, "busan")
    assert [what(line) for line, _ in told].count("reinstated") == 0
    assert [what(line) for line, _ in told].count("reopened") == 0
    assert told[-1][1].ended is None


@pytest.mark.timeout(300 + 30 * EXAMPLES)
def test_one_owner_whatever_happens_in_whatever_order(house: House) -> None:
    class Here(Ownership):
        pass

    Here.house = house
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=EXAMPLES or FEW,
            stateful_step_count=STEPS,
            deadline=None,
            # Time is part of an example: shrinking one would not find the same order again, and says its steps anyway.
            phases=[Phase.generate],
            derandomize=not EXAMPLES,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
        _min_steps=LEAST,
    )
    bus = house.bus
    audit = house.run(verify(bus.bootstrap_servers, bus.topic_prefix, bus.topic_partitions))
    assert audit.sound, audit
    seen = happened(house)
    missing = [kind for kind in MUST_HAPPEN if not seen[kind]]
    assert not missing, f"the examples held nothing of {missing}: {seen}"


def happened(house: House) -> Counter[str]:
    """How often each thing is in the log, by its kind: a test of interleavings is worth what happened in it."""
    seen: Counter[str] = Counter()
    for key in list(house.tape.of):
        for line in house.tape.lines(key, "cases"):
            seen[line.type] += 1
        told = story(house.tape.lines(key, "routings"))
        seen.update(f"{line.body['cause']['kind']}:{what(line)}" for line, _ in told)
        seen.update(f"void:{line.body['void_reason']}" for line, _ in told if "void_reason" in line.body)
        seen["late"] += len(house.tape.lines(key, "routings")) - len(told)
    return seen
