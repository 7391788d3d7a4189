"""The monthly report as a PDF: made by typst in a thread when it is first asked for, and held within a bound.

The same releases always give the same bytes. However many ask at once, each is made once, and one at a time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from services.analytics.exports.archive import Languages
from services.analytics.exports.report_content import report
from services.analytics.releases.calendar import period_of
from services.analytics.releases.catalogue import ReleaseSource, periods_of, published
from services.analytics.releases.tables import BY_CENTER, HARM_TABLE, TABLE_SPECS
from shared import log
from shared.errors import TransientError
from shared.web.problems import Problem
from shared.web.translations import gettext_noop

_log = log.get(__name__)

TEMPLATE: Final = Path(__file__).parent.parent / "typst" / "monthly.typ"
FONTS: Final = ("Noto Sans CJK KR", "Noto Sans KR", "Pretendard", "NanumGothic", "Apple SD Gothic Neo", "Malgun Gothic")
"""Families with Korean letters, the wanted one first. Debian has it in ``fonts-noto-cjk``."""
_BEFORE: Final = 11
"""Months shown before the report's own."""
KEPT_BYTES: Final = 8 * 1024 * 1024
"""Reports held ready by a process, those asked for last: some ninety of 93 KB."""
LIMIT_S: Final = 60.0
"""How long a request waits; what it waited for is held all the same once it is made."""


class NoFontError(TransientError):
    """No family with Korean letters is installed: nothing but boxes could be printed."""


Key = tuple[str, str, tuple[int, ...]]
"""Month, the quarter whose harm types stand beside it (empty where there is none yet), and the revisions of both and of
the months before that it shows."""


class Monthly:
    """Reports by month."""

    def __init__(self, source: ReleaseSource, texts: Languages) -> None:
        self._source = source
        self._texts = texts
        self._made: OrderedDict[Key, bytes] = OrderedDict()
        self._making: dict[Key, asyncio.Task[bytes]] = {}
        self._turn = asyncio.Lock()

    async def months(self) -> list[str]:
        """Released months, newest first."""
        return await self._source.periods("month")

    async def pdf(self, month: str) -> bytes:
        """A released month's report. Raises ``NoFontError``, and ``TransientError`` where typst takes too long."""
        quarter = await self._quarter(month)
        tables = [(BY_CENTER, each) for each in (month, *await self._before(month))]
        tables += [(HARM_TABLE, quarter)] if quarter else []
        key = month, quarter, tuple([(await published(self._source, *each)).revision for each in tables])
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key), name=f"report of {month}")
            making.add_done_callback(lambda _: self._making.pop(key))
        try:
            async with asyncio.timeout(LIMIT_S):
                return await asyncio.shield(making)  # who goes away takes it from nobody else
        except TimeoutError:
            raise TransientError(f"the report of {month} was not made within {LIMIT_S:g} s") from None

    async def _make(self, key: Key) -> bytes:
        async with self._turn:
            data, as_of = await self._data(*key[:2])
            made = await asyncio.to_thread(typeset, orjson.dumps(data).decode(), as_of)
        self._made[key] = made
        while sum(map(len, self._made.values())) > KEPT_BYTES:
            self._made.popitem(last=False)
        return made

    async def _data(self, month: str, quarter: str) -> tuple[dict[str, Any], datetime]:
        wanted = [spec.name for spec in TABLE_SPECS.values() if spec.in_report]
        tables = {name: await published(self._source, name, month) for name in wanted}
        earlier = [await published(self._source, BY_CENTER, each) for each in await self._before(month)]
        harms = await published(self._source, HARM_TABLE, quarter) if quarter else None
        begun, names, text = self._source.catalogue, self._texts.names["ko"], self._texts.text["ko"]
        data = report(
            *(tables, earlier, harms, names, text),
            begun_within=begun.begun_within,
            begun_within_week=begun.begun_within_week,
        )
        data["sample"] = self._texts.sample
        return data, datetime.fromisoformat(tables[BY_CENTER].as_of)

    async def _before(self, month: str) -> list[str]:
        """The released months before it that the report shows, oldest first."""
        return [each for each in await self.months() if each < month][:_BEFORE][::-1]

    async def _quarter(self, month: str) -> str:
        """The newest that ends with the month or before it: of a quarter's last month it comes a little later."""
        quarters = await periods_of(self._source, TABLE_SPECS[HARM_TABLE])
        return next((each for each in quarters if period_of(each).months[-1] <= month), "")


async def month_of(monthly: Monthly, file: str) -> str:
    """The month of a file's name such as ``2026-11.pdf``. Raises Problem 404, which names what there is."""
    months = await monthly.months()
    month, dot, ending = file.partition(".")
    if f"{dot}{ending}" != ".pdf" or month not in months:
        said = gettext_noop("There is no such report. There are reports of: %(months)s.")
        names = ", ".join(f"{each}.pdf" for each in months[:12]) or "–"
        raise Problem(404, "unknown_report", said, values={"months": names})
    return month


async def report_bytes(monthly: Monthly, month: str) -> bytes:
    """A month's report, or the problem that a reader is told instead."""
    try:
        return await monthly.pdf(month)
    except NoFontError:
        said = gettext_noop("No font with Korean letters is installed where this runs (fonts-noto-cjk).")
        raise Problem(503, "no_font", said) from None
    except TransientError:
        said = gettext_noop("The report could not be made in time. Please try again in a moment.")
        raise Problem(503, "unavailable", said, retry_after=10) from None


def typeset(data: str, as_of: datetime, families: Sequence[str] = FONTS) -> bytes:
    """Data to PDF; its time of making is the release's, so that the same data give the same bytes."""
    # 60 MB with its fonts, and a second: only who asks for a report pays for it.
    import typst  # noqa: PLC0415  # as said above

    fonts = typst.Fonts(include_system_fonts=True, include_embedded_fonts=False)
    there = set(fonts.families())
    family = next((each for each in families if each in there), None)
    if family is None:
        _log.error("analytics.no_korean_font", wanted=list(families), hint="install fonts-noto-cjk")
        raise NoFontError(f"no font with Korean letters is installed (one of {', '.join(families)})")
    made: bytes = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        font_paths=fonts,
        sys_inputs={"data": data, "font": family},
        timestamp=int(as_of.timestamp()),
    )
    return made
