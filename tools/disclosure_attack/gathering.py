"""Gather everything ever published: from the interface and the pages into a folder, from a folder into statements."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import httpx

from tools.disclosure_attack import documents
from tools.disclosure_attack.documents import unpacked

LANGUAGES: Final = ("ko", "en")
PAGES: Final = ("", "centers", "people", "trends")
MERGED: Final = {"jeonnam-gwangju": ("gwangju", "jeonnam")}
"""A division with two centres."""
_HIDDEN: Final = "*"
_BOUNDS: Final = ("at_least", "at_most")
_TOTAL: Final = "total"
_REPORTS: Final = "reports"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a number stands."""

    table: str
    period: str
    row: str
    column: str


@dataclass(frozen=True, slots=True)
class Said:
    """A statement of one source about a cell: it lies between two numbers (the same, if it is shown)."""

    cell: Cell
    low: int
    high: int
    source: str


@dataclass(frozen=True, slots=True)
class Published:
    """A table of a period as published: its rows and columns, what they are made of, and its numbers."""

    table: str
    period: str
    months: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    """Rows that stand for themselves; neither the total nor rows together."""
    together: Mapping[str, tuple[str, ...]]
    total: str
    coarser: bool
    """Something of it was left out for a reason that says nothing of its rows."""
    labels: Mapping[str, str]
    """Labels by key, in the language they were fetched in."""
    revised: bool = False
    """It was counted again."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A table of a period as it was then: between which two numbers each row's reports lie; hidden rows are missing."""

    table: str
    period: str
    months: tuple[str, ...]
    number: int
    as_of: str
    rows: Mapping[str, tuple[int, int]]


async def collect(client: httpx.AsyncClient, folder: Path) -> int:
    """Fetch every table in every form and every page into a folder; the number of files."""
    listed = (await _get(client, "/api/v1/tables")).json()
    files = {
        f"tables/{table['name']}/{period}.{lang}.{form}": f"{table['url']}?period={period}&format={form}&lang={lang}"
        for table in listed["tables"]
        for period in table["periods"]
        for form in listed["formats"]
        for lang in LANGUAGES
    }
    centers = next(table for table in listed["tables"] if table["name"] == "reports-by-center")
    periods = centers["periods"] or [""]  # until the first month there is one page, whatever is asked for
    files |= {
        f"pages/{page or 'overview'}-{period}.{lang}.html": f"/{page}?period={period}&lang={lang}"
        for page in PAGES
        for period in periods
        for lang in LANGUAGES
    }
    files |= {
        f"tables/{table['name']}/{period}.{lang}.csvw": f"{table['url']}/{period}.csv-metadata.json?lang={lang}"
        for table in listed["tables"]
        for period in table["periods"]
        for lang in LANGUAGES
    }
    files |= {f"pages/dictionary.{lang}.html": f"/dictionary?lang={lang}" for lang in LANGUAGES}
    months = [period for period in centers["periods"] if re.fullmatch(r"\d{4}-\d\d", period)]
    files |= {f"monthly/{month}.ko.pdf": f"/api/v1/monthly/{month}.pdf" for month in months}
    files |= {
        "all/cells.ndjson": "/api/v1/export?format=ndjson",
        "all/dictionary.csvw": "/api/v1/dictionary",
        "all/releases.json": "/api/v1/releases?limit=1000",
    }
    for name, url in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((await _get(client, url)).content)
    packed = await _get(client, f"/api/v1/export?format=zip&lang={LANGUAGES[0]}")
    return len(files) + await _former(client, listed, folder) + unpacked(packed.content, folder / "zip")


async def _former(client: httpx.AsyncClient, listed: Mapping[str, Any], folder: Path) -> int:
    """What corrected periods said before, as whoever fetched them then still has it; the number of files."""
    number = 0
    for table, period in ((each, period) for each in listed["tables"] for period in each["periods"]):
        newest = json.loads((folder / f"tables/{table['name']}/{period}.en.json").read_bytes())["revision"]
        for revision in range(newest):
            answer = await client.get(f"{table['url']}?period={period}&revision={revision}&format=json&lang=en")
            if answer.status_code == httpx.codes.OK:  # a period may not have had the table then
                path = folder / f"former/{table['name']}/{period}.{revision}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(answer.content)
                number += 1
    return number


