"""The parts between fold and page: reconciliation, publications over time, formats, texts, belonging partitions."""

import ast
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import services.analytics
from services.analytics.api import wanted_format
from services.analytics.handlers import next_offsets, together_or_fatal
from services.analytics.policy.disclosure import Figure, Release
from services.analytics.policy.reconciliation import Tally, reconcile
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.publications import Basis, Publications
from shared.bus.records import Received
from shared.clock import ManualClock
from shared.errors import FatalError
from shared.events.envelope import Envelope
from shared.web.app import Problem
from shared.web.language import Language
from shared.web.pages import Pages
from shared.web.translations import placeholders, read_catalog
from tests.unit.analytics import events as make

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


# --- all accounted for

TALLY = Tally(
    sums={"accepted": 10, "routed": 8, "alerted": 7, "acknowledged": 3, "counted": 7},
    without_owner=3,
    dead=1,
    ahead=1,
    oldest=NOW - timedelta(seconds=40),
)


def test_both_ends_agree() -> None:
    result = reconcile(TALLY, NOW)
    assert (result.difference, result.in_flight, result.dead, result.oldest_in_flight_seconds) == (0, 2, 1, 40.0)


@pytest.mark.parametrize(("lost", "difference"), [({"accepted": 11}, 1), ({"routed": 9}, -1)])
def test_a_sum_that_drifted_shows(lost: dict[str, int], difference: int) -> None:
    assert reconcile(replace(TALLY, sums=TALLY.sums | lost), NOW).difference == difference


def test_a_report_that_only_lies_in_the_dead_topic_does_not_wait() -> None:
    only_dead = replace(TALLY, without_owner=1, sums={"accepted": 8, "routed": 8})
    result = reconcile(only_dead, NOW)
    assert (result.in_flight, result.oldest_in_flight_seconds, result.difference) == (0, None, 0)


# --- publications


class Cells:
    """The part of the store that publications use, in memory."""

    def __init__(self) -> None:
        self.reports = 0
        self.answered = 0
        self.kept: dict[str, tuple[Release, Basis]] = {}

    async def cells(self, first: str, last: str) -> dict[str, Counter[str]]:
        del last
        return {first: Counter({"reports|busan|all": self.reports, "ack|0": self.answered})} if self.reports else {}

    async def first_day(self) -> date | None:
        return date(2026, 10, 5)

    async def release(self, month: str) -> tuple[Release, Basis] | None:
        return self.kept.get(month)

    async def publish(self, release: Release, basis: Basis, *, after: Basis | None) -> bool:
        current = self.kept.get(release.month)
        if (current[1] if current else None) != after or (current and current[0].closed):
            return False
        self.kept[release.month] = (release, basis)
        return True


class Office:
    def __init__(self) -> None:
        self.cells = Cells()
        self.clock = ManualClock(NOW)
        self.caught_up: datetime | None = None
        store: Any = self.cells
        self.publications = Publications(
            store,
            self.clock,
            centers=["busan", "daegu"],
            harms=["other"],
            caught_up=lambda: self.caught_up,
            look_every_s=0,
        )

    async def busan(self, month: str = "2026-11") -> Figure:
        return (await self.publications.release(month)).centers["busan"]


async def test_the_first_picture_waits_for_twenty_five_reports() -> None:
    office = Office()
    office.cells.reports = 24
    assert (await office.busan()).hidden
    office.cells.reports = 25
    assert await office.busan() == Figure(25, 29)


async def test_the_picture_moves_only_after_twenty_five_more_reports_or_answers() -> None:
    office = Office()
    office.cells.reports = 30
    assert await office.busan() == Figure(30, 34)
    office.cells.reports = 54
    assert await office.busan() == Figure(30, 34)
    office.cells.answered = 25
    assert await office.busan() == Figure(50, 54)


async def test_while_reports_are_counted_anew_what_is_published_stays() -> None:
    office = Office()
    office.cells.reports = 60
    assert await office.busan() == Figure(60, 64)
    office.cells.reports = 30
    assert await office.busan() == Figure(60, 64)
    office.cells.reports = 90
    assert await office.busan() == Figure(90, 94)


async def test_a_month_closes_once_everything_up_to_its_closing_is_counted_and_stays() -> None:
    office = Office()
    office.cells.reports = 31
    office.caught_up = datetime(2026, 11, 3, 14, 59, tzinfo=UTC)
    assert await office.busan("2026-10") == Figure(30, 34)
    office.caught_up = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
    assert await office.busan("2026-10") == Figure(31, 31)
    office.cells.reports = 99
    assert await office.busan("2026-10") == Figure(31, 31)


