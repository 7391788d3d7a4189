"""Words and numbers in the language of one request: names, figures, shares, periods, days."""

from datetime import date, datetime
from typing import Final

from babel.dates import format_skeleton
from starlette.requests import Request

from services.analytics.exports.words import shown, within, word
from services.analytics.releases.catalogue import center_names
from services.analytics.releases.suppression import Figure
from shared.web import formats
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

_WEEK: Final = 7


class Terms:
    """Words and numbers in the language of one request."""

    def __init__(self, pages: Pages, request: Request) -> None:
        self.language = pages.language(request)
        self.text = pages.gettext(request)
        self.centers = center_names(self.language)

    def name(self, key: str) -> str:
        """The word for a key."""
        return word(key, self.centers, self.text)

    def within(self, key: str) -> str:
        """The word for a group of times with all before it."""
        return within(key, self.text)

    def figure(self, figure: Figure) -> str:
        """A figure for people."""
        return shown(figure, self.text, lambda value: formats.number(value, self.language))

    def number(self, value: float) -> str:
        """A number that is no published figure."""
        return formats.number(value, self.language)

    def reports(self, figure: Figure) -> str:
        """A figure with what it counts."""
        if figure.hidden:
            return self.hidden
        return self.text(gettext_noop("%(number)s reports")) % {"number": self.figure(figure)}

    def period(self, name: str) -> str:
        """A month, quarter or year in words."""
        year, _, part = name.partition("-")
        if not part:
            return self.text(gettext_noop("%(year)s")) % {"year": year}
        if part.startswith("Q"):
            return self.text(gettext_noop("Q%(n)s %(year)s")) % {"n": part[1:], "year": year}
        return format_skeleton("yMMMM", date(int(year), int(part), 1), locale=self.language)

    def days(self, first: date, last: date) -> str:
        """From one day to another, without the year."""
        if self.language == "ko":
            return f"{first.month}.{first.day}.~{last.month}.{last.day}."
        return f"{first.day} {first:%b}–{last.day} {last:%b}"

    def week(self, key: str, first: date, last: date) -> str:
        """A week by its number and days; how many these are where it is not whole."""
        number = (last - first).days + 1
        of = gettext_noop("%(week)s (%(days)s)") if number == _WEEK else gettext_noop("%(week)s (%(days)s, %(n)s days)")
        return self.text(of) % {"week": key, "days": self.days(first, last), "n": number}

    def all(self, *texts: str) -> tuple[str, ...]:
        """Several texts in the reader's language."""
        return tuple(self.text(text) for text in texts)

    @property
    def hidden(self) -> str:
        """The mark, in words."""
        return self.text(gettext_noop("hidden"))

    def moment(self, as_of: str) -> str:
        """A publication's time of counting, to the minute."""
        return formats.exact(datetime.fromisoformat(as_of), self.language).rsplit(":", 1)[0]

    def percent(self, share: float | None) -> str:
        """A share for people, always with its tenth; the word for hidden where there is none."""
        return self.hidden if share is None else f"{100 * share:.1f}%"
