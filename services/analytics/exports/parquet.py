"""Tables as Parquet. Every file has the same columns, so that all of them together are one data set."""

import io
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from services.analytics.exports import meanings
from services.analytics.exports.observations import observations
from services.analytics.releases.published import Table

Name = Callable[[str], str]
_LANGUAGES: Final = ("ko", "en")


def as_parquet(table: Table, names: Mapping[str, Name]) -> bytes:
    """One record for each cell. A hidden number is null and its ``status`` is ``hidden``, whatever hides it.

    Of an interval only the value is null.


    ``names``: key to word, by language. Labels stand in both, so that the file is the same for everybody.
    """
    # Half a second and 50 MB the first time: only processes that make such files pay for it.
    import pyarrow as pa  # noqa: PLC0415  # as said above
    import pyarrow.parquet as pq  # noqa: PLC0415  # as said above

    cells = list(observations(table))
    code = pa.dictionary(pa.int32(), pa.string())
    moment = datetime.fromisoformat(table.as_of)
    columns: dict[str, tuple[Any, list[Any]]] = {
        "table": (code, [cell.table for cell in cells]),
        "period": (code, [cell.period for cell in cells]),
        "as_of": (pa.timestamp("ms", tz="UTC"), [moment] * len(cells)),
        "revision": (pa.int32(), [cell.revision for cell in cells]),
        "months_covered": (pa.int32(), [cell.coverage[0] for cell in cells]),
        "months_in_period": (pa.int32(), [cell.coverage[1] for cell in cells]),
        "row": (code, [cell.row for cell in cells]),
        **{f"row_{lang}": (code, [names[lang](cell.row) for cell in cells]) for lang in _LANGUAGES},
        "level": (code, [cell.level for cell in cells]),
        "together": (pa.list_(pa.string()), [list(cell.together) or None for cell in cells]),
        "column": (code, [cell.column for cell in cells]),
        **{f"column_{lang}": (code, [names[lang](cell.column) for cell in cells]) for lang in _LANGUAGES},
        "value": (pa.int64(), [cell.value for cell in cells]),
        "at_least": (pa.int64(), [cell.at_least for cell in cells]),
        "at_most": (pa.int64(), [cell.at_most for cell in cells]),
        "status": (code, [cell.status for cell in cells]),
    }
    said: dict[str, Any] = {
        "definition": table.definition.definition,
        "hidden": meanings.HIDDEN,
        "months": table.months,
    }
    if table.revision:
        said |= {"erratum": dict(table.erratum)}
    fields = [pa.field(name, kind) for name, (kind, _) in columns.items()]
    schema = pa.schema(fields, metadata={b"ieum": orjson.dumps(said)})
    arrays = [pa.array(values, kind) for kind, values in columns.values()]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file, compression="zstd")
    return file.getvalue()
