"""What has to be seen at once in the console: alerts that did not go out in time, and an auditor that is silent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.notify.auditor.repository import Finding, FindingStore
from services.notify.cases.models import CENTRAL_DESK
from services.notify.dead_letters.repository import DeadLetterStore
from shared.clock import Clock

SILENT_AFTER: Final = timedelta(seconds=30)
"""The auditor looks every five seconds."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """``found`` are the centre's (for ``central``: all centres'), the longest overdue first."""

    found: tuple[Finding, ...]
    silent_since: datetime | None
    """When the auditor last looked, if that is too long ago."""
    never_looked: bool

    @property
    def any(self) -> bool:
        """Whether anything has to be seen."""
        return bool(self.found) or self.never_looked or self.silent_since is not None


class AlarmView:
    """Reads what the auditor wrote. No answer of it is kept: an alarm must go when it is over."""

    def __init__(self, store: FindingStore, dead: DeadLetterStore, clock: Clock) -> None:
        """``dead`` are the records nobody could read, which are told beside them."""
        self.dead = dead
        self._store = store
        self._clock = clock

    async def of(self, center_id: str) -> Alarms:
        """The alarms on a centre's console. Raises ``TransientError`` while the store is away."""
        found = await self._store.of(None if center_id == CENTRAL_DESK else center_id)
        last = await self._store.last_look()
        silent = last if last is not None and self._clock.now() - last > SILENT_AFTER else None
        return Alarms(tuple(found), silent, last is None)
