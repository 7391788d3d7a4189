"""The parts between fold and page: reconciliation, formats, texts, belonging partitions."""

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import services.analytics
from services.analytics.counting.consumers import next_offsets, together_or_fatal
from services.analytics.counting.reconciliation import ReconciliationCounts, reconcile
from services.analytics.exports.table_files import wanted_format
from services.analytics.settings import AnalyticsSettings
from shared.errors import FatalError
from shared.events.envelope import Envelope
from shared.kafka.decoding import Received
from shared.web.app import Problem
from shared.web.language import Language
from shared.web.pages import Pages
from shared.web.translations import placeholders, read_catalog
from tests.unit.analytics import events as make

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


# --- all accounted for

TALLY = ReconciliationCounts(
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
        ("parquet", None, "parquet"),
        ("", "application/vnd.apache.parquet", "parquet"),
    ],
)
def test_the_format_is_what_was_asked_for(asked: str, accept: str | None, form: str) -> None:
    assert wanted_format(asked, accept) == form


@pytest.mark.parametrize(("asked", "accept"), [("xml", None), ("", "text/html")])
def test_another_format_is_refused_with_the_ones_there_are(asked: str, accept: str | None) -> None:
    with pytest.raises(Problem) as refused:
        wanted_format(asked, accept)
    assert refused.value.status_code == 406
    assert refused.value.values == {"formats": "json, csv, parquet"}


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
