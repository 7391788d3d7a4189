"""The banners above a work list: alarms, records nobody could read, centres without anybody. Loaded once for all."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastapi import Request

from services.notify.auditor import repository as findings
from services.notify.cases.models import CENTRAL_DESK
from services.notify.console.alarms import Alarms, AlarmView
from services.notify.console.lists import SingleFlight
from services.notify.console.rows import center_names
from services.notify.dead_letters import repository as dead_letters
from services.notify.dead_letters.models import StoredDeadLetter
from services.notify.team.models import CenterDuty
from services.notify.team.service import DutyService
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.pages import Pages


class BannerFacts(NamedTuple):
    """The facts in a centre's banners."""

    alarms: Alarms
    dead: Sequence[StoredDeadLetter]
    centers: dict[str, CenterDuty]


class Banners:
    """Loads what the banners tell and renders them for one reader."""

    def __init__(self, alarms: AlarmView, duty: DutyService, pages: Pages) -> None:
        """``alarms`` knows the dead records besides."""
        self._alarms = alarms
        self._duty = duty
        self._pages = pages
        self._facts = SingleFlight(self._load)

    async def _load(self, center_id: str) -> BannerFacts:
        return BannerFacts(await self._alarms.of(center_id), await self._alarms.dead.unread(), await self._duty.all())

    async def of(self, principal: Principal, center_id: str) -> dict[str, Any]:
        """Load the template's values. Raises ``TransientError`` while the store is away."""
        facts = await self._facts.get(center_id)
        return {
            "alarms": facts.alarms,
            "most_found": findings.SHOWN,
            "most_dead": dead_letters.SHOWN,
            "dead": facts.dead if principal.may(Action.DEAD_READ, CENTRAL_DESK) else [],
            "nobody": sorted(i for i, c in facts.centers.items() if c.nobody and center_id in (CENTRAL_DESK, i)),
        }

    async def html(self, request: Request, principal: Principal, center_id: str) -> str:
        """The banners as the page of this reader shows them."""
        told = await self.of(principal, center_id)
        language = self._pages.language(request)
        return self._pages.fragment(language, "banners.html", names=center_names(language), **told)
