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
_NUMBER: Final = r"(\d[\d,]*)"


def of_parquet(path: Path) -> Iterator[tuple[str, str, str, str, int]]:
    """Table, period, row, column and number of every cell that has one.

    Also what a reader never shows: bounds in the file's own statistics, under row and column ``?``.
    """
    file = pq.ParquetFile(path)
    rows = file.read().to_pylist()
    for row in rows:
        if row["value"] is not None:
            yield row["table"], row["period"], row["row"], row["column"], row["value"]
    for group in range(file.metadata.num_row_groups):
        for place in range(file.metadata.num_columns):
            column = file.metadata.row_group(group).column(place)
            if column.path_in_schema == "value" and column.statistics and column.statistics.has_min_max:
                for bound in (column.statistics.min, column.statistics.max):
                    yield rows[0]["table"], rows[0]["period"], NOWHERE, NOWHERE, bound


def hidden_apart(path: Path) -> set[str]:
    """The words by which hidden cells of a Parquet file can be told apart: more than one tells why they are hidden."""
    rows = pq.read_table(path).to_pylist()
    return {row["status"] for row in rows if row["value"] is None}


def of_ndjson(path: Path) -> Iterator[tuple[str, str, str, str, int]]:
    """The same of a line for each cell."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["value"] is not None:
            yield row["table"], row["period"], row["row"], row["column"], row["value"]


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
