"""Add the log up again and compare with the sums workers told last: a process of its own, of the lowest priority.

``ieum recount`` does so once: it prints 0 differences, or centres with what was told and what was counted, and ends
with 1. ``python -m services.routing.recount`` does so every hour and answers at `/health/ready` and `/metrics` of
``ROUTING_PORT``: while sums differ, it is degraded.

It reads topics only and asks no worker and no store. It prints sums of centres, for operators; nothing of any report.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Final, NoReturn

from prometheus_client import Gauge

from services.routing.models import CaseTotals
from services.routing.settings import RoutingSettings
from services.routing.state.loads import LoadView, PartitionLoads, load_keys
from services.routing.state.recount import Recount, difference
from services.routing.state.report_states import RoutingEvent
from services.routing.state.restore import Reader, readable
from shared import log, process
from shared import settings as configuration
from shared.clock import Clock, SystemClock
from shared.health import Health
from shared.jobs import Jobs
from shared.kafka.reader import Follower, PartitionReader
from shared.metrics import REGISTRY
from shared.settings import KafkaSettings
from shared.topics import LOADS, ROUTINGS
from shared.web.app import Documentation, create_app
from shared.web.serve import serve
from shared.web.translations import gettext_noop

_log = log.get(__name__)

EVERY_S: Final = 3600.0
_LOWEST_PRIORITY: Final = 19

DIFFERING: Final = Gauge(
    "ieum_routing_recount_differing_centers",
    "Centres whose sums differed from the last recount of the log; must be 0.",
    registry=REGISTRY,
)
RECOUNTED: Final = Gauge(
    "ieum_routing_recounted_timestamp_seconds", "When the log had last been recounted.", registry=REGISTRY
)

Differences = Mapping[int, Mapping[str, tuple[CaseTotals, CaseTotals]]]
"""By partition and centre: what was told and what was counted."""


def command(every_s: float = EVERY_S) -> NoReturn:
    """Recount again and again, as a process of its own."""
    os.nice(_LOWEST_PRIORITY)
    process.run(lambda: _serve(every_s))


def once() -> int:
    """Recount and print; the exit status. Raises ``TransientError`` where Kafka is away."""
    os.nice(_LOWEST_PRIORITY)
    log.configure("routing-recount", "WARNING")
    found = asyncio.run(recount_log(configuration.load(KafkaSettings)))
    wrong = sum(map(len, found.values()))
    sys.stdout.write(f"centres whose sums differ from the log: {wrong}\n")
    for partition, centers in sorted(found.items()):
        for center, (told, counted) in centers.items():
            sys.stdout.write(f"  partition {partition}, {center}: told {tuple(told)}, counted {tuple(counted)}\n")
    return int(wrong > 0)


class RepeatedRecount:
    """The recount as a job: measured, and an alarm while sums differ."""

    def __init__(self, count: Callable[[], Awaitable[Differences]], clock: Clock) -> None:
        self._count = count
        self._clock = clock
        self._partitions: list[int] = []

    async def run(self) -> None:
        """Recount once. Raises ``TransientError`` while Kafka does not answer: what was found last stands."""
        found = await self._count()
        self._partitions = sorted(found)
        wrong = sum(map(len, found.values()))
        DIFFERING.set(wrong)
        RECOUNTED.set(self._clock.now().timestamp())
        if wrong:
            _log.error("routing.recount_differs", partitions=self._partitions, centers=wrong)

    def check(self) -> str | None:
        """For health: where sums differ from the log, or None."""
        if not self._partitions:
            return None
        return f"degraded: sums of partitions {self._partitions} differ from the log; see `ieum recount`"


async def _serve(every_s: float) -> None:
    settings, bus = configuration.load(RoutingSettings), configuration.load(KafkaSettings)
    log.configure("routing-recount", settings.log_level)
    health, clock = Health(), SystemClock()
    repeated = RepeatedRecount(lambda: recount_log(bus), clock)
    health.degraded["recount"] = repeated.check
    jobs = Jobs(health, clock)
    jobs.every(every_s, "recount", repeated.run)
    app = create_app(
        service="routing",
        documentation=Documentation(
            title=gettext_noop("Ieum's recount of routing"),
            description=gettext_noop("Adds the log of routings up again, and alarms where workers told other sums."),
        ),
        settings=settings,
        health=health,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(jobs.run(), name="jobs")
        tasks.create_task(serve(app, settings.host, settings.port), name="http-server")


async def recount_log(settings: KafkaSettings) -> Differences:
    """Connect, hear the sums that were told last, and count the log. Raises ``TransientError`` where Kafka is away."""
    view, reader = LoadView(1), PartitionReader(settings, ROUTINGS)
    follower = Follower(
        settings,
        (LOADS,),
        view.apply,
        from_start=True,
        clock=SystemClock(),
        newest_of=load_keys(settings.topic_partitions),
    )
    await reader.start()
    try:
        await follower.start()
        await follower.stop()
        return await recount(reader, view.summaries)
    finally:
        await reader.stop()


async def recount(reader: Reader, told: Mapping[int, PartitionLoads]) -> Differences:
    """Count every partition up to where its newest sums stand, one after the other; only what differs is returned."""
    found = {}
    for partition, summary in sorted(told.items()):
        counted = Recount()
        async with aclosing(reader.read({partition: (0, summary.upto)})) as records:
            async for raw in records:
                if isinstance(event := readable(raw), RoutingEvent):
                    counted.take(event)
        sums = {c: CaseTotals(x.open_cases, x.weighted, x.guests, x.severe) for c, x in summary.loads.items()}
        if wrong := difference(sums, counted.case_totals()):
            found[partition] = wrong
    return found


if __name__ == "__main__":
    command()
