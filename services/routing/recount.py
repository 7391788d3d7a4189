"""``python -m services.routing.recount``: add the whole log up again and compare with the sums workers told last.

A job of its own, to be run by a timer (once an hour) or by hand: it reads topics only, asks no worker and no store, and
gives way to everybody. Prints 0 differences, or centres with what was told and what was counted, and ends with 1. Ends
with 2 where it cannot begin: Kafka away. Prints sums of centres, for operators; nothing of any report.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from services.routing.handlers.loads import LoadView, Summary
from services.routing.model import Tally
from services.routing.projection import RoutingEvent
from services.routing.projection.recount import Recount, difference
from services.routing.state.restore import Reader, readable
from shared import log
from shared import settings as configuration
from shared.clock import SystemClock
from shared.errors import IeumError
from shared.kafka.reader import Follower, PartitionReader
from shared.settings import KafkaSettings
from shared.topics import LOADS, ROUTINGS

CANNOT_BEGIN: Final = 2
_LOWEST_PRIORITY: Final = 19

Differences = Mapping[int, Mapping[str, tuple[Tally, Tally]]]
"""By partition and centre: what was told and what was counted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, recount, print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.routing.recount", description=__doc__)
    parser.add_argument(
        "--metrics-file", type=Path, metavar="FILE.prom", help="also for node_exporter's textfile folder"
    )
    chosen = parser.parse_args(arguments)
    os.nice(_LOWEST_PRIORITY)
    log.configure("routing-recount", "WARNING")
    try:
        found = asyncio.run(_recount(configuration.load(KafkaSettings)))
    except IeumError as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_BEGIN
    wrong = sum(map(len, found.values()))
    if chosen.metrics_file is not None:
        _write(chosen.metrics_file, wrong)
    sys.stdout.write(f"centres whose sums differ from the log: {wrong}\n")
    for partition, centers in sorted(found.items()):
        for center, (told, counted) in centers.items():
            sys.stdout.write(f"  partition {partition}, {center}: told {tuple(told)}, counted {tuple(counted)}\n")
    return int(wrong > 0)


async def _recount(settings: KafkaSettings) -> Differences:
    view, reader = LoadView(1), PartitionReader(settings, ROUTINGS)
    follower = Follower(settings, (LOADS,), view.apply, from_start=True, clock=SystemClock())
    await reader.start()
    try:
        await follower.start()
        await follower.stop()
        return await recount(reader, view.summaries)
    finally:
        await reader.stop()


async def recount(reader: Reader, told: Mapping[int, Summary]) -> Differences:
    """Count every partition up to where its newest sums stand, one after the other; only what differs is returned."""
    found = {}
    for partition, summary in sorted(told.items()):
        counted = Recount()
        async with aclosing(reader.read({partition: (0, summary.upto)})) as records:
            async for raw in records:
                if isinstance(event := readable(raw), RoutingEvent):
                    counted.take(event)
        sums = {c: Tally(x.open_cases, x.weighted, x.guests, x.severe) for c, x in summary.loads.items()}
        if wrong := difference(sums, counted.tallies()):
            found[partition] = wrong
    return found


def _write(file: Path, wrong: int) -> None:
    registry = CollectorRegistry()
    Gauge(
        "ieum_routing_recount_differing_centers",
        "Centres whose sums differed from the last recount of the log; must be 0.",
        registry=registry,
    ).set(wrong)
    Gauge("ieum_routing_recounted_timestamp_seconds", "When the log had last been recounted.", registry=registry).set(
        time.time()
    )
    write_to_textfile(str(file), registry)


if __name__ == "__main__":
    sys.exit(main())
