"""Late first records, on the real store."""

from datetime import UTC, datetime

from services.notify.cases.consumers import RoutingsHandler
from services.notify.cases.projection import RoutingEvent
from services.notify.cases.repository import CaseStore
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation.rules import Rules
from shared.clock import SystemClock
from shared.events.envelope import Envelope
from shared.kafka.router import Received
from shared.mongo import connect
from shared.settings import StoreSettings
from tests.unit.notify.memory_service import NothingHeld
from tests.unit.notify.samples import TRACE, event, report_id, stream

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def received(record: RoutingEvent, offset: int) -> Received:
    envelope = Envelope(id=str(offset), source="/ieum/routing", type=record.TYPE, time=NOW, traceparent=TRACE)
    return Received(record, envelope, "routings", 0, offset, 0)


async def test_a_late_first_record_before_a_true_later_one_changes_nothing(store_settings: StoreSettings) -> None:
    store = CaseStore(connect(store_settings, "notify"))
    await store.prepare()
    handler = RoutingsHandler(store, ConsoleBroadcaster(), SystemClock(), Rules(), NothingHeld())
    life = stream(1)
    await handler.handle([received(life[0], 0), received(life[1], 1)])
    late = event("report.routed", 1, center="jeju")
    await handler.handle([received(late, 2), received(life[2], 3)])
    case = (await store.load([report_id(1)]))[report_id(1)]
    assert (case.version, case.center_id, case.ownership) == (3, "busan", 2)


async def test_a_first_record_read_again_changes_nothing(store_settings: StoreSettings) -> None:
    store = CaseStore(connect(store_settings, "notify"))
    await store.prepare()
    handler = RoutingsHandler(store, ConsoleBroadcaster(), SystemClock(), Rules(), NothingHeld())
    life = stream(1)
    await handler.handle([received(life[0], 0)])
    await handler.handle([received(event("report.routed", 1, center="jeju"), 0), received(stream(2)[0], 1)])
    cases = await store.load([report_id(1), report_id(2)])
    assert {i: (c.version, c.center_id) for i, c in cases.items()} == {
        report_id(1): (1, "gwangju"),
        report_id(2): (1, "gwangju"),
    }
