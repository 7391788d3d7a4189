"""The dashboard's pages, read as a reader of their source would: every answer, panel and cell, and nothing hidden."""

import random
from collections.abc import Sequence
from functools import cache
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

from services.analytics.dashboard.history import PublishedFigure, read
from services.analytics.main import application
from services.analytics.releases.release import Release, of_month, of_quarter, of_year
from services.analytics.releases.service import ReleaseService
from services.analytics.settings import AnalyticsSettings
from shared.clock import Clock
from shared.errors import TransientError
from shared.health import Health
from tests.support.clock import ManualClock, agreeing
from tests.support.staff import TestIdentity
from tests.unit.analytics import worlds
from tests.unit.analytics.dashboard.test_history import file
from tests.unit.analytics.releases.test_published import AS_OF, period
from tests.unit.analytics.releases.test_service import Store
from tests.unit.analytics.test_authorization import NOW, Watching

PATHS = ("/", "/centers", "/people", "/trends")
MONTHS = tuple(f"2025-{n:02d}" for n in range(10, 13)) + tuple(f"2026-{n:02d}" for n in range(1, 13))


@cache
def releases_made_up() -> tuple[Release, ...]:
    """A quarter and a year of made-up months, with a centre too small to be shown."""
    rnd = random.Random(5)
    counts = {name: worlds.month(name, 28, rnd) for name in MONTHS}
    months = {name: of_month(each, AS_OF, "full") for name, each in counts.items()}

    def of(name: str) -> tuple[list[Release], list[Any]]:
        own = [month for month in MONTHS if month in period(name).months]
        return [months[month] for month in own], [counts[month] for month in own]

    quarters = [of_quarter(q, *of(q), AS_OF, {}) for q in ("2025-Q4", *(f"2026-Q{n}" for n in range(1, 5)))]
    return (
        *months.values(),
        *quarters,
        of_year("2026", *of("2026"), AS_OF, {}, {"corrections": {"came": 12}}, quarters),
    )


_ROW = "{},national (D4U central),victims_supported,total,피해자,victims,{},persons,,{},https://example.org/{},"
PRINTED = read(
    file(
        _ROW.format(2018, 2379, "conflict", "a"),
        _ROW.format(2018, 1315, "conflict", "b"),
        _ROW.format(2020, 4973, "confirmed", "c"),
    )
)
"""Two that disagree, a year nobody printed, and one that is known."""


class Away(Watching):
    """A watch that cannot look."""

    def accounted(self) -> bool | None:
        return None


class Lost(Watching):
    """A watch that finds reports missing."""

    def accounted(self) -> bool | None:
        return False


class Parts:
    """Made-up releases in place of a store, a watch and printed figures. An app asks for them at each request."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._usual, self._none = self._released(releases_made_up()), self._released(())
        self.change()

    def change(
        self,
        *,
        releases: Sequence[Release] | None = None,
        printed: Sequence[PublishedFigure] | None = PRINTED,
        watch: Watching | None = None,
    ) -> None:
        """Have these from now on; without ``printed`` their store is away."""
        self.releases = self._usual if releases is None else self._released(releases) if releases else self._none
        self.printed, self.watch = printed, watch or Watching()

    def _released(self, releases: Sequence[Release]) -> ReleaseService:
        store: Any = Store()
        store.released = list(releases)
        return ReleaseService(
            store, store, self._clock, agreeing(self._clock), centers=(), harms=(), caught_up=lambda: None
        )

    async def history(self) -> Sequence[PublishedFigure]:
        if self.printed is None:
            raise TransientError("the store is away")
        return self.printed


class Newest:
    """Stands in an app for a part that may become another."""

    def __init__(self, parts: Parts, name: str) -> None:
        self._parts, self._name = parts, name

    def __getattr__(self, name: str) -> Any:
        found = getattr(getattr(self._parts, self._name), name)
        if not callable(found):
            return found

        def newest(*of: object) -> Any:  # the app may keep a method
            return getattr(getattr(self._parts, self._name), name)(*of)

        return newest


def dashboard(staff: TestIdentity, clock: Clock, parts: Parts) -> FastAPI:
    """Analytics of made-up parts."""
    release_service: Any = Newest(parts, "releases")
    watch: Any = Newest(parts, "watch")
    nothing: Any = None
    return application(
        AnalyticsSettings(),
        Health(),
        release_service,
        watch,
        watch,
        staff.identity,
        clock,
        nothing,
        None,
        history=parts.history,
    )


@cache
def dashboard_that_changes() -> tuple[TestIdentity, FastAPI, Parts]:
    """One dashboard for all who only read: making it takes a tenth of a second of computing."""
    clock = ManualClock(NOW)
    staff, parts = TestIdentity(clock, "analytics"), Parts(clock)
    return staff, dashboard(staff, clock, parts), parts


def shared_dashboard(**how: Any) -> tuple[TestIdentity, FastAPI]:
    """The one dashboard, of these parts until it is asked for again; see ``Parts.change``."""
    staff, app, parts = dashboard_that_changes()
    parts.change(**how)
    return staff, app


async def fetch(path: str, **how: Any) -> str:
    staff, app = shared_dashboard(**how)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.get(path, headers=staff.bearer("ministry", "analyst"))
    assert answer.status_code == 200, answer.text
    return answer.text


class Source(HTMLParser):
    """Sections by id, with their texts; rows of tables; charts with their texts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.attributes: list[str] = []
        self._section = ""
        self._cell: list[str] | None = None
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if (tag == "section" or found.get("class") == "stat") and found.get("id"):
            self._section = found["id"] or ""
        self.attributes += [f"{tag} {name}" for name, _ in attrs]
        if tag == "tr":
            self.rows.setdefault(self._section, []).append([])
        if tag in {"th", "td"}:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in {"th", "td"} and self._cell is not None:
            self.rows[self._section][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.texts.setdefault(self._section, []).append(text)
        if self._cell is not None:
            self._cell.append(data)

    def said(self, section: str) -> str:
        return " ".join(self.texts[section])

    def line(self, section: str, label: str) -> list[str]:
        return next(row[1:] for row in self.rows[section] if row and row[0] == label)


async def source(path: str, **how: Any) -> Source:
    return Source(await fetch(path, **how))
