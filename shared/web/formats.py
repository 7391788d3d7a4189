"""How numbers, days and moments are written in the two languages. Moments are shown in Korean time."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from shared.clock import SEOUL
from shared.web.language import Language

_NUMBERS_KEPT: Final = 4096
"""Written numbers held ready, under a megabyte: a page of tables writes 400, and each took 10 µs or more."""
_JUST_NOW = timedelta(seconds=45)
_KOREAN_DAYS: Final = "월화수목금토일"
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""A row of a work list has six moments; Babel takes a twentieth of a millisecond for each."""
_WORDS: dict[Language, str] = {"ko": "방금", "en": "just now"}


def exact(moment: datetime, language: Language) -> str:
    """The full moment in Korean time, to the second."""
    at = moment.astimezone(SEOUL)
    if language == "ko":
        return f"{at.year}년 {at.month}월 {at.day}일 ({_KOREAN_DAYS[at.weekday()]}) {at:%H:%M:%S}"
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M:%S} KST"


def short(moment: datetime, language: Language) -> str:
    """Day and minute in Korean time."""
    at = moment.astimezone(SEOUL)
    if language == "ko":
        return f"{at.month}월 {at.day}일 {at:%H:%M}"
    return f"{at.day} {_MONTHS[at.month - 1]} {at:%H:%M}"


def day(value: date, language: Language) -> str:
    """A calendar day, written out."""
    return format_date(value, "long" if language == "ko" else "d MMMM y", locale=language)


def relative(moment: datetime, now: datetime, language: Language) -> str:
    """Format how long ago, or how far ahead, in the largest unit that fits."""
    gap = moment - now
    if abs(gap) < _JUST_NOW:
        return _WORDS[language]
    return format_timedelta(gap, add_direction=True, threshold=1.2, locale=language)


def elapsed(moment: datetime, now: datetime, language: Language) -> str:
    """Format how long something has lasted, in the largest unit that fits."""
    gap = max(now - moment, timedelta())
    if gap < _JUST_NOW:
        return _WORDS[language]
    length = format_timedelta(gap, threshold=1.2, locale=language)
    return f"{length}째" if language == "ko" else length


@lru_cache(maxsize=_NUMBERS_KEPT)
def number(value: float, language: Language) -> str:
    """With the language's digit grouping."""
    return format_decimal(value, locale=language)


def percent(value: float, language: Language) -> str:
    """A share from 0 to 1 as whole percent."""
    return format_percent(value, locale=language)


def exact_percent(value: float, language: Language) -> str:
    """A share as percent with a tenth where there is one."""
    return format_percent(value, "#,##0.#%", locale=language)


def span(seconds: float, language: Language) -> str:
    """A length of time in its largest unit and the one below that, such as 2분 5초."""
    whole = round(seconds)
    if seconds < 1:
        return "1초 미만" if language == "ko" else "under a second"
    units = ((86400, "일", "d"), (3600, "시간", "h"), (60, "분", "min"), (1, "초", "s"))
    parts: list[tuple[int, str]] = []
    for size, korean, english in units:
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append((count, f"{count}{korean}" if language == "ko" else f"{count} {english}"))
    return " ".join(text for count, text in parts[:2] if count)


def marked(text: str) -> Markup:
    """A sentence in which words between backticks are code."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def filters(language: Language, now: Callable[[], datetime]) -> dict[str, Callable[..., object]]:
    """The template filters of one language: number, percent, day, exact, short, ago, elapsed, span."""

    def tag(moment: datetime, text: str, kind: str) -> Markup:
        stamp = moment.astimezone(SEOUL).isoformat(timespec="seconds")
        title = exact(moment, language)
        return Markup(f'<time datetime="{stamp}" title="{title}" data-time="{kind}">{escape(text)}</time>')  # noqa: S704  # all of it is written here

    return {
        "marked": marked,
        "number": lambda value: number(value, language),
        "percent": lambda value: percent(value, language),
        "day": lambda value: day(value, language),
        "exact": lambda moment: exact(moment, language),
        "short": lambda moment: tag(moment, short(moment, language), "exact"),
        "ago": lambda moment: tag(moment, relative(moment, now(), language), "relative"),
        "elapsed": lambda moment: tag(moment, elapsed(moment, now(), language), "elapsed"),
        "span": lambda seconds: span(seconds, language),
    }
