"""Published yearly figures from before this system: reading them, and the series they make. Pure.

What is unknown stays unknown, and where prints disagree all of them stay. A series is of one metric, unit and category:
persons, cases and reports are different figures, and none is ever added to another or to what is counted here.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from io import StringIO
from typing import Any, Final, Literal

COLUMNS: Final = (
    *("year", "scope", "metric", "dimension", "category_ko", "category_en"),
    *("value", "unit", "share_pct", "status", "source", "note"),
)
UNITS: Final = ("persons", "cases", "reports", "sites", "ratio")
STATUSES: Final = ("confirmed", "derived", "weak", "conflict", "not found")
"""How sure a row is. ``conflict``: another print says otherwise. ``not found``: looked for, and there is no figure."""
FIRST_YEAR: Final = 2018
_YEAR: Final = re.compile(r"(20\d\d)(?: \(year inferred\))?")
_SPAN: Final = re.compile(r"20\d\d(-\d\d){0,2}\.\.(20\d\d(-\d\d){0,2}|\d\d(-\d\d)?)")
_SLUG: Final = re.compile(r"[a-z][a-z0-9_]{1,40}")
_LONGEST: Final = 500
_NO_TEXT: Final = "-"

State = Literal["known", "unknown", "conflict"]
NATIONAL: Final = "national (D4U central)"
"""The scope of the figures for the whole country."""


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One printed figure. ``year`` is none for a span that is not one year; it then belongs to no series."""

    line: int
    span: str
    year: int | None
    scope: str
    metric: str
    dimension: str
    category_ko: str
    category_en: str
    value: float | None
    unit: str
    share: float | None
    """Percent."""
    status: str
    source: str
    note: str

    @property
    def subject(self) -> tuple[str, ...]:
        """The key that two rows of one figure share."""
        return (self.span, self.scope, self.metric, self.dimension, self.category_ko, self.unit)

    def to_document(self) -> dict[str, Any]:
        """The stored form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Point:
    """One year of a series: ``known`` has one value, ``conflict`` all that were printed, ``unknown`` none."""

    year: int
    state: State
    values: tuple[float, ...] = ()
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class BadRowsError(ValueError):
    """Rows that cannot be taken; nothing of the file was."""

    def __init__(self, faults: Sequence[tuple[int, str]]) -> None:
        super().__init__("\n".join(f"line {line}: {reason}" for line, reason in faults))
        self.faults = tuple(faults)
        """(Line in the file, from 1; reason)."""


def read(text: str) -> list[PublishedFigure]:
    """The figures of a whole file; raises ``BadRowsError`` with every fault there is."""
    reader = csv.reader(StringIO(text.removeprefix("\ufeff")), strict=True)
    faults: list[tuple[int, str]] = []
    rows: list[PublishedFigure] = []
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise BadRowsError([(1, f"the columns are not {','.join(COLUMNS)}")])
        for fields in reader:
            try:
                rows.append(_row(reader.line_num, fields))
            except ValueError as error:
                faults.append((reader.line_num, str(error)))
    except csv.Error as error:
        faults.append((reader.line_num, f"not CSV: {error}"))
    faults += _disagreeing(rows)
    if not rows and not faults:
        faults.append((1, "there is no figure in it"))
    if faults:
        raise BadRowsError(sorted(faults))
    return rows


def _row(line: int, fields: Sequence[str]) -> PublishedFigure:
    if len(fields) != len(COLUMNS):
        raise ValueError(f"{len(fields)} fields, {len(COLUMNS)} are due")
    row = {name: value.strip() for name, value in zip(COLUMNS, fields, strict=True)}
    found = PublishedFigure(
        line=line,
        span=row["year"],
        year=_year(row["year"]),
        scope=_text(row, "scope"),
        metric=_slug(row, "metric"),
        dimension=_slug(row, "dimension"),
        category_ko=_text(row, "category_ko"),
        category_en=_text(row, "category_en"),
        value=_number(row, "value"),
        unit=_one_of(row, "unit", UNITS),
        share=_number(row, "share_pct"),
        status=_one_of(row, "status", STATUSES),
        source=_text(row, "source"),
        note=row["note"][:_LONGEST],
    )
    _sensible(found)
    return found


def _sensible(row: PublishedFigure) -> None:
    nothing = row.value is None and row.share is None
    if row.status == "not found" and not nothing:
        raise ValueError("not found, but there is a figure")
    if row.status != "not found" and nothing:
        raise ValueError(f"{row.status}, but neither value nor share_pct is there")
    if row.status != "not found" and _NO_TEXT in {row.source, row.category_ko}:
        raise ValueError("a figure needs a category and a source")
    if row.share is not None and not 0 <= row.share <= 100:  # noqa: PLR2004  # percent
        raise ValueError(f"share_pct {row.share:g} is not a percentage")
    if row.value is not None and row.unit != "ratio" and row.value != int(row.value):
        raise ValueError(f"value {row.value:g} is no whole number of {row.unit}")


def _year(text: str) -> int | None:
    if (match := _YEAR.fullmatch(text)) is not None:
        year = int(match[1])
        if year < FIRST_YEAR:
            raise ValueError(f"year {year} is before {FIRST_YEAR}, when the first centre opened")
        return year
    if _SPAN.fullmatch(text):
        return None
    raise ValueError(f"year {text[:40]!r} is neither a year nor a span like 2018..2024-09")


def _text(row: Mapping[str, str], name: str) -> str:
    if not row[name] or len(row[name]) > _LONGEST:
        raise ValueError(f"{name} is {'missing' if not row[name] else 'too long'}")
    return row[name]


def _slug(row: Mapping[str, str], name: str) -> str:
    if not _SLUG.fullmatch(row[name]):
        raise ValueError(f"{name} {row[name][:40]!r} is not a word in small letters")
    return row[name]


def _one_of(row: Mapping[str, str], name: str, words: Sequence[str]) -> str:
    if row[name] not in words:
        raise ValueError(f"{name} {row[name][:40]!r} is not one of {', '.join(words)}")
    return row[name]


def _number(row: Mapping[str, str], name: str) -> float | None:
    if not row[name]:
        return None
    try:
        number = Decimal(row[name])
    except InvalidOperation:
        raise ValueError(f"{name} {row[name][:40]!r} is not a number") from None
    if not number.is_finite() or number < 0:
        raise ValueError(f"{name} {row[name][:40]!r} is not a number from 0")
    return float(number)


def _disagreeing(rows: Iterable[PublishedFigure]) -> list[tuple[int, str]]:
    first: dict[tuple[str, ...], PublishedFigure] = {}
    faults = []
    for row in rows:
        other = first.setdefault(row.subject, row)
        if other is row:
            continue
        if (row.value, row.share) == (other.value, other.share):
            faults.append((row.line, f"says the same as line {other.line}"))
        elif {row.status, other.status} != {"conflict"}:
            faults.append((row.line, f"disagrees with line {other.line}: both must have status conflict"))
    return faults


def series(rows: Iterable[PublishedFigure], until: int) -> list[Point]:
    """One figure by year from its first to ``until``; a year nobody printed is unknown, not absent.

    ``rows`` are of one scope, metric, unit and category; spans that are not one year are left out.
    """
    by_year: dict[int, list[PublishedFigure]] = {}
    for row in rows:
        if row.year is not None:
            by_year.setdefault(row.year, []).append(row)
    years = range(min(by_year, default=until + 1), max(until, *by_year, 0) + 1)
    return [_point(year, by_year.get(year, [])) for year in years]


def _point(year: int, rows: Sequence[PublishedFigure]) -> Point:
    values = tuple(sorted({row.value for row in rows if row.value is not None}))
    shares = {row.share for row in rows if row.share is not None}
    state: State = "known"
    if not values and not shares:
        state = "unknown"
    elif len(values) > 1 or len(shares) > 1 or any(row.status == "conflict" for row in rows):
        state = "conflict"
    return Point(year, state, values, tuple(row.source for row in rows), tuple(row.note for row in rows if row.note))


def national(rows: Iterable[PublishedFigure], metric: str, unit: str, *, until: int) -> list[Point]:
    """The yearly series of a national total in one unit; empty where none was published."""
    wanted = (NATIONAL, metric, "total", unit)
    found = [row for row in rows if (row.scope, row.metric, row.dimension, row.unit) == wanted]
    return series(found, until) if found else []
