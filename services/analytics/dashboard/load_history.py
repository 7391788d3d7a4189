"""Take published yearly figures into the store, all or nothing: ``ieum load-history FILE``.

The file has the columns of ``data/published-figures.csv``. With a single bad row nothing is loaded, every bad row is
listed with its line and reason, and the status is 1. A file that was loaded before is replaced. Status 75: the file or
the store cannot be reached.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.analytics.counting.repository import prepare
from services.analytics.dashboard.history import BadRowsError, PublishedFigure, read
from services.analytics.dashboard.history_repository import replace_history
from shared import log, process
from shared.errors import IeumError
from shared.mongo import connect
from shared.settings import StoreSettings, load

REFUSED: Final = 1
_LARGEST: Final = 5_000_000
"""Bytes; the published figures of eight years have 40,000."""


def main(file: Path) -> int:
    """Read, load, print; the exit status."""
    log.configure("analytics-history", "WARNING")
    try:
        rows = read(_text(file))
    except BadRowsError as error:
        sys.stderr.writelines(f"{file}:{line}: {reason}\n" for line, reason in error.faults)
        sys.stderr.write(f"{len(error.faults)} bad rows; nothing was loaded\n")
        return REFUSED
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{file} cannot be read: {error}\n")
        return process.EXIT_AWAY
    try:
        replaced = asyncio.run(_load(rows))
    except IeumError as error:
        sys.stderr.write(f"nothing was loaded: {error}\n")
        return process.EXIT_AWAY
    sys.stdout.writelines(f"{line}\n" for line in result_lines(rows, replaced))
    return 0


def _text(file: Path) -> str:
    if file.stat().st_size > _LARGEST:
        raise ValueError(f"more than {_LARGEST:,} bytes")
    return file.read_text(encoding="utf-8")


async def _load(rows: Sequence[PublishedFigure]) -> int:
    database = connect(load(StoreSettings), "analytics")
    await prepare(database)
    return await replace_history(database, rows)


def result_lines(rows: Sequence[PublishedFigure], replaced: int) -> list[str]:
    """Format the result for the operator."""
    by_status = Counter(row.status for row in rows)
    years = sorted({row.year for row in rows if row.year is not None})
    lines = [
        f"{len(rows)} figures from {years[0]} to {years[-1]}" if years else f"{len(rows)} figures of no single year"
    ]
    lines += [f"  {status}: {n}" for status, n in by_status.most_common()]
    lines += [
        f"  line {row.line}: {row.status}: {row.span} {row.scope}, {row.metric}, {row.category_en}"
        for row in rows
        if row.status in {"conflict", "not found"}
    ]
    return [*lines, f"{replaced} figures were there before and were replaced" if replaced else "none were there before"]
