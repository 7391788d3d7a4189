"""Correct a released month: ``services.analytics.releases.revise MONTH --why-ko TEXT --why-en TEXT``.

Counts the month anew from the topics, up to where they were when it closed, by the code that is installed now: first
mend what was wrong. Then it releases the month, and the quarter and the year it is in, once more as a *revision* that
says why. What was released stays beside it. Prints which tables differ; ``--dry-run`` releases nothing. Status 1: there
is nothing to correct, or it cannot be told safely. Status 2: it could not begin or end; run it again.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from services.analytics.counting.reader import CountReader
from services.analytics.counting.rebuild import rebuild_of
from services.analytics.counting.rebuild_repository import abandon, remembered
from services.analytics.releases.errata import Why, changed
from services.analytics.releases.repository import Register
from services.analytics.releases.service import ReleaseService
from services.analytics.settings import AnalyticsSettings
from shared import log, process
from shared.centers import CENTER_IDS
from shared.clock import SystemClock
from shared.errors import IeumError, PermanentError
from shared.events.vocabulary import HarmType
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings, load
from shared.store_clock import StoreClock

REFUSED: Final = 1
FAILED: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, do it, print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.analytics.releases.revise", description=__doc__)
    parser.add_argument("month", help="a released month, as 2026-11")
    parser.add_argument("--why-ko", required=True, help="what was wrong, in Korean; everybody reads it")
    parser.add_argument("--why-en", required=True, help="the same in English")
    parser.add_argument("--dry-run", action="store_true", help="prove and print, release nothing")
    chosen = parser.parse_args(arguments)
    if not (chosen.why_ko.strip() and chosen.why_en.strip()):
        parser.error("a correction says why, in both languages: --why-ko and --why-en cannot be empty")
    log.configure("analytics-revise", "INFO")
    try:
        asyncio.run(_run(chosen.month, {"ko": chosen.why_ko, "en": chosen.why_en}, dry=chosen.dry_run))
    except PermanentError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except IeumError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0


async def _run(month: str, why: Why, *, dry: bool) -> None:
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
    async with rebuild_of(load(KafkaSettings), database, settings.given_up()) as rebuild:
        generation = await rebuild.as_of(await remembered(database, month))
        try:
            found = await release_service.revise(month, CountReader(database, generation), why, dry=dry)
        finally:
            await abandon(generation)
    done = "would be released" if dry else "released"
    for release in found:
        tables = ", ".join(changed(release, before[release.period])) or "sums of the month alone"
        sys.stdout.write(f"{release.period}: revision {release.revision} {done}; what differs: {tables}\n")


if __name__ == "__main__":
    process.run_command(main)
