"""The monthly report as a PDF: made by typst in a thread when it is first asked for, and kept.

The same release always gives the same bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson

from services.analytics.catalogue import periods_of, published
from services.analytics.exporting import Languages
from services.analytics.policy.definitions import DEFINITIONS
from services.analytics.policy.releasing import HARM_TABLE, period_of
from services.analytics.policy.tables import Table
from services.analytics.rendering.monthly import report
from services.analytics.store.publications import Publications
from shared import log
from shared.errors import TransientError

_log = log.get(__name__)

TEMPLATE: Final = Path(__file__).parent / "typst" / "monthly.typ"
FONTS: Final = ("Noto Sans CJK KR", "Noto Sans KR", "Pretendard", "NanumGothic", "Apple SD Gothic Neo", "Malgun Gothic")
"""Families with Korean letters, the wanted one first. Debian has it in ``fonts-noto-cjk``."""
_TABLES: Final = ("reports-by-center", "acknowledgement-times", "reports-by-week", "reports-by-outcome")
_BEFORE: Final = 11
"""Months shown before the report's own."""
_KEPT: Final = 24
_LIMIT_S: Final = 60.0


class NoFontError(TransientError):
    """No family with Korean letters is installed: nothing but boxes could be printed."""


class Monthly:
    """Reports by month."""

    def __init__(self, publications: Publications, texts: Languages) -> None:
        self._publications = publications
        self._texts = texts
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._turn = asyncio.Lock()

    async def months(self) -> list[str]:
        """Released months, newest first."""
        return await self._publications.periods("month")

    async def pdf(self, month: str) -> bytes:
        """A released month's report. Raises ``NoFontError``, and ``TransientError`` where typst takes too long."""
        async with self._turn:
            if month not in self._made:
                self._made[month] = await self._make(month)
                while len(self._made) > _KEPT:
                    self._made.popitem(last=False)
            return self._made[month]

    async def _make(self, month: str) -> bytes:
        tables = {name: await published(self._publications, name, month) for name in _TABLES}
        months = [each for each in await self.months() if each < month][:_BEFORE]
        earlier = [await published(self._publications, _TABLES[0], each) for each in reversed(months)]
        data = report(tables, earlier, await self._harms(month), self._texts.names["ko"], self._texts.text["ko"])
        as_of = datetime.fromisoformat(tables[_TABLES[0]].as_of)
        try:
            async with asyncio.timeout(_LIMIT_S):
                return await asyncio.to_thread(typeset, orjson.dumps(data).decode(), as_of)
        except TimeoutError:
            raise TransientError(f"the report of {month} was not made within {_LIMIT_S:g} s") from None

    async def _harms(self, month: str) -> Table | None:
        """Of the newest quarter that had been released with the month or before it: the report never changes."""
        quarters = await periods_of(self._publications, DEFINITIONS[HARM_TABLE])
        fitting = [each for each in quarters if period_of(each).months[-1] <= month]
        return await published(self._publications, HARM_TABLE, fitting[0]) if fitting else None


def typeset(data: str, as_of: datetime, families: Sequence[str] = FONTS) -> bytes:
    """Data to PDF; its time of making is the release's, so that the same data give the same bytes."""
    # 60 MB with its fonts, and a second: only who asks for a report pays for it.
    import typst  # noqa: PLC0415  # as said above

    fonts = typst.Fonts(include_system_fonts=True, include_embedded_fonts=False)
    there = set(fonts.families())
    family = next((each for each in families if each in there), None)
    if family is None:
        _log.error("analytics.no_korean_font", wanted=list(families), said="install fonts-noto-cjk")
        raise NoFontError(f"no font with Korean letters is installed (one of {', '.join(families)})")
    made: bytes = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        font_paths=fonts,
        sys_inputs={"data": data, "font": family},
        timestamp=int(as_of.timestamp()),
    )
    return made
