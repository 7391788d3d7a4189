"""What is asked every two seconds goes through the few facts it is about, never through all there are."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from services.analytics.counting.consumers import ProjectionConsumer
from services.analytics.counting.reader import CountReader
from services.analytics.counting.repository import prepare, serving
from services.analytics.releases.calendar import running
from shared.events.vocabulary import UpdateKind
from shared.settings import StoreSettings
from tests.integration.analytics.test_one_store import as_received
from tests.integration.analytics.traffic import record
from tests.unit.analytics import events as make


class Asked(CommandListener):
    """The questions about facts that the store was asked."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        command = dict(event.command)
        if "facts" in (command.get("aggregate"), command.get("find"), command.get("count")):
            self.found.append(command)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        del event

    def failed(self, event: CommandFailedEvent) -> None:
        del event


def _narrow(command: dict[str, Any]) -> bool:
    """It names an index of few facts, or the ids it wants."""
    return "hint" in command or "_id" in command.get("filter", {})


async def test_the_counts_and_who_waits_longest_name_their_index(store_settings: StoreSettings) -> None:
    asked = Asked()
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        store_settings.uri.get_secret_value(), tz_aware=True, event_listeners=[asked]
    )
    database = client[f"{store_settings.database_prefix}analytics"]
    await prepare(database)
    rids = [make.report_id(n) for n in range(60)]
    accepted = [record(make.received(rid)) for rid in rids[:50]]
    routed = [record(make.routed(rid, "busan")) for rid in (*rids[:40], *rids[50:])]
    seen = [record(make.acknowledged(rid)) for rid in rids[:30]]
    projection, reader = ProjectionConsumer(database), CountReader(database)
    back = make.updated(rids[40], 3, kind=UpdateKind.REINSTATED)
    back = back.model_copy(update={"decided_at": make.START + timedelta(seconds=300)})
    routed += [record(e) for e in (make.routed(rids[40], "daegu"), make.ended(rids[40], 2), back)]
    seen.append(record(make.acknowledged(rids[40])))
    for records in (accepted, routed, seen):
        await projection.handle(as_received(records, 0))
    await reader.add_dead(rids[45:47])
    asked.found.clear()
    reconciliation_counts, waiting = await reader.reconciliation_counts(), await reader.oldest_unseen()
    assert (reconciliation_counts.without_owner, reconciliation_counts.ahead, reconciliation_counts.dead) == (9, 10, 2)
    assert (reconciliation_counts.oldest, reconciliation_counts.sums["accepted"]) == (make.START, 50)
    assert reconciliation_counts.oldest_ahead == make.START
    # Given up, for want of a record that is lost for good: nobody waits for it, and the equation holds as before.
    for lost, oldest in ((rids[50:], None), (rids[51:], make.START)):
        without = await CountReader(database, given_up=lost).reconciliation_counts()
        assert without == replace(reconciliation_counts, oldest_ahead=oldest)
    # As long as it has had to: one that came back waits since then.
    assert waiting == {"busan": make.START + timedelta(seconds=1), "daegu": make.START + timedelta(seconds=300)}
    assert len(asked.found) >= 3
    assert [command for command in asked.found if not _narrow(command)] == []
    every = (
        await (await serving(database)).facts.find({"standing": {"$exists": True}}, hint={"$natural": 1}).to_list(None)
    )
    assert len(every) == reconciliation_counts.without_owner + reconciliation_counts.ahead


async def test_what_cells_count_of_reports_that_were_never_accepted_can_be_taken_off(
    store_settings: StoreSettings,
) -> None:
    """Busan answered three; of two no acceptance was read, and of these one was received in another month."""
    asked = Asked()
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        store_settings.uri.get_secret_value(), tz_aware=True, event_listeners=[asked]
    )
    database = client[f"{store_settings.database_prefix}analytics"]
    await prepare(database)
    accepted, lost, lost_before, waiting = (make.report_id(n) for n in range(4))
    routed = [make.routed(rid, "busan") for rid in (accepted, lost, waiting)]
    earlier = make.routed(lost_before, "busan").model_copy(update={"received_at": make.START - timedelta(days=40)})
    projection, reader = ProjectionConsumer(database), CountReader(database)
    for events in (
        [make.received(accepted)],
        [*routed, earlier],
        [make.acknowledged(rid) for rid in (accepted, lost, lost_before)],
    ):
        await projection.handle(as_received([record(event) for event in events], 0))
    month = running(make.START, "month")
    answered = Counter(
        {
            name: n
            for of_day in (await reader.cells(month)).values()
            for name, n in of_day.items()
            if name.startswith("ack|")
        }
    )
    asked.found.clear()
    ahead = await reader.acknowledged_ahead(month)
    assert (answered.total(), ahead.total(), (answered - ahead).total()) == (2, 1, 1)
    assert [command for command in asked.found if not _narrow(command)] == []
    await projection.handle(as_received([record(make.received(rid)) for rid in (accepted, lost)], 0))
    assert await reader.acknowledged_ahead(month) == {}, "its acceptance was read at last"
