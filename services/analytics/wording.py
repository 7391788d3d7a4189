"""Words, numbers and sentences in the language of one request; every sentence is made from published figures."""

from datetime import datetime

from starlette.requests import Request

from services.analytics.catalogue import center_names
from services.analytics.policy.disclosure import Figure
from services.analytics.policy.tables import Table
from services.analytics.rendering.charts import Bar
from services.analytics.rendering.words import shown, word
from shared.web import formats
from shared.web.pages import Pages
from shared.web.translations import gettext_noop


class Wording:
    """Words and numbers in the language of one request."""

    def __init__(self, pages: Pages, request: Request) -> None:
        self.language = pages.language(request)
        self.text = pages.gettext(request)
        self.centers = center_names(self.language)

    def name(self, key: str) -> str:
        """The word for a key."""
        return word(key, self.centers, self.text)

    def figure(self, figure: Figure) -> str:
        """A figure for people."""
        return shown(figure, self.text, lambda value: formats.number(value, self.language))

    def moment(self, as_of: str) -> str:
        """A publication's time of counting, to the minute."""
        return formats.exact(datetime.fromisoformat(as_of), self.language).rsplit(":", 1)[0]

    def first_figures(self, table: Table) -> list[tuple[str, Figure]]:
        """Rows and the first column of a table."""
        return [(row.key, row.figures[0]) for row in table.rows]

    def where(self, table: Table) -> str:
        """The map in one sentence."""
        own = [row for row in table.rows[:-1] if not row.of]
        seen = [(row.figures[0].low or 0, row.key) for row in own if row.figures[0].low]
        hidden = sum(row.figures[0].hidden for row in own)
        if not seen:
            return self.text(gettext_noop("No centre has enough reports to be shown yet."))
        most = max(seen)[1]
        sentence = self.text(gettext_noop("Most are at the centre %(center)s; %(hidden)s centres are hidden."))
        return sentence % {"center": self.name(most), "hidden": hidden}

    def what(self, rows: list[tuple[str, Figure]]) -> str:
        """The chart of harm types in one sentence."""
        if not rows or not rows[0][1].low:
            return self.text(gettext_noop("There are not enough reports to be shown yet."))
        certain = all((rows[0][1].low or 0) > (figure.high or 0) for _, figure in rows[1:] if not figure.hidden)
        sentence = self.text(
            gettext_noop("The most frequent is “%(harm)s” with %(number)s reports.")
            if certain
            else gettext_noop("Among the most frequent is “%(harm)s” with %(number)s reports.")
        )
        return sentence % {"harm": self.name(rows[0][0]), "number": self.figure(rows[0][1])}

    def how_fast(self, half: str | None) -> str:
        """The chart of times in one sentence."""
        if half is None:
            return self.text(gettext_noop("Too few reports have been answered to be shown yet."))
        return self.text(gettext_noop("Half of the reports: %(time)s.")) % {"time": self.name(half).lower()}

    def percent(self, share: float | None) -> str:
        """A share for people; the word for hidden where there is none."""
        if share is None:
            return self.text(gettext_noop("hidden"))
        return f"{formats.number(round(100 * share, 1), self.language)}%"

    def cost(self, table: Table) -> str:
        """What protection cost a table, in one sentence."""
        cost = table.cost
        sentence = self.text(
            gettext_noop(
                "%(hidden)s of %(cells)s numbers are hidden (%(share)s); %(lost)s of what is counted stands there."
            )
        )
        numbers = {"hidden": cost.hidden, "cells": cost.cells}
        return sentence % {**numbers, "share": self.percent(cost.share), "lost": self.percent(cost.lost)}

    def bars(self, rows: list[tuple[str, Figure]]) -> list[Bar]:
        """Bars with their words."""
        return [Bar(self.name(key), figure, self.figure(figure)) for key, figure in rows]
