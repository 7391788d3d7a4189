"""Labels of keys, in English; the Korean stands in locale/ko.po."""

from collections.abc import Callable, Mapping
from typing import Final

from services.analytics.counting.aggregate import IN_CARE, NO_SUPPORT
from services.analytics.releases.counts import LONGER, UNANSWERED
from services.analytics.releases.derived import rounded
from services.analytics.releases.hierarchies import TOTAL, members
from services.analytics.releases.suppression import Figure
from services.analytics.releases.tables import AT_HOME, LAST_RESORT, LINKED, NO_HOME, OVERFLOW
from shared.events.vocabulary import EndReason
from shared.labels import (
    AGE_BANDS,
    CHANNELS,
    END_REASONS,
    GENDERS,
    HARMS,
    OUTCOMES,
    PLATFORM_KINDS,
    RELATIONSHIPS,
    ROLES,
    SUPPORTS,
    URGENCIES,
)
from shared.web.translations import gettext_noop

HIDDEN_MARK: Final = "*"

TIME_WORDS: Final[Mapping[str, str]] = {
    "within_5_min": gettext_noop("Up to 5 minutes"),
    "within_15_min": gettext_noop("5 to 15 minutes"),
    "within_1_hour": gettext_noop("15 minutes to 1 hour"),
    "within_4_hours": gettext_noop("1 to 4 hours"),
    "within_12_hours": gettext_noop("4 to 12 hours"),
    "within_1_day": gettext_noop("12 hours to 1 day"),
    "within_3_days": gettext_noop("1 to 3 days"),
    LONGER: gettext_noop("More than 3 days"),
    UNANSWERED: gettext_noop("Not answered yet"),
}
"""Each group is what lies between the one before it and its own end."""

_WITHIN_WORDS: Final[Mapping[str, str]] = {
    "within_5_min": gettext_noop("up to 5 minutes"),
    "within_15_min": gettext_noop("up to 15 minutes"),
    "within_1_hour": gettext_noop("up to 1 hour"),
    "within_4_hours": gettext_noop("up to 4 hours"),
    "within_12_hours": gettext_noop("up to 12 hours"),
    "within_1_day": gettext_noop("up to 1 day"),
    "within_3_days": gettext_noop("up to 3 days"),
    LONGER: gettext_noop("more than 3 days"),
}

END_WORDS: Final[Mapping[str, str]] = {
    IN_CARE: gettext_noop("Looked after by a centre"),
    EndReason.CLOSED: END_REASONS[EndReason.CLOSED],
    EndReason.WITHDRAWN: END_REASONS[EndReason.WITHDRAWN],
}