async def test_who_publishes_second_shows_what_was_published_first() -> None:
    office = Office()
    office.cells.reports = 30
    first = await office.publications.release("2026-11")
    real = office.cells.release
    answers = [None, (first, (30, 0))]

    async def late(month: str) -> tuple[Release, Basis] | None:
        del month
        return answers.pop(0)

    office.cells.release = late  # type: ignore[method-assign]  # another worker gets in between the two reads
    office.cells.reports = 80
    assert await office.busan() == Figure(30, 34)
    office.cells.release = real  # type: ignore[method-assign]  # back to normal


async def test_which_periods_there_are() -> None:
    office = Office()
    assert await office.publications.periods("month") == ["2026-11", "2026-10"]


# --- formats


@pytest.mark.parametrize(
    ("asked", "accept", "form"),
    [
        ("csv", "application/json", "csv"),
        ("json", "text/csv", "json"),
        ("", "text/csv", "csv"),
        ("", None, "json"),
        ("", "text/html, */*;q=0.8", "json"),
        ("", "text/csv, application/json", "json"),
    ],
)
def test_the_format_is_what_was_asked_for(asked: str, accept: str | None, form: str) -> None:
    assert wanted_format(asked, accept) == form


@pytest.mark.parametrize(("asked", "accept"), [("xml", None), ("", "text/html")])
def test_another_format_is_refused_with_the_ones_there_are(asked: str, accept: str | None) -> None:
    with pytest.raises(Problem) as refused:
        wanted_format(asked, accept)
    assert refused.value.status_code == 406
    assert refused.value.values == {"formats": "json, csv"}


# --- partitions and offsets


def places(**by_topic: list[int]) -> frozenset[tuple[str, int]]:
    return frozenset((topic, p) for topic, partitions in by_topic.items() for p in partitions)


def test_the_same_partitions_of_all_four_topics_belong_together() -> None:
    four: Mapping[str, list[int]] = {"reports": [0, 2], "routings": [0, 2], "cases": [0, 2], "alerts": [0, 2]}
    assert together_or_fatal(places(**four, centers=[0])) == {0, 2}
    assert together_or_fatal(places(centers=[0])) == set()
    with pytest.raises(FatalError, match="belong together"):
        together_or_fatal(places(**{**four, "cases": [0, 1]}))


def test_the_next_offset_is_one_after_the_last_of_each_partition() -> None:
    envelope = Envelope(id="1", source="s", type="t", time=NOW, traceparent="")
    records = [Received(make.received(make.report_id(n)), envelope, "reports", n % 2, n, 0) for n in (3, 4, 5)]
    assert next_offsets(records) == {("reports", 1): 6, ("reports", 0): 5}


# --- texts


def test_every_text_has_its_korean_with_the_same_holes() -> None:
    folder = Path(services.analytics.__file__).parent
    catalog = read_catalog(folder / "locale")
    korean = {str(m.id): str(m.string) for m in catalog if m.id}
    assert all(korean.values())
    assert {text for text, translated in korean.items() if placeholders(text) != placeholders(translated)} == set()
    shared_texts = read_catalog(folder.parents[1] / "shared" / "web" / "locale")
    known = {*korean, *(str(m.id) for m in shared_texts if m.id)}
    assert texts_used(folder) - known == set()


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_sentence_with_a_number_shows_the_number(lang: Language) -> None:
    folder = Path(services.analytics.__file__).parent
    pages = Pages(folder / "templates", folder / "locale", AnalyticsSettings(), "analytics")
    blocks = [
        block
        for path in (folder / "templates").rglob("*.html")
        for block in re.findall(r"{% trans.*?{% endtrans %}", path.read_text())
    ]
    assert blocks
    for block in blocks:
        numbered, holes = re.subn(r"(\w+)=[^ ,%]+", r"\1=25", block)
        shown = pages._environments[lang].from_string(numbered).render()
        assert "%(" not in shown
        assert ("25" in shown) == bool(holes)
        assert bool(re.search("[가-힣]", shown)) == (lang == "ko")


def texts_used(folder: Path) -> set[str]:

    used: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "gettext_noop":
                used.add(ast.literal_eval(node.args[0]))
    for path in folder.rglob("*.html"):
        source = path.read_text()
        used |= {text for _, text in re.findall(r"_\(([\"'])(.*?)\1\)", source)}
        blocks = re.findall(r"{% trans.*?%}(.*?){% endtrans %}", source)
        used |= {re.sub(r"{{ (\w+) }}", r"%(\1)s", text) for text in blocks}
    return used