async def _get(client: httpx.AsyncClient, url: str) -> httpx.Response:
    return (await client.get(url)).raise_for_status()


def read(folder: Path) -> tuple[list[Published], list[Said]]:
    """The tables and all statements of a folder. Ranges and numbers of the same cell from several sources all count."""
    tables: dict[tuple[str, str], Published] = {}
    said: list[Said] = []
    for path in sorted(folder.glob("tables/**/*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        table = _table(body)
        tables[table.table, table.period] = table
        said += _of_json(body, path.name)
    for path in sorted((*folder.glob("tables/**/*.csv"), *folder.glob("zip/**/*.csv"))):
        said += _of_csv(path)
    for path in sorted(folder.glob("zip/**/*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        said += _of_json(body, path.name) if "rows" in body else ()
    for path, rows in _cell_by_cell(folder):
        said += [
            Said(Cell(*place), low, high, path.name) for *place, low, high in rows if place[2] != documents.NOWHERE
        ]
    return list(tables.values()), said


def revisions(folder: Path) -> list[Revision]:
    """Every table as it is and as it was before each correction of its period."""
    found = []
    for path in sorted((*folder.glob("tables/*/*.en.json"), *folder.glob("former/*/*.json"))):
        body = json.loads(path.read_bytes())
        first = {one.cell.row: (one.low, one.high) for one in _of_json(body, "") if one.cell.column == _REPORTS}
        months = tuple(body["months"])
        number, as_of = body.get("revision", 0), body.get("as_of", "")
        found.append(Revision(body["name"], body["period"], months, number, as_of, first))
    return found


def _cell_by_cell(folder: Path) -> Iterator[tuple[Path, Iterator[documents.Bounded]]]:
    for path in sorted((*folder.glob("tables/**/*.parquet"), *folder.glob("zip/**/*.parquet"))):
        yield path, documents.of_parquet(path)
    for path in sorted(folder.glob("all/*.ndjson")):
        yield path, documents.of_ndjson(path)


def _table(body: Mapping[str, Any]) -> Published:
    rows = body["rows"]
    last = rows[-1]
    total = last["key"] if last.get("level", _TOTAL) == _TOTAL else _TOTAL  # figures that add up to nothing have none
    return Published(
        table=body["name"],
        period=body["period"],
        months=tuple(body["months"]),
        columns=tuple(column["key"] for column in body["columns"]),
        rows=tuple(row["key"] for row in rows if row["key"] != total and "together" not in row),
        together={row["key"]: tuple(row["together"]) for row in rows if "together" in row},
        total=total,
        coarser=bool(body.get("protection", {}).get("coarser")),
        labels={row["key"]: row["label"] for row in rows}
        | {column["key"]: column["label"] for column in body["columns"]},
        revised=bool(body.get("revision")),
    )


def _of_json(body: Mapping[str, Any], source: str) -> Iterator[Said]:
    for row in body["rows"]:
        for column, figure in zip(body["columns"], row["figures"], strict=True):
            cell = Cell(body["name"], body["period"], row["key"], column["key"])
            if "value" in figure:
                yield Said(cell, figure["value"], figure["value"], source)
            elif "low" in figure:
                yield Said(cell, figure["low"], figure["high"], source)


def _of_csv(path: Path) -> Iterator[Said]:
    lines = csv.reader(io.StringIO(path.read_text(encoding="utf-8").removeprefix("\ufeff")))
    first = next(lines)
    begin = first.index("level") + 1 if "level" in first else 2
    bounds = first.index(_BOUNDS[0]) if _BOUNDS[0] in first else None
    columns = first[begin : first.index("period") if bounds is None else bounds]
    for line in lines:
        if bounds is not None and line[bounds] != _HIDDEN:
            cell = Cell(path.parent.name, line[first.index("period")], line[0], columns[0])
            yield Said(cell, int(line[bounds]), int(line[bounds + 1]), path.name)
        for column, text in zip(columns, line[begin:], strict=False):
            cell = Cell(path.parent.name, line[first.index("period")], line[0], column)
            if text != _HIDDEN:
                yield Said(cell, int(text), int(text), path.name)


@dataclass(frozen=True, slots=True)
class Stray:
    """Something in a page's source that goes with a label and is in no published table for it."""

    source: str
    label: str
    text: str


class _Page(HTMLParser):
    """Texts beside a label: texts and attributes of a table's row, a chart's bar, a map's place; widths of bars."""

    def __init__(self) -> None:
        super().__init__()
        self.beside: list[tuple[str, str]] = []
        """Label, and a text or attribute that may hold its number."""
        self.widths: list[tuple[str, str]] = []
        """Label, and the width of a shape in its group."""
        self._label: str | None = None
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Rows and groups begin; attributes that may speak of data go with the row or group they stand in."""
        if tag in ("tr", "g", "svg"):  # a chart's own width goes with no row of the table before it
            self._label = None
        if tag in _TEXTS:
            self._text = []
        for name, value in attrs:
            if value is None:
                continue
            if name == "width" and value.endswith("%") and self._label is not None:
                self.widths.append((self._label, value))
            elif name.startswith("data-") or name in ("aria-label", "aria-description", "title", "value"):
                self._say(value)

    def handle_data(self, data: str) -> None:
        """Texts of the open element."""
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """A cell or a text ends: the first of its row or group is the label of the others."""
        if self._text is None or tag not in _TEXTS:
            return
        self._say(" ".join("".join(self._text).split()))
        self._text = None

    def _say(self, text: str) -> None:
        label, colon, number = text.rpartition(":")
        if colon and re.search(r"\d", number):
            self.beside.append((label.strip(), number.strip()))
        elif self._label is None:
            self._label = text
        else:
            self.beside.append((self._label, text))


_TEXTS: Final = frozenset({"th", "td", "text", "title", "desc", "dt", "dd", "li", "p", "option"})


def _by_key(said: list[Said]) -> dict[str, set[int]]:
    """What is said of each row and column, wherever."""
    values: dict[str, set[int]] = {}
    for one in said:
        values.setdefault(one.cell.row, set()).update((one.low, one.high))
        values.setdefault(one.cell.column, set()).update((one.low, one.high))
    for merged, places in MERGED.items():  # maps show such a division as the sum of what is said of its centres
        of_each = [{replace(one.cell, row=merged): one for one in said if one.cell.row == place} for place in places]
        for cell in set.intersection(*(set(each) for each in of_each)):
            both = [each[cell] for each in of_each]
            values.setdefault(merged, set()).update((sum(one.low for one in both), sum(one.high for one in both)))
    return values


def strays(path: Path, keys: Mapping[str, str], values: Mapping[str, set[int]]) -> Iterator[Stray]:
    """Numbers beside a row's label that no table says of it, and hidden bars that can be told apart by their width.

    ``keys``: of each label; ``values``: what is said of each key.
    """
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    numbered = set()
    for label, text in page.beside:
        number = re.fullmatch(r"(\d[\d,]*)(?:–(\d[\d,]*))?\D*", text)
        if label in keys and number is not None:
            numbered.add(label)
            own = {int(each.replace(",", "")) for each in number.groups() if each}
            if not own <= values.get(keys[label], set()):
                yield Stray(path.name, label, text)
    hidden = {(label, width) for label, width in page.widths if label in keys and label not in numbered}
    if len({width for _, width in hidden}) > 1:
        yield from (Stray(path.name, label, width) for label, width in sorted(hidden))


def every_stray(folder: Path) -> list[Stray]:
    """Of all pages of a folder, each read in its own language."""
    found: list[Stray] = []
    for language in LANGUAGES:
        own = sorted(folder.glob(f"tables/**/*.{language}.json"))
        bodies = [json.loads(path.read_text(encoding="utf-8")) for path in own]
        tables = [_table(body) for body in bodies]
        said = [one for body in bodies for one in _of_json(body, "")]
        keys = {label: key for table in tables for key, label in table.labels.items()}
        values = _by_key(said)
        for path in sorted(folder.glob(f"pages/*.{language}.html")):
            found += strays(path, keys, values)
        for path in sorted(folder.glob(f"monthly/*.{language}.pdf")):
            found += _pdf_strays(path, tables, said)
    found += _file_strays(folder)
    found += _between_revisions(folder)
    return found


def _between_revisions(folder: Path) -> Iterator[Stray]:
    """Counts that two revisions of a period say so nearly alike that their difference is a small count."""
    for path in sorted(folder.glob("former/*/*.json")):
        former = json.loads(path.read_bytes())
        later = [*folder.glob(f"tables/{former['name']}/{former['period']}.en.json")]
        later += [each for each in path.parent.glob(f"{former['period']}.*.json") if _number(each) > _number(path)]
        for other in later if former["name"] != _HOURS else ():
            was, now = _exact(former, json.loads(other.read_bytes()))
            for cell in was.keys() & now.keys():
                if 0 < abs(was[cell] - now[cell]) < _SMALL:
                    yield Stray(path.name, " ".join(cell), f"{was[cell]} and {now[cell]}")


def _number(former: Path) -> int:
    """Which revision a file is that ``_former`` wrote."""
    return int(former.stem.rpartition(".")[2])


_HOURS: Final = "staff-on-duty"
"""The table that counts no reports."""
_SMALL: Final = 5


def _exact(*bodies: Mapping[str, Any]) -> list[dict[tuple[str, str], int]]:
    """By row and column what each says exactly; of rows that one shows together only, what the parts add up to."""
    joint = {row["key"]: row["together"] for body in bodies for row in body["rows"] if "together" in row}
    found = []
    for body in bodies:
        columns = [column["key"] for column in body["columns"]]
        own = {
            (row["key"], column): figure["value"]
            for row in body["rows"]
            for column, figure in zip(columns, row["figures"], strict=True)
            if "value" in figure
        }
        for key, column in ((key, column) for key in joint for column in columns):
            if all((part, column) in own for part in joint[key]):
                own[key, column] = sum(own[part, column] for part in joint[key])
        found.append(own)
    return found


def _pdf_strays(path: Path, tables: list[Published], said: list[Said]) -> Iterator[Stray]:
    """Numbers beside a label that no table says of it; months stand as rows of their own, with the total."""
    values: dict[str, set[int]] = {}
    labels = {key: label for table in tables for key, label in table.labels.items()}
    for one in said:
        for key in (one.cell.row, one.cell.column, one.cell.period if one.cell.row == "total" else one.cell.row):
            values.setdefault(labels.get(key, key), set()).update((one.low, one.high))
    for label, number in documents.beside(path, {*values, *labels.values()}):
        if number not in values.get(label, set()):
            yield Stray(path.name, label, str(number))


def _file_strays(folder: Path) -> Iterator[Stray]:
    """Find numbers in files beside the cells: in descriptions, bounds that were not published, kinds of hidden."""
    for path in sorted((*folder.glob("**/*.csvw"), *folder.glob("zip/**/*-metadata.json"))):
        numbers = list(documents.numbers_in(json.loads(path.read_text(encoding="utf-8"))))
        yield from (Stray(path.name, "description", str(number)) for number in numbers)
    for path in sorted((*folder.glob("tables/**/*.parquet"), *folder.glob("zip/**/*.parquet"))):
        cells = list(documents.of_parquet(path))
        shown = {n for *_, row, _, low, high in cells if row != documents.NOWHERE for n in (low, high)}
        bounds = {low for *_, row, _, low, _ in cells if row == documents.NOWHERE}
        yield from (Stray(path.name, "statistics", str(bound)) for bound in sorted(bounds - shown))
        if len(words := documents.hidden_apart(path)) > 1:
            yield Stray(path.name, "hidden", ", ".join(sorted(words)))
