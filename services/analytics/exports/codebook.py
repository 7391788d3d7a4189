"""The data dictionary: every table, dimension, code and column of a file, with label and meaning in both languages."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.analytics.exports import meanings
from services.analytics.exports.files import header
from services.analytics.exports.words import HIDDEN_MARK, word
from services.analytics.releases.hierarchies import CENTERS, CENTRAL_LEAF
from services.analytics.releases.tables import CLOSED, FROM_ELSEWHERE, GENERAL, LATE, TABLE_SPECS, TableSpec
from shared.web.translations import gettext_noop

Text = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension by which rows or columns are split. Without codes: named by a rule, as weeks are."""

    title: str
    meaning: str
    codes: Mapping[str, str]
    """Meaning by code."""


DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "center": Dimension(
        gettext_noop("Centre"),
        meanings.CENTER,
        {c: meanings.CENTRAL if c == CENTRAL_LEAF else meanings.CENTER for c in sorted(CENTERS.leaves())},
    ),
    "week": Dimension(gettext_noop("Week"), meanings.WEEK, {}),
    "harm_type": Dimension(
        gettext_noop("Harm type"),
        gettext_noop(
            "What happened; a report may have several. A type that this version does not know is in the totals only."
        ),
        meanings.HARMS,
    ),
    "time": Dimension(
        gettext_noop("Time to acknowledgement"),
        gettext_noop("From acceptance to the first acknowledgement by the owning centre."),
        meanings.TIMES,
    ),
    "outcome": Dimension(
        gettext_noop("Outcome"), gettext_noop("What had become of the report when the month closed."), meanings.ENDS
    ),
    "age_band": Dimension(gettext_noop("Age"), gettext_noop("Age of the person harmed, in bands."), meanings.AGES),
    "gender": Dimension(gettext_noop("Gender"), gettext_noop("Gender of the person harmed."), meanings.GENDERS),
    "role": Dimension(gettext_noop("Role"), gettext_noop("Who reported."), meanings.ROLES),
    "channel": Dimension(gettext_noop("Channel"), gettext_noop("Which way the report came in."), meanings.CHANNELS),
    "relationship": Dimension(
        gettext_noop("Relationship"), gettext_noop("Of the offender to the person harmed."), meanings.RELATIONSHIPS
    ),
    "platform": Dimension(
        gettext_noop("Platform"), gettext_noop("The kind of platform the reporter named first."), meanings.PLATFORMS
    ),
    "urgency": Dimension(
        gettext_noop("Urgency"), gettext_noop("How soon a person had to look at the report."), meanings.URGENCIES
    ),
    "residence": Dimension(
        gettext_noop("Residence"), gettext_noop("Where the person harmed lives, as last told."), meanings.RESIDENCES
    ),
    "assignment": Dimension(
        gettext_noop("First assignment"),
        gettext_noop(
            "By the reason of the first decision: “home”, “linked”, and of the reasons that this version knows those "
            "that begin with “home_” (overflow) or with “no_home_”; all others are the last resort."
        ),
        meanings.ASSIGNMENTS,
    ),
    "move": Dimension(gettext_noop("Move"), gettext_noop("Why the owner changed."), meanings.MOVES),
    "contact": Dimension(
        gettext_noop("First contact"),
        gettext_noop("From acceptance to the first time the reporter was reached."),
        meanings.CONTACTS,
    ),
    "closing": Dimension(gettext_noop("Closing reason"), gettext_noop("Why the case was closed."), meanings.CLOSINGS),
    "closing_time": Dimension(
        gettext_noop("Time to closing"),
        gettext_noop("From acceptance to the closing by the owning centre."),
        meanings.CLOSING_TIMES,
    ),
    "support": Dimension(
        gettext_noop("Support"), gettext_noop("Given at least once; a report may have several."), meanings.SUPPORTS
    ),
    "alert": Dimension(
        gettext_noop("Alert"), gettext_noop("What became of an alert to a centre's staff."), meanings.ALERTS
    ),
    "correction": Dimension(
        gettext_noop("Correction"), gettext_noop("How far closed months were off."), meanings.CORRECTIONS
    ),
}
"""All there are; a table's rows and columns are split by one or two of them."""

