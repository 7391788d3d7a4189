"""Files that are no text, read as any reader would: what Parquet, PDF and a zip of everything say."""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from pypdf import PdfReader

NOWHERE: Final = "?"
"""Row and column of a number that stands beside the cells."""
_NUMBERS: Final = ("value", "at_least", "at_most")
_NUMBER: Final = r"(\d[\d,]*)"


Bounded = tuple[str, str, str, str, int, int]
"""Table, period, row and column of a cell, and the two numbers that it lies between."""


def of_parquet(path: Path) -> Iterator[Bounded]:
    """Every cell that has a number or an interval.

    Also what a reader never shows: bounds in the file's own statistics, under row and column ``?``.
    """
    file = pq.ParquetFile(path)
    rows = file.read().to_pylist()
    for row in rows:
        yield from _bounded(row)
    for group in range(file.metadata.num_row_groups):
        for place in range(file.metadata.num_columns):
            column = file.metadata.row_group(group).column(place)
            if column.path_in_schema in _NUMBERS and column.statistics and column.statistics.has_min_max:
                for bound in (column.statistics.min, column.statistics.max):
                    yield rows[0]["table"], rows[0]["period"], NOWHERE, NOWHERE, bound, bound


def _bounded(row: Mapping[str, Any]) -> Iterator[Bounded]:
    place = row["table"], row["period"], row["row"], row["column"]
    if row["value"] is not None:
        yield *place, row["value"], row["value"]
    if row["at_least"] is not None:
        yield *place, row["at_least"], row["at_most"]


def hidden_apart(path: Path) -> set[str]:
    """The words by which hidden cells of a Parquet file can be told apart: more than one tells why they are hidden."""
    rows = pq.read_table(path).to_pylist()
    return {row["status"] for row in rows if row["at_least"] is None}


def of_ndjson(path: Path) -> Iterator[Bounded]:
    """The same of a line for each cell."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield from _bounded(json.loads(line))


def numbers_in(value: Any) -> Iterator[float]:  # noqa: ANN401  # whatever JSON holds
    """Every number in a description of data, where there should be none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from numbers_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from numbers_in(each)


def beside(path: Path, labels: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Of a PDF's text: a label and the number that follows it on its line or stands alone on the next."""
    text = "\n".join(page.extract_text() for page in PdfReader(path).pages)
    # The longest first, so that one label within another is not taken for it.
    names = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    for found in re.finditer(rf"^[ \t]*({names})\s+{_NUMBER}[ \t]*$", text, re.MULTILINE):
        yield found[1], int(found[2].replace(",", ""))


def unpacked(body: bytes, folder: Path) -> int:
    """The files of a zip into a folder; their number. Names that lead elsewhere are refused."""
    count = 0
    with zipfile.ZipFile(io.BytesIO(body)) as files:
        for name in files.namelist():
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()):
                raise ValueError(f"{name} leads out of the archive")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files.read(name))
            count += 1
    return count
