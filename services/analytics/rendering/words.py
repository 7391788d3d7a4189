"""What readers see in place of keys, in English; the Korean stands in locale/ko.po."""

from collections.abc import Callable, Mapping
from typing import Final

from services.analytics.cubes import IN_CARE
from services.analytics.policy.counts import LONGER, UNANSWERED
from services.analytics.policy.disclosure import Figure
from services.analytics.policy.tables import TOTAL
from shared.events.vocabulary import EndReason, HarmType
from shared.web.translations import gettext_noop

HIDDEN_MARK: Final = "*"

HARM_WORDS: Final[Mapping[str, str]] = {
    HarmType.FEAR_OF_DISTRIBUTION: gettext_noop("Fear of distribution"),
    HarmType.ILLEGAL_FILMING: gettext_noop("Illegal filming"),
    HarmType.DISTRIBUTION: gettext_noop("Distribution"),
    HarmType.DISTRIBUTION_THREAT: gettext_noop("Threat to distribute"),
    HarmType.SYNTHESIS: gettext_noop("Synthesis or editing"),
    HarmType.CYBER_HARASSMENT: gettext_noop("Cyber harassment"),
    HarmType.ONLINE_GROOMING: gettext_noop("Online grooming"),
    HarmType.BODY_CAM_PHISHING: gettext_noop("Body-cam phishing"),
    HarmType.CHILD_MATERIAL: gettext_noop("Child sexual exploitation material"),
    HarmType.OTHER: gettext_noop("Other harm"),
}

TIME_WORDS: Final[Mapping[str, str]] = {
    "within_5_min": gettext_noop("Up to 5 minutes"),
    "within_15_min": gettext_noop("Up to 15 minutes"),
    "within_1_hour": gettext_noop("Up to 1 hour"),
    "within_4_hours": gettext_noop("Up to 4 hours"),
    "within_12_hours": gettext_noop("Up to 12 hours"),
    "within_1_day": gettext_noop("Up to 1 day"),
    "within_3_days": gettext_noop("Up to 3 days"),
    LONGER: gettext_noop("More than 3 days"),
    UNANSWERED: gettext_noop("Not answered yet"),
}

END_WORDS: Final[Mapping[str, str]] = {
    IN_CARE: gettext_noop("Looked after by a centre"),
    EndReason.CLOSED: gettext_noop("Closed by the centre"),
    EndReason.WITHDRAWN: gettext_noop("Withdrawn by the reporter"),
}

OTHER_WORDS: Final[Mapping[str, str]] = {
    TOTAL: gettext_noop("Nationwide"),
    "reports": gettext_noop("Reports"),
    "center": gettext_noop("Centre"),
    "day": gettext_noop("Day"),
    "time": gettext_noop("Time"),
    "outcome": gettext_noop("Outcome"),
}


def word(key: str, centers: Mapping[str, str], _: Callable[[str], str]) -> str:
    """The word for a row, column or heading. ``centers`` are the centres' short names in the reader's language."""
    if key in centers:
        return centers[key]
    for words in (HARM_WORDS, TIME_WORDS, END_WORDS, OTHER_WORDS):
        if key in words:
            return _(words[key])
    return key


def plain(figure: Figure) -> str:
    """A figure for machines: ``12``, ``10..14`` or the hidden mark. A hyphen would become a date in spreadsheets."""
    if figure.low is None or figure.high is None:
        return HIDDEN_MARK
    return str(figure.low) if figure.low == figure.high else f"{figure.low}..{figure.high}"


def shown(figure: Figure, _: Callable[[str], str], number: Callable[[float], str]) -> str:
    """A figure for people: the number, the range, or the word for hidden."""
    if figure.low is None or figure.high is None:
        return _("hidden")
    return number(figure.low) if figure.low == figure.high else f"{number(figure.low)}–{number(figure.high)}"
