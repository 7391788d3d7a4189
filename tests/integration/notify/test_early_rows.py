"""A new case is on open consoles as soon as it is in the log: while the store stands still, and in every process."""

import os
import signal
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from services.notify.cases.models import Case
from services.notify.cases.projection import RoutingEvent
from services.notify.console import feed
from services.notify.console.broadcaster import ConsoleSubscriber
from services.notify.console.feed import ConsoleFeed
from services.notify.escalation.rules import Rules
from shared.clock import SystemClock
from shared.events.envelope import Envelope
from shared.kafka.router import Received
from tests.integration.notify.conftest import NotifyHarness, Start
from tests.support.waiting import DEADLINE_S, eventually
from tests.unit.notify.samples import TRACE, event, report_id, stream
from tools.local.engines import Engines


@pytest.fixture(scope="module")
def engines(own_engines: Engines) -> Engines:
    """Engines of this module alone: their store is frozen."""
    return own_engines


@pytest.fixture(autouse=True)
def new_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a record takes on this machine, its case is still new when it comes."""
    monkeypatch.setattr(feed, "_NEW_S", DEADLINE_S)


def fresh(number: int, center: str) -> RoutingEvent:
    return event("report.routed", number, center=center, decided_at=datetime.now(UTC))


async def told(subscriber: ConsoleSubscriber) -> list[tuple[Case, bool]]:
    """What a console is given next, and whether it is on its list."""
    cases, _ = await subscriber.take(0.2)
    return [(case, subscriber.holds(case)) for case in cases]


async def confirmed(harness: NotifyHarness, number: int) -> bool:
    return not harness.notify.broadcaster.early(report_id(number))


async def test_a_new_case_is_shown_while_the_store_stands_still_and_confirmed_afterwards(
    start: Start, engines: Engines
) -> None:
    writer = await start()
    other = await start()
    store = engines.pids["store"]
    with (
        writer.notify.broadcaster.subscribe("gwangju") as at_writer,
        other.notify.broadcaster.subscribe("gwangju") as at_other,
        other.notify.broadcaster.subscribe("jeju") as elsewhere,
    ):
        os.kill(store, signal.SIGSTOP)
        try:
            await writer.routed(fresh(1, "gwangju"))
            for subscriber in (at_writer, at_other):
                ((case, listed),) = await eventually(partial(told, subscriber))
                assert (case.report_id, case.rev, listed) == (report_id(1), 0, True)
        finally:
            os.kill(store, signal.SIGCONT)
        await eventually(lambda: writer.case(report_id(1)))
        for harness in (writer, other):
            await eventually(partial(confirmed, harness, 1))
        # Confirming alone is no news; whatever else comes (the alert was sent) has the store's numbers.
        for subscriber in (at_writer, at_other):
            assert all(case.rev > 1 for case, _ in await told(subscriber))
        rows, _ = await elsewhere.take(0.01)
        assert rows == []


async def test_a_first_record_that_comes_second_leaves_the_wrong_console_again(start: Start) -> None:
    harness = await start()
    await harness.routed(fresh(1, "gwangju"))
    await eventually(lambda: harness.case(report_id(1)))
    await eventually(harness.at_rest, "its alert has been told of: by that the other would know the case")
    other = await start()
    with other.notify.broadcaster.subscribe("jeju") as wrong:
        # A worker that slept wrote its own decision behind the true one: the log's first one counts.
        await harness.routed(fresh(1, "jeju"))
        seen: list[tuple[Case, bool]] = []

        async def left() -> bool:
            seen.extend(await told(wrong))
            return bool(seen) and not seen[-1][1]

        await eventually(left)
        assert [listed for _, listed in seen][-1] is False
        assert seen[-1][0].center_id == "gwangju"


@pytest.mark.parametrize("late", [True, False])
async def test_what_is_not_new_is_left_to_the_store(start: Start, late: bool) -> None:
    harness = await start()
    hub = harness.notify.broadcaster
    nudges = ConsoleFeed(harness.notify.cases, hub, SystemClock(), Rules())

    def passes(record: RoutingEvent) -> None:
        envelope = Envelope(id="1", source="/ieum/routing", type=record.TYPE, time=datetime.now(UTC), traceparent=TRACE)
        nudges.note(Received(record, envelope, "routings", 0, 0, 0))

    with hub.subscribe("gwangju") as subscriber:
        decided = datetime.now(UTC) - timedelta(minutes=5)
        passes(event("report.routed", 1, decided_at=decided) if late else stream()[1])
        # Rows only: the service may report a change of alarms at any moment.
        assert (await subscriber.take(0.05))[0] == []
        assert not hub.early(report_id(1))
        passes(fresh(1, "gwangju"))
        assert [case.rev for case in (await subscriber.take(1))[0]] == [0]
