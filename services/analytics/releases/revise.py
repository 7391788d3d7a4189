"""Correct a released month: ``ieum revise MONTH --why-ko TEXT --why-en TEXT``.

Counts the month anew from the topics, up to where they were when it closed, by the code that is installed now: first
mend what was wrong. Then it releases the month, and the quarter and the year it is in, once more as a *revision* that
says why. What was released stays beside it. Prints which tables differ; ``--dry-run`` releases nothing. Status 1: there
is nothing to correct, or it cannot be told safely. Status 75: it could not begin or end; run it again.
"""

import asyncio
import sys

from services.analytics.counting.reader import CountReader
from services.analytics.counting.rebuild import rebuild_of
from services.analytics.counting.rebuild_repository import abandon, remembered
from services.analytics.releases.errata import Why, changed
from services.analytics.releases.repository import Register
from services.analytics.releases.service import ReleaseService
from services.analytics.settings import AnalyticsSettings
from shared import log
from shared.centers import CENTER_IDS
from shared.clock import SystemClock
from shared.events.vocabulary import HarmType
from shared.mongo import connect
from shared.progress import Progress
from shared.settings import KafkaSettings, StoreSettings, load
from shared.store_clock import StoreClock


def main(month: str, why: Why, progress: Progress, *, dry: bool) -> int:
    """Do it and print; the exit status."""
    log.configure("analytics-revise", "INFO")
    asyncio.run(_run(month, why, progress, dry=dry))
    return 0


async def _run(month: str, why: Why, progress: Progress, *, dry: bool) -> None:
    settings, database = load(AnalyticsSettings), connect(load(StoreSettings), "analytics")
    clock = SystemClock()
    release_service = ReleaseService(
        CountReader(database),
        Register(database),
        clock,
        StoreClock.of(database, clock),
        centers=CENTER_IDS,
        harms=[harm.value for harm in HarmType],
        caught_up=lambda: None,
        limit_s=settings.proof_s,
    )
    before = {entry.period: entry for entry in await release_service.released()}
    async with rebuild_of(load(KafkaSettings), database, settings.given_up(), progress) as rebuild:
        generation = await rebuild.as_of(await remembered(database, month))
        try:
            found = await release_service.revise(month, CountReader(database, generation), why, dry=dry)
        finally:
            await abandon(generation)
    done = "would be released" if dry else "released"
    for release in found:
        tables = ", ".join(changed(release, before[release.period])) or "sums of the month alone"
        sys.stdout.write(f"{release.period}: revision {release.revision} {done}; what differs: {tables}\n")
