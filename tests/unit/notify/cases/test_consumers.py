"""Notify's consumers under FastStream's test broker."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from services.notify.cases.consumers import RoutingsHandler, consumers
from services.notify.cases.models import Case
from services.notify.cases.projection import fold
from services.notify.cases.repository import Change, Saved
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation.rules import ALWAYS
from shared.events.base import Event
from shared.jobs import Skipped
from shared.kafka.router import Blocked, Received
from shared.topics import ROUTINGS
from tests.support.clock import ManualClock
from tests.support.driving import Heard, driving, golden, publish, record_of, types
from tests.unit.notify.samples import NOW, TRACE, event, report_id


async def test_every_event_of_routings_becomes_cases() -> None:
    heard = Heard()
    async with driving(consumers(cast("RoutingsHandler", heard))) as broker:
        await publish(broker, *golden(ROUTINGS))
    assert heard.types == types(golden(ROUTINGS))


class Log:
    """A store and alerts that write down in which order they are asked."""

    def __init__(self, *cases: Case) -> None:
        self.cases = {case.report_id: case for case in cases}
        self.lines: list[tuple[str, list[str]]] = []
        self.unreadable: set[str] = set()

    async def load(self, report_ids: Sequence[str], skipped: Skipped | None = None) -> dict[str, Case]:
        broken = [one for one in report_ids if one in self.unreadable]
        if broken and skipped is None:
            raise ValueError("a word of a later build")
        for one in broken:
            cast("Skipped", skipped).add(one, ValueError("a word of a later build"))
        if report_ids:
            self.lines.append(("read", list(report_ids)))
        return {one: self.cases[one] for one in report_ids if one in self.cases}

    async def save(self, changes: Sequence[Change], now: datetime) -> Saved:
        del now
        if changes:
            self.lines.append(("write", [change.case.report_id for change in changes]))
        return Saved(frozenset())

    def hold(self, cases: Sequence[Case], now: datetime) -> list[Case]:
        del now
        return list(cases)

    def begin(self, cases: Iterable[Case]) -> None:
        if told := [case.report_id for case in cases]:
            self.lines.append(("tell", told))


async def test_new_critical_cases_are_written_and_told_before_any_other_is_read_or_written() -> None:
    known = fold(None, event("report.routed", 1, version=1, ownership=1, center="gwangju"), TRACE, ALWAYS, NOW)
    assert known is not None
    log = cast("Any", Log(known))
    handler = RoutingsHandler(log, ConsoleBroadcaster(), ManualClock(NOW), ALWAYS, log)
    batch = Gathered()
    async with driving(consumers(cast("RoutingsHandler", batch))) as broker:
        for one in (
            event("report.updated", 1, version=2, ownership=1, center="gwangju", kind="amended"),
            event("report.routed", 2, version=1, ownership=1, urgency="high"),
            event("report.routed", 3, version=1, ownership=1, urgency="critical"),
            event("report.routed", 4, version=1, ownership=1, urgency="critical"),
            event("report.updated", 4, version=2, ownership=1, urgency="critical", kind="amended"),
        ):
            await publish(broker, record_of(one, NOW))
    await handler.handle(batch.records)
    without_reading, itself_read = [report_id(3)], [report_id(4)]
    assert log.lines[:5] == [
        ("write", without_reading),
        ("tell", without_reading),
        ("read", itself_read),
        ("write", itself_read),
        ("tell", itself_read),
    ]
    assert log.lines[5] == ("read", [report_id(1)])
    written = [one for what, ids in log.lines if what == "write" for one in ids]
    assert sorted(written) == sorted(map(report_id, (1, 2, 3, 4)))


async def test_a_case_that_this_build_cannot_read_stops_its_partition_and_no_other_case_or_alert() -> None:
    log = cast("Any", Log())
    log.unreadable = {report_id(1)}
    handler = RoutingsHandler(log, ConsoleBroadcaster(), ManualClock(NOW), ALWAYS, log)
    strange = event("report.updated", 1, version=2, ownership=1, center="gwangju", kind="amended")
    again = event("report.updated", 1, version=3, ownership=1, center="gwangju", kind="message_left")
    told = [event("report.routed", 2, urgency="high"), event("report.routed", 3, urgency="critical")]
    batch = [received(strange, 0, 7), received(told[0], 1, 4), received(told[1], 1, 5), received(again, 0, 8)]
    assert await handler.handle(batch) == [Blocked("routings", 0, 7, "a case that this build cannot read")]
    assert [ids for what, ids in log.lines if what == "tell"] == [[report_id(3)], [report_id(2)]]


async def test_a_record_that_does_not_follow_stops_its_partition_and_no_other_case_or_alert() -> None:
    log = cast("Any", Log())
    forged = event("report.ended", 1, version=9, ownership=1, center="gwangju", reason="closed")
    told = [event("report.routed", 1), event("report.routed", 2), event("report.routed", 3, urgency="critical")]
    batch = [received(told[0], 0, 6), received(forged, 0, 7), received(told[1], 1, 4), received(told[2], 0, 8)]

    def handler(*given_up: str) -> RoutingsHandler:
        return RoutingsHandler(log, ConsoleBroadcaster(), ManualClock(NOW), ALWAYS, log, given_up=given_up)

    reason = f"report {report_id(1)}: version 9 does not follow 1"
    assert await handler().handle(batch) == [Blocked("routings", 0, 7, reason)]
    assert sorted(one for what, ids in log.lines if what == "tell" for one in ids) == sorted(map(report_id, (1, 2, 3)))
    assert await handler(report_id(1)).handle(batch) == []


def received(made: Event, partition: int, offset: int) -> Received:
    envelope = SimpleNamespace(traceparent=TRACE)
    one = SimpleNamespace(event=made, topic=ROUTINGS.name, partition=partition, offset=offset, envelope=envelope)
    return cast("Received", one)


class Gathered:
    """Stands for the handler and keeps what it was given."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    async def handle(self, batch: list[Any]) -> None:
        self.records += batch
