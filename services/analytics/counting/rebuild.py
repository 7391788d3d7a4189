"""Count the whole log anew beside the running service, compare, swap: ``services.analytics.counting.rebuild``.

Prints every cell counted differently and then leaves the old generation in place (status 1), unless ``--accept``.
``--back`` lets the generation before the present one serve again. ``--as-of NAME`` counts up to where the topics were
when a release was made, prints the national sums of then and changes nothing. Killed at any point, the generation that
served goes on serving. Status 2: it could not begin or end, for example because Kafka is away.
"""

import argparse
import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from services.analytics.counting.bulk import FOLDED_TOPICS, Rebuild, Rebuilt
from services.analytics.counting.generations import Database
from services.analytics.counting.reader import Reader
from services.analytics.counting.rebuild_repository import abandon, remembered
from services.analytics.settings import AnalyticsSettings
from shared import log
from shared.errors import IeumError
from shared.kafka.reader import PartitionReader
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings, load
from shared.topics import CENTERS

FAILED: Final = 2
_SHOWN: Final = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, do it, print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.analytics.counting.rebuild", description=__doc__)
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--accept", action="store_true", help="swap even where cells differ")
    one.add_argument("--back", action="store_true", help="the generation before serves again")
    one.add_argument("--as-of", metavar="NAME", help="a release whose numbers are to be counted again")
    chosen = parser.parse_args(arguments)
    log.configure("analytics-rebuild", "INFO")
    try:
        return asyncio.run(_run(accept=chosen.accept, back=chosen.back, name=chosen.as_of))
    except IeumError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED


async def _run(*, accept: bool, back: bool, name: str | None) -> int:
    settings = load(KafkaSettings)
    database = connect(load(StoreSettings), "analytics")
    async with rebuild_of(settings, database, load(AnalyticsSettings).given_up()) as rebuild:
        if back:
            before, now = await rebuild.back()
            _say(f"generation {now} serves again, brought up to date; generation {before} is kept")
            return 0
        if name is not None:
            return await _as_of(rebuild, database, name)
        rebuilt = await rebuild.run(accept=accept)
    for line in told(rebuilt):
        _say(line)
    return 0 if rebuilt.swapped else 1


@asynccontextmanager
async def rebuild_of(
    settings: KafkaSettings, database: Database, given_up: Collection[str] = frozenset()
) -> AsyncIterator[Rebuild]:
    """A rebuild with readers of its topics, connected."""
    async with AsyncExitStack() as stack:
        logs = {topic: PartitionReader(settings, topic) for topic in (*FOLDED_TOPICS, CENTERS)}
        for reader in logs.values():
            stack.push_async_callback(reader.stop)
            await reader.start()
        yield Rebuild(database, logs, settings.topic_partitions, given_up=given_up)


async def _as_of(rebuild: Rebuild, database: Database, name: str) -> int:
    generation = await rebuild.as_of(await remembered(database, name))
    tally = await Reader(database, generation).tally()
    sums = ", ".join(f"{stage} {n}" for stage, n in sorted(tally.sums.items()))
    _say(f"as of {name}: {sums or 'nothing'}; in flight or dead {tally.without_owner}")
    await abandon(generation)
    return 0


def told(rebuilt: Rebuilt) -> list[str]:
    """What the operator reads."""
    rate = rebuilt.events / rebuilt.seconds if rebuilt.seconds else 0
    took = f"{rebuilt.seconds:.1f} s ({rate:,.0f} a second, {peak_mb():.0f} MB at most)"
    lines = [f"{rebuilt.events:,} events counted anew in {took}"]
    lines += [f"{each.where} {each.cell}: {each.old} before, {each.new} now" for each in rebuilt.differences[:_SHOWN]]
    if len(rebuilt.differences) > _SHOWN:
        lines.append(f"… and {len(rebuilt.differences) - _SHOWN} more")
    lines.append(f"{len(rebuilt.differences)} cells differ")
    if rebuilt.swapped:
        lines.append(f"generation {rebuilt.generation} serves; --back lets generation {rebuilt.served} serve again")
    else:
        lines.append(f"generation {rebuilt.served} goes on serving; --accept swaps all the same")
    return lines


def peak_mb() -> float:
    """The most memory this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
