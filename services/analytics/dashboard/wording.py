"""Sentences in the language of one request, each made from published figures."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from babel.dates import format_skeleton
from starlette.requests import Request

from services.analytics.dashboard.charts import Bar
from services.analytics.exports.words import percent, shown, within, word
from services.analytics.releases.calendar import parse
from services.analytics.releases.catalogue import center_names
from services.analytics.releases.derived import LOAD_BANDS, FigureChange, most_reports, rounded
from services.analytics.releases.published import Table
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

    def say(self, message: str, **values: object) -> str:
        """A sentence with its holes filled."""
        return formats.unbroken(self.text(message) % values)

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
        return self.say(gettext_noop("%(number)s reports"), number=self.figure(figure))

    def period(self, name: str) -> str:
        """A month, quarter, year or week in words."""
        if (period := parse(name)) is not None and period.kind == "week":
            return self.week(name, period.first, period.last)
        year, _, part = name.partition("-")
        if not part:
            return self.say(gettext_noop("%(year)s"), year=year)
        if part.startswith("Q"):
            return self.say(gettext_noop("Q%(n)s %(year)s"), n=part[1:], year=year)
        return format_skeleton("yMMMM", date(int(year), int(part), 1), locale=self.language)

    def days(self, first: date, last: date) -> str:
        """From one day to another, without the year; a single day alone."""
        named = [f"{d.month}.{d.day}." if self.language == "ko" else f"{d.day} {d:%b}" for d in (first, last)]
        return named[0] if first == last else ("~" if self.language == "ko" else "–").join(named)

    def week(self, key: str, first: date, last: date) -> str:
        """A week by its number and days; how many these are where it is not whole."""
        number = (last - first).days + 1
        of = (
            gettext_noop("%(week)s (%(days)s)")
            if number in {1, _WEEK}
            else gettext_noop("%(week)s (%(days)s, %(n)s days)")
        )
        return self.say(of, week=key, days=self.days(first, last), n=number)

    def begun(self, week: str) -> str:
        """Say of a week that perhaps not all of its days are counted."""
        return self.say(gettext_noop("%(week)s, counting may have begun within it"), week=week)

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
        """A share for people; the word for hidden where there is none."""
        return self.hidden if share is None else percent(share)


LOAD_WORDS: Final = (
    gettext_noop("light"),
    gettext_noop("usual"),
    gettext_noop("heavy"),
    gettext_noop("overloaded"),
)
STATE_WORDS: Final = {
    "known": gettext_noop("one number"),
    "conflict": gettext_noop("sources disagree"),
    "unknown": gettext_noop("not found"),
}


class Wording(Terms):
    """The sentences of pages."""

    def change(self, change: FigureChange | None, before: Table | None) -> str:
        """Against the period before, in one sentence; nothing where there is none before."""
        if before is None:
            return ""
        period = self.period(before.period.name)
        if change is None:
            said = gettext_noop("No comparison with %(period)s: a number is hidden or only said as two limits.")
            return self.say(said, period=period)
        points = f"{rounded(abs(100 * change.difference), 1):.1f}"
        if not change.difference or (change.of_shares and points == f"{0:.1f}"):
            return self.say(gettext_noop("The same as in %(period)s."), period=period)
        up = change.difference > 0
        if change.of_shares:
            more = gettext_noop("▲ %(number)s points more than in %(period)s")
            less = gettext_noop("▼ %(number)s points less than in %(period)s")
            number = points
        else:
            more = gettext_noop("▲ %(number)s more than in %(period)s")
            less = gettext_noop("▼ %(number)s fewer than in %(period)s")
            number = self.number(abs(change.difference))
        said = self.say(more if up else less, number=number, period=period)
        return said if change.share is None else f"{said} ({rounded(100 * change.share, 1):+.1f}%)"

    def coverage(self, table: Table) -> str:
        """Say how much of its period a table covers; nothing if it is all of it."""
        if not table.partial:
            return ""
        covered, months = table.coverage
        return self.say(gettext_noop("%(covered)s of %(months)s months"), covered=covered, months=months)

    # --- notes below a figure

    def per_100000(self, rate: float | None) -> str:
        """Say how many reports that is for 100,000 residents."""
        if rate is None:
            return self.text(gettext_noop("Reports that a centre owns, nationwide"))
        sentence = gettext_noop("Reports that a centre owns; %(rate)s per 100,000 residents")
        return self.say(sentence, rate=self.number(rate))

    def part(self, figure: Figure, share: float | None) -> str:
        """A number and its share of all; the number alone where there is no share, as of an interval."""
        if share is None:
            return self.reports(figure)
        sentence = gettext_noop("%(number)s reports, %(share)s of all")
        return self.say(sentence, number=self.figure(figure), share=self.percent(share))

    def halves(self, half: str | None, nine_of_ten: str | None) -> str:
        """Say by when half and nine of ten are answered."""
        if half is None:
            return self.text(gettext_noop("Of all reports, acknowledged by the centre that owns the report"))
        if nine_of_ten is None:
            return self.say(gettext_noop("Half: %(half)s"), half=self.within(half))
        sentence = gettext_noop("Half: %(half)s · Nine of ten: %(nine)s")
        return self.say(sentence, half=self.within(half), nine=self.within(nine_of_ten))

    def who_is_overloaded(self, bands: list[tuple[str, int | None]]) -> tuple[str, str]:
        """The centres in the highest band, and of how many the load is known; of none, nobody knows."""
        single = [band for key, band in bands if "+" not in key]
        known = sum(band is not None for band in single)
        note = self.say(gettext_noop("Known for %(known)s of %(all)s desks"), known=known, all=len(single))
        return self._overloaded(bands), note

    def were_overloaded(self, bands: list[tuple[str, int | None]], period: str) -> str:
        """The same of the period before; nothing where it is known of no centre."""
        if all(band is None for _, band in bands):
            return ""
        sentence = gettext_noop("In %(period)s, of those known then: %(centers)s")
        return self.say(sentence, period=self.period(period), centers=self._overloaded(bands))

    def _overloaded(self, bands: list[tuple[str, int | None]]) -> str:
        names = [self.name(key) for key, band in bands if band == len(LOAD_WORDS) - 1]
        none = gettext_noop("not known") if all(band is None for _, band in bands) else gettext_noop("Nobody")
        return ", ".join(names) or self.text(none)

    def band(self, band: int | None) -> str:
        """A band of load: its word, then its limits."""
        if band is None:
            return self.text(gettext_noop("not known"))
        upper = LOAD_BANDS[band + 1] - 1 if band + 1 < len(LOAD_BANDS) else None
        open_, closed = gettext_noop("%(word)s (%(least)s or more)"), gettext_noop("%(word)s (%(least)s to %(most)s)")
        word_, least = self.text(LOAD_WORDS[band]), LOAD_BANDS[band]
        return self.say(open_ if upper is None else closed, word=word_, least=least, most=upper)

    # --- a panel in one sentence

    def where(self, table: Table) -> str:
        """The map."""
        own = [row for row in table.rows[:-1] if not row.of]
        hidden = sum(row.figures[0].hidden for row in own)
        found = most_reports(table)
        if found is None:
            return self.text(gettext_noop("No centre has enough reports to be shown yet."))
        most, certain = found
        sentence = (
            gettext_noop("Most are at the centre %(center)s; %(hidden)s centres are hidden.")
            if certain
            else gettext_noop("Among the most are at the centre %(center)s; %(hidden)s centres are hidden.")
        )
        return self.say(sentence, center=self.name(most.key), hidden=hidden)

    def what(self, rows: list[tuple[str, Figure]], measure: str = "reports", *, several: bool = False) -> str:
        """A chart of kinds, most frequent first. ``several``: a report may have several of them."""
        if measure == "moves":
            few = gettext_noop("There are not enough moves to be shown.")
            one = gettext_noop("The most frequent is “%(harm)s”: %(number)s times.")
            one_of = gettext_noop("Among the most frequent is “%(harm)s”: %(number)s times.")
        else:
            few = gettext_noop("There are not enough reports to be shown yet.")
            one = gettext_noop("The most frequent is “%(harm)s” with %(number)s reports.")
            one_of = gettext_noop("Among the most frequent is “%(harm)s” with %(number)s reports.")
        if not rows or not rows[0][1].low:
            return self.text(few)
        certain = all((rows[0][1].low or 0) > (figure.high or 0) for _, figure in rows[1:] if not figure.hidden)
        if several or measure == "moves":  # hidden may also be what nearly all have, or a figure that was corrected
            certain = certain and not any(figure.hidden for _, figure in rows)
        return self.say(one if certain else one_of, harm=self.name(rows[0][0]), number=self.figure(rows[0][1]))

    def how_fast(self, half: str | None, share: float | None) -> str:
        """The chart of times."""
        if half is None:
            return self.text(gettext_noop("Too few reports have been answered to be shown yet."))
        sentence = gettext_noop("Half of the reports wait %(time)s; %(share)s are answered within an hour.")
        return self.say(sentence, time=self.within(half), share=self.percent(share))

    def in_all(self, total: Figure, figures: list[tuple[str, Figure]]) -> str:
        """A chart of weeks: the lowest and the highest of those that are whole, and all together."""
        parts = [self.text(gettext_noop("Whole weeks:")), self.over_time(figures)] if len(figures) > 1 else []
        if not total.hidden:
            parts.append(self.say(gettext_noop("%(number)s reports in all."), number=self.figure(total)))
        return " ".join(parts) or self.over_time(figures)

    def newest(self, period: str, figure: Figure) -> str:
        """The last of a series; its period in words."""
        return self.say(gettext_noop("%(period)s: %(reports)s."), period=period, reports=self.reports(figure))

    def over_time(self, figures: list[tuple[str, Figure]]) -> str:
        """A chart of weeks or months: the highest and the lowest that are shown."""
        shown = [(figure.low, name) for name, figure in figures if figure.low is not None]
        if not shown:
            return self.text(gettext_noop("There are not enough reports to be shown yet."))
        (most, when), (least, then) = max(shown), min(shown)
        sentence = (
            gettext_noop("Between %(least)s reports (%(then)s) and %(most)s (%(when)s).")
            if least != most
            else gettext_noop("%(most)s reports wherever a number is shown.")
        )
        return self.say(sentence, least=self.number(least), then=then, most=self.number(most), when=when)

    def seen_in_time(self, share: float | None, lowest: tuple[str, float | None] | None) -> str:
        """The chart against the target."""
        if share is None:
            return self.text(gettext_noop("Nearly all or nearly none were seen in time, or too few to be shown."))
        if lowest is None:
            return self.say(gettext_noop("%(share)s are seen in time."), share=self.percent(share))
        center, low = lowest
        sentence = gettext_noop("%(share)s are seen in time; the lowest share that is shown: %(center)s, %(low)s.")
        return self.say(sentence, share=self.percent(share), center=self.name(center), low=self.percent(low))

    def overloaded(self, bands: list[tuple[str, int | None]]) -> str:
        """The chart of load."""
        known = [band for _, band in bands if band is not None]
        if not known:
            return self.text(gettext_noop("Not known for any centre: reports are hidden or no hours were reported."))
        names = [self.name(key) for key, band in bands if band == max(known)]
        sentence = gettext_noop("The highest load is “%(band)s”: %(centers)s.")
        return self.say(sentence, band=self.band(max(known)), centers=", ".join(names))

    def from_elsewhere(self, share: float | None) -> str:
        """The chart of those helped away from home."""
        if share is None:
            return self.text(gettext_noop("How many are helped away from home is hidden."))
        sentence = gettext_noop("%(share)s are helped by another centre than the one at home, or have none.")
        return self.say(sentence, share=self.percent(share))

    def alerts(self, sent: Figure, failed: Figure, raised: Figure) -> str:
        """The chart of alerts."""
        sentence = gettext_noop(
            "Taken by a channel: %(sent)s. Failed: %(failed)s. Raised to the next person: %(raised)s."
        )
        return self.say(sentence, sent=self.figure(sent), failed=self.figure(failed), raised=self.figure(raised))

    def grown(self, known: list[tuple[int, float]], sentence: str) -> str:
        """A yearly series from its first known year to its last."""
        if not known:
            return self.text(gettext_noop("No year is known for sure."))
        (first, one), (last, other) = known[0], known[-1]
        return self.say(sentence, one=self.number(one), first=first, other=self.number(other), last=last)

    def harms_over_time(self, first: tuple[str, Mapping[str, Figure]], last: tuple[str, Mapping[str, Figure]]) -> str:
        """The harm type that grew most between two quarters, of those shown in both."""
        grown = [
            ((last[1][harm].low or 0) - (figure.low or 0), harm)
            for harm, figure in first[1].items()
            if not figure.hidden and not last[1][harm].hidden
        ]
        more, harm = max(grown, default=(0, ""))
        if more <= 0:
            return self.text(gettext_noop("No harm type is known to have grown."))
        sentence = gettext_noop("“%(harm)s” grew most: %(more)s reports more in %(last)s than in %(first)s.")
        ends = {"last": self.period(last[0]), "first": self.period(first[0])}
        return self.say(sentence, harm=self.name(harm), more=self.number(more), **ends)

    def values(self, values: Sequence[float]) -> str:
        """Printed numbers: one, or all that disagree."""
        if not values:
            return self.state("unknown")
        return " / ".join(self.number(value) for value in values)

    def state(self, state: str) -> str:
        """Say how sure a printed number is."""
        return self.text(STATE_WORDS[state])

    def cost(self, table: Table) -> str:
        """Say what protection cost a table, in one sentence."""
        cost = table.cost
        if cost.lost is None:
            sentence = gettext_noop("%(hidden)s of %(cells)s numbers are hidden (%(share)s).")
        elif cost.intervals:
            sentence = gettext_noop(
                "%(hidden)s of %(cells)s numbers are hidden (%(share)s), %(intervals)s are said as two limits; of "
                "%(lost)s of what is counted no number is said."
            )
        else:
            sentence = gettext_noop(
                "%(hidden)s of %(cells)s numbers are hidden (%(share)s); %(lost)s of what is counted stands there."
            )
        shares = {"share": self.percent(cost.share), "lost": self.percent(cost.lost)}
        return self.say(sentence, hidden=cost.hidden, cells=cost.cells, intervals=cost.intervals, **shares)

    def bars(self, rows: list[tuple[str, Figure]]) -> list[Bar]:
        """Bars with their words."""
        return [Bar(self.name(key), figure, self.figure(figure)) for key, figure in rows]
