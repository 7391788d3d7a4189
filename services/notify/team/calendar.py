"""Days as a rota knows them: Korean public holidays, with the alternative ones, are not like other days."""

from datetime import date
from functools import lru_cache

import holidays

from shared.web.language import Language

_LANGUAGES = {"ko": "ko", "en": "en_US"}


@lru_cache(maxsize=32)
def _of_year(year: int, language: str) -> holidays.HolidayBase:
    return holidays.country_holidays("KR", years=year, language=language)


def holiday(day: date, language: Language = "ko") -> str | None:
    """The name of a public holiday; None for any other day. Elections that are called later are not foreseen."""
    found: str | None = _of_year(day.year, _LANGUAGES[language]).get(day)
    return found
