"""Describe CSV files for machines: metadata of W3C's "CSV on the Web" (tabular metadata, 2015)."""

from collections.abc import Callable
from typing import Any, Final

from services.analytics.exports import meanings
from services.analytics.exports.codebook import meaning_of_column
from services.analytics.exports.files import ABOUT, header
from services.analytics.exports.words import HIDDEN_MARK
from services.analytics.releases.published import Table
from services.analytics.releases.tables import GENERAL

MEDIA_TYPE: Final = "application/csvm+json"
SUFFIX: Final = "-metadata.json"
"""Appended to a CSV file's address it is where the standard looks for its metadata."""


def as_csvw(
    table: Table, url: str, language: str, name: Callable[[str], str], text: Callable[[str], str]
) -> dict[str, Any]:
    """The metadata of one CSV file. ``url``: the file's, relative to the metadata."""
    definition = table.definition

    def column(key: str) -> dict[str, Any]:
        kind, meaning = meaning_of_column(definition, key)
        described = {
            "name": key,
            "titles": key,
            "dc:title": name(key),
            "dc:description": text(meaning),
            "datatype": kind,
        }
        hideable = kind == "integer" and key not in ABOUT
        return {**described, "null": HIDDEN_MARK} if hideable else {**described, "required": True}

    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": language}],
        "url": url,
        "dc:title": text(definition.title),
        "dc:description": text(definition.definition),
        "dc:language": language,
        "dc:issued": {"@value": table.as_of, "@type": "xsd:dateTime"},
        "dc:temporal": f"{table.period.first.isoformat()}/{table.period.last.isoformat()}",
        **({"dc:provenance": f"{table.revision}: {table.erratum.get(language, '')}"} if table.revision else {}),
        "rdfs:comment": [*map(text, (meanings.HIDDEN, meanings.INTERVAL, meanings.TOGETHER)), *map(text, GENERAL)],
        "dialect": {"encoding": "utf-8", "header": True, "delimiter": ",", "doubleQuote": True},
        "tableSchema": {
            "columns": [column(key) for key in header(definition)],
            "primaryKey": [definition.key],
        },
    }
