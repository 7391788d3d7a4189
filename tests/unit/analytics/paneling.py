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
from tests.support.clock import ManualClock
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
    return (*months.values(), *quarters, of_year("2026", *of("2026"), AS_OF, {}, {"corrections": {"came": 12}}))


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


def dashboard(
    staff: TestIdentity,
    clock: Clock,
    *,
    releases: Sequence[Release] | None = None,
    printed: Sequence[PublishedFigure] | None = PRINTED,
    watch: Watching | None = None,
) -> FastAPI:
    """Analytics with made-up releases in place of a store."""

    async def history() -> Sequence[PublishedFigure]:
        if printed is None:
            raise TransientError("the store is away")
        return printed

    store = Store()
    store.released = list(releases_made_up() if releases is None else releases)
    parts: Any = (store, watch or Watching())
    release_service = ReleaseService(parts[0], parts[0], clock, centers=(), harms=(), caught_up=lambda: None)
    nothing: Any = None
    return application(
        AnalyticsSettings(),
        Health(),
        release_service,
        parts[1],
        parts[1],
        staff.identity,
        clock,
        nothing,
        None,
        history=history,
    )


@cache
def as_usual() -> tuple[TestIdentity, FastAPI]:
    """The dashboard of all who ask for nothing special: making it takes a quarter of a second."""
    return _made()


def _made(**how: Any) -> tuple[TestIdentity, FastAPI]:
    clock = ManualClock(NOW)
    staff = TestIdentity(clock, "analytics")
    return staff, dashboard(staff, clock, **how)


async def fetch(path: str, **how: Any) -> str:
    staff, app = _made(**how) if how else as_usual()
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
