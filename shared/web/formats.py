"""How numbers, days and moments are written in the two languages. Moments are shown in Korean time."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from shared.clock import SEOUL, seoul_date
from shared.web.language import Language

_KEPT: Final = 4096
"""Numbers and moments held ready as written, under a megabyte each: a page of tables writes 400 numbers, and everybody
at a centre sees the moments of the same cases."""
_PARTICLE: Final = re.compile("%(?=[가-힣])")
_JUST_NOW = timedelta(seconds=45)
_WORDS: dict[Language, str] = {"ko": "방금", "en": "just now"}


@lru_cache(maxsize=_KEPT)
def exact(moment: datetime, language: Language) -> str:
    """The full moment in Korean time, to the second."""
    pattern = "yyyy년 M월 d일 (EEE) HH:mm:ss" if language == "ko" else "EEE d MMM yyyy, HH:mm:ss 'KST'"
    return format_datetime(moment.astimezone(SEOUL), pattern, locale=language)


def short(moment: datetime, language: Language, now: datetime) -> str:
    """Day and minute in Korean time, with the year where it is not the present one.

    What is kept for ten years would else seem to be of today.
    """
    return _short(moment, language, with_year=seoul_date(moment).year != seoul_date(now).year)


@lru_cache(maxsize=_KEPT)
def _short(moment: datetime, language: Language, *, with_year: bool) -> str:
    pattern = "M월 d일 HH:mm" if language == "ko" else "d MMM HH:mm"
    if with_year:
        pattern = "yyyy년 M월 d일 HH:mm" if language == "ko" else "d MMM yyyy, HH:mm"
    return format_datetime(moment.astimezone(SEOUL), pattern, locale=language)


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


@lru_cache(maxsize=_KEPT)
def number(value: float, language: Language) -> str:
    """With the language's digit grouping."""
    return format_decimal(value, locale=language)


def percent(value: float, language: Language) -> str:
    """A share from 0 to 1 as whole percent."""
    return format_percent(value, locale=language)


def exact_percent(value: float, language: Language) -> str:
    """A share as percent with a tenth where there is one."""
    return format_percent(value, "#,##0.#%", locale=language)


def unbroken(text: str) -> str:
    """The text with each Korean particle held to its percentage: browsers would begin a line with it."""
    return _PARTICLE.sub("%\N{WORD JOINER}", text)


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
        return Markup('<time datetime="{}" title="{}" data-time="{}">{}</time>').format(
            stamp, exact(moment, language), kind, text
        )

    return {
        "marked": marked,
        "number": lambda value: number(value, language),
        "percent": lambda value: percent(value, language),
        "day": lambda value: day(value, language),
        "exact": lambda moment: exact(moment, language),
        "short": lambda moment: tag(moment, short(moment, language, now()), "exact"),
        "ago": lambda moment: tag(moment, relative(moment, now(), language), "relative"),
        "elapsed": lambda moment: tag(moment, elapsed(moment, now(), language), "elapsed"),
        "span": lambda seconds: span(seconds, language),
    }
