"""Tables as JSON and CSV. Both say the same: a number, or one mark for every hidden cell."""

import csv
import io
from collections.abc import Callable
from typing import Any, Final

from services.analytics.exports.words import HIDDEN_MARK, plain
from services.analytics.releases.derived import derived, in_json
from services.analytics.releases.published import Table
from services.analytics.releases.suppression import Figure
from services.analytics.releases.tables import GENERAL, TableSpec

ABOUT: Final = ("period", "as_of", "revision", "months_covered", "months_in_period")
"""The last columns of every CSV file, the same in each of its lines."""
BOUNDS: Final = ("at_least", "at_most")
"""In tables of which a longer period may say an interval only: what the number before them lies between."""
Name = Callable[[str], str]
"""Key to word, in the reader's language."""
Text = Callable[[str], str]
"""English text to the reader's language."""


def figure_json(figure: Figure) -> dict[str, Any]:
    """``{"value": n}``, ``{"low": a, "high": b}`` or ``{"hidden": true}``."""
    if figure.low is None:
        return {"hidden": True}
    return {"value": figure.low} if figure.exact else {"low": figure.low, "high": figure.high}


def as_json(table: Table, name: Name, text: Callable[[str], str]) -> dict[str, Any]:
    """The table with its definition; ``text`` translates."""
    return {
        "name": table.definition.name,
        "title": text(table.definition.title),
        "question": text(table.definition.question),
        "definition": text(table.definition.definition),
        "rules": [text(rule) for rule in GENERAL],
        "period": table.period.name,
        "first_day": table.period.first.isoformat(),
        "last_day": table.period.last.isoformat(),
        "months": table.months,
        "months_covered": table.coverage[0],
        "months_in_period": table.coverage[1],
        "as_of": table.as_of,
        "revision": table.revision,
        "erratum": dict(table.erratum) or None,
        "columns": [{"key": column, "label": name(column)} for column in table.columns],
        "rows": [
            {
                "key": row.key,
                "label": name(row.key),
                "level": table.level(row),
                **({"together": row.of} if row.of else {}),
                "figures": [figure_json(figure) for figure in row.figures],
            }
            for row in table.listed
        ],
        "derived": derived(table),
        "protection": {
            "cells": table.cost.cells,
            "hidden": table.cost.hidden,
            "intervals": table.cost.intervals,
            "share_hidden": in_json(table.cost.share),
            "share_lost": in_json(table.cost.lost),
            "coarser": dict(table.coarser),
        },
    }


def header(definition: TableSpec) -> tuple[str, ...]:
    """The columns of a table's CSV file."""
    bounds = BOUNDS if definition.says_intervals else ()
    return (definition.key, "label", "level", *definition.columns, *bounds, *ABOUT)


def as_csv(table: Table, name: Name) -> str:
    """The table as RFC 4180 text with a byte order mark, without which spreadsheets misread Korean.

    Hidden cells hold ``*``, and so does the number where only an interval is published. A key with ``+`` in it stands
    for those rows together; ``level`` says what may be added up.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header(table.definition))
    bounded = table.definition.says_intervals
    about = (table.period.name, table.as_of, table.revision, *table.coverage)
    for row in table.listed:
        bounds = (row.figures[0].low, row.figures[0].high) if bounded else ()
        numbers = [plain(number) for number in (*(f.low if f.exact else None for f in row.figures), *bounds)]
        writer.writerow([row.key, name(row.key), table.level(row), *numbers, *about])
    return f"\ufeff{text.getvalue()}"


CSV_LEGEND = f"{HIDDEN_MARK} hidden; a+b a and b together"
"""Sent as a header with every CSV file."""