OTHER_WORDS: Final[Mapping[str, str]] = {
    TOTAL: gettext_noop("Nationwide"),
    "reports": gettext_noop("Reports"),
    "center": gettext_noop("Centre"),
    "week": gettext_noop("Week"),
    "age_gender": gettext_noop("Age and gender"),
    "role_channel": gettext_noop("Role and channel"),
    "relationship": gettext_noop("Relationship"),
    "platform": gettext_noop("Platform"),
    "support": gettext_noop("Support"),
    "urgency": gettext_noop("Urgency"),
    "gender": gettext_noop("Gender"),
    "move": gettext_noop("Move"),
    "moves": gettext_noop("Moves"),
    "residence": gettext_noop("Residence"),
    "seoul": gettext_noop("Seoul"),
    "jeonnam-gwangju": gettext_noop("Jeonnam-Gwangju"),
    "overseas": gettext_noop("Outside Korea"),
    "assignment": gettext_noop("First assignment"),
    AT_HOME: gettext_noop("Home centre"),
    OVERFLOW: gettext_noop("Overflow"),
    NO_HOME: gettext_noop("No home centre"),
    LINKED: gettext_noop("Linked report"),
    LAST_RESORT: gettext_noop("Last resort"),
    "handed_on": gettext_noop("Handed on"),
    "moved_otherwise": gettext_noop("Otherwise"),
    "contact": gettext_noop("First contact"),
    "reached_1_hour": gettext_noop("Reached within 1 hour"),
    "reached_1_day": gettext_noop("Reached after 1 hour to 1 day"),
    "reached_3_days": gettext_noop("Reached after 1 to 3 days"),
    "reached_1_week": gettext_noop("Reached after 3 days to 1 week"),
    "reached_later": gettext_noop("Reached after more than 1 week"),
    "not_reached": gettext_noop("Not reached yet"),
    "closing": gettext_noop("Closing reason"),
    "closing_time": gettext_noop("Time to closing"),
    "closed_1_day": gettext_noop("Closed within 1 day"),
    "closed_3_days": gettext_noop("Closed after 1 to 3 days"),
    "closed_1_week": gettext_noop("Closed after 3 days to 1 week"),
    "closed_2_weeks": gettext_noop("Closed after 1 to 2 weeks"),
    "closed_later": gettext_noop("Closed after more than 2 weeks"),
    "closed_unknown": gettext_noop("Closed, time not known"),
    "correction": gettext_noop("Correction"),
    "came": gettext_noop("Counted later"),
    "gone": gettext_noop("Not counted any more"),
    "moved_on": gettext_noop("At another centre now"),
    "outcome_changed": gettext_noop("Another outcome"),
    "harm_changed": gettext_noop("Other harm types"),
    "moved": gettext_noop("At another centre, at least"),
    "from_elsewhere": gettext_noop("From elsewhere"),
    "time": gettext_noop("Time"),
    "outcome": gettext_noop("Outcome"),
    "label": gettext_noop("Label"),
    "level": gettext_noop("Level"),
    "at_least": gettext_noop("At least"),
    "at_most": gettext_noop("At most"),
    "revision": gettext_noop("Revision"),
    "period": gettext_noop("Period"),
    "as_of": gettext_noop("Released on"),
    "months_covered": gettext_noop("Months counted"),
    "months_in_period": gettext_noop("Months of the period"),
    "seen_late": gettext_noop("Seen late"),
    "alert": gettext_noop("Alert"),
    "alerts": gettext_noop("Alerts"),
    "alerts_sent": gettext_noop("Taken by a channel"),
    "alerts_failed": gettext_noop("Failed"),
    "escalations": gettext_noop("Raised to the next person"),
    "hours": gettext_noop("Hours on duty"),
}


PEOPLE_WORDS: Final[Mapping[str, str]] = {
    **AGE_BANDS,
    **GENDERS,
    **ROLES,
    **CHANNELS,
    **RELATIONSHIPS,
    **PLATFORM_KINDS,
    **SUPPORTS,
    **URGENCIES,
    **OUTCOMES,
    NO_SUPPORT: gettext_noop("None yet"),
}
"""``other`` and ``unknown`` are codes of several vocabularies and have one word in all."""


def word(key: str, centers: Mapping[str, str], _: Callable[[str], str]) -> str:
    """The word for a row, column or heading. ``centers`` are the centres' short names in the reader's language.

    Keys of several leaves, and of crossed dimensions, are put together from their words.
    """
    if len(parts := members(key)) > 1:
        return " + ".join(word(part, centers, _) for part in parts)
    if "/" in key:
        return ", ".join(word(part, centers, _) for part in key.split("/"))
    if key in centers:
        return centers[key]
    for words in (HARMS, TIME_WORDS, END_WORDS, PEOPLE_WORDS, OTHER_WORDS):
        if key in words:
            return _(words[key])
    return key


def within(key: str, _: Callable[[str], str]) -> str:
    """By whose end: the word for a group of times with all groups before it."""
    return _(_WITHIN_WORDS[key])


def plain(number: int | None) -> str:
    """A number for machines, or the hidden mark."""
    return HIDDEN_MARK if number is None else str(number)


def shown(figure: Figure, _: Callable[[str], str], number: Callable[[float], str]) -> str:
    """A figure for people: the number, the range, or the word for hidden."""
    if figure.low is None or figure.high is None:
        return _("hidden")
    return number(figure.low) if figure.low == figure.high else f"{number(figure.low)}–{number(figure.high)}"


def percent(share: float) -> str:
    """A share for people, always with its tenth."""
    return f"{rounded(100 * share, 1):.1f}%"