COLUMNS: Final[Mapping[str, tuple[str, str]]] = {
    "label": ("string", gettext_noop("The row's word in the language of the file.")),
    "level": ("string", meanings.LEVEL),
    "reports": ("integer", meanings.ALWAYS["reports"]),
    FROM_ELSEWHERE: ("integer", meanings.ALWAYS[FROM_ELSEWHERE]),
    LATE: ("integer", gettext_noop("Reports that nobody acknowledged within the target of their urgency.")),
    CLOSED: ("integer", gettext_noop("Reports that were closed when their month closed.")),
    "moves": ("integer", gettext_noop("Changes of the owning centre; the rows add up to nothing that is published.")),
    "alerts": ("integer", gettext_noop("Alerts; the rows count different things and add up to nothing.")),
    "hours": ("integer", gettext_noop("Hours of people on duty, to the nearest ten.")),
    "at_least": ("integer", gettext_noop("The number is not below this; the number itself where it is published.")),
    "at_most": ("integer", gettext_noop("The number is not above this; the number itself where it is published.")),
    "period": ("string", gettext_noop("The month, quarter, year or week: 2026-11, 2026-Q4, 2026 or 2026-W47.")),
    "months_covered": ("integer", gettext_noop("How many months of the period are counted in it; 0 for a week.")),
    "months_in_period": (
        "integer",
        gettext_noop(
            "How many months the period has; 0 for a week. Where it has more than are counted, compare it with no "
            "whole one."
        ),
    ),
    "as_of": ("dateTime", gettext_noop("When the numbers were released. They do not change afterwards.")),
    "revision": (
        "integer",
        gettext_noop(
            "0 as first released. Where it was wrong, one more for each correction; “erratum” in JSON and the "
            "description of the CSV file say why. Former ones stay under ?revision=."
        ),
    ),
}
"""Columns of CSV files that are no codes: type of XML Schema, meaning."""


def meaning_of_column(definition: TableSpec, column: str) -> tuple[str, str]:
    """Type and meaning of one column of a table's CSV file."""
    if column == definition.key:
        return "string", meanings.ROWS.get(definition.name) or (
            DIMENSIONS[column].meaning
            if column in DIMENSIONS
            else gettext_noop("Two codes with a slash between them; see the data dictionary.")
        )
    return COLUMNS[column] if column in COLUMNS else ("integer", meanings.HARMS[column])


def as_dictionary(text: Mapping[str, Text], centers: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The whole of it. ``text`` and ``centers``: how to translate, and the centres' names, by language."""

    def both(message: str) -> dict[str, str]:
        return {language: translate(message) for language, translate in text.items()}

    def label(code: str) -> dict[str, str]:
        return {language: word(code, centers[language], translate) for language, translate in text.items()}

    def codes(of: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        return ({"code": code, "label": label(code), "meaning": both(meaning)} for code, meaning in of.items())

    return {
        "hidden": {"csv": HIDDEN_MARK, "json": "hidden", "parquet": "status=hidden", "meaning": both(meanings.HIDDEN)},
        "interval": both(meanings.INTERVAL),
        "together": both(meanings.TOGETHER),
        "counting": [both(rule) for rule in meanings.COUNTING],
        "rules": [both(rule) for rule in GENERAL],
        "tables": [
            {
                "name": each.name,
                "title": both(each.title),
                "question": both(each.question),
                "definition": both(each.definition),
                "periods": list(each.kinds),
                "row": each.key,
                "dimensions": list(each.dimensions),
                "columns": [
                    {"name": name, "label": label(name), "type": kind, "meaning": both(meaning)}
                    for name in header(each)
                    for kind, meaning in (meaning_of_column(each, name),)
                ],
            }
            for each in TABLE_SPECS.values()
        ],
        "dimensions": [
            {
                "name": name,
                "title": both(each.title),
                "meaning": both(each.meaning),
                "codes": list(codes(each.codes)),
            }
            for name, each in DIMENSIONS.items()
        ],
        "everywhere": list(codes({"total": meanings.ALWAYS["total"]})),
    }
