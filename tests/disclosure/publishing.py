"""Made-up years, released and then fetched as an analyst fetches them: from the interface and the pages."""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

import services.analytics
from services.analytics.dashboard.history import PublishedFigure, read
from services.analytics.main import application
from services.analytics.releases.audit import Proof
from services.analytics.releases.release import Release
from services.analytics.releases.service import ReleaseService
from services.analytics.releases.suppression import MonthCounts
from services.analytics.settings import AnalyticsSettings
from shared.clock import SystemClock
from shared.health import Health
from tests.support.clock import agreeing
from tests.support.staff import TestIdentity
from tests.unit.analytics.releases.test_service import Store
from tests.unit.analytics.worlds import year_of
from tools.disclosure_attack.gathering import collect

_FIGURES: Final = Path(services.analytics.__file__).parent / "data" / "published-figures.csv"


def released(
    years: Iterable[int],
    per_day: float,
    seed: int,
    *,
    uneven: bool = False,
    first_weeks: bool = False,
) -> Iterator[tuple[Release, Proof, dict[str, MonthCounts]]]:
    """Everything that leaves in these years, in order, each with its proof and the true counts of its year so far."""
    rnd = random.Random(seed)
    for year in years:
        yield from year_of(year, per_day, rnd, crossings=True, uneven=uneven, first_weeks=first_weeks)
        first_weeks = False


class Watching:
    """A watch that finds nothing missing."""

    def stopped_since(self) -> datetime | None:
        """As if counting kept up."""
        return None

    def accounted(self) -> bool:
        """As if it had looked."""
        return True


async def printed() -> list[PublishedFigure]:
    """The published figures of before, as the pages show them beside what is counted."""
    return read(_FIGURES.read_text(encoding="utf-8"))


async def fetched(entries: Iterable[Release], folder: Path) -> int:
    """Serve releases and fetch all of them into a folder; the number of files."""
    clock = SystemClock()
    staff = TestIdentity(clock, "analytics")
    store = Store()
    store.released = list(entries)
    nothing: Any = None
    register: Any = store
    release_service = ReleaseService(
        register, register, clock, agreeing(clock), centers=(), harms=(), caught_up=lambda: None
    )
    watch: Any = Watching()
    app = application(
        AnalyticsSettings(),
        Health(),
        release_service,
        nothing,
        watch,
        staff.identity,
        clock,
        nothing,
        None,
        history=printed,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1",
        headers=staff.bearer("ministry", "analyst"),
        timeout=60,
    ) as client:
        return await collect(client, folder)
