"""Alarms at the top of the console: alerts that did not go out in time, and an auditor that is silent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.notify.auditor.repository import FindingStore, OverdueReport
from services.notify.cases.models import CENTRAL_DESK
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.dead_letters.repository import DeadLetterStore
from shared.clock import Clock

SILENT_AFTER: Final = timedelta(seconds=30)
"""The auditor looks every five seconds."""
ALARMS_S: Final = 5.0
"""How often a process looks at what the auditor and other processes wrote."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """``found`` are the centre's (for ``central``: all centres'), the longest overdue first."""

    found: tuple[OverdueReport, ...]
    silent_since: datetime | None
    """When the auditor last looked, if that is too long ago."""
    never_looked: bool
    late_since: datetime | None = None
    """Since when live updates are late, if they are."""

    @property
    def any(self) -> bool:
        """Whether anything has to be seen."""
        return bool(self.found) or self.never_looked or bool(self.silent_since or self.late_since)


class LiveUpdates:
    """Whether what passes on Kafka reaches the open consoles. Everything else of notify goes on without it."""

    def __init__(self, check: Callable[[], str | None], changed: Callable[[], None], clock: Clock) -> None:
        """``check`` says why nothing can be read just now, or None; ``changed`` tells the open consoles."""
        self._check = check
        self._changed = changed
        self._clock = clock
        self.late_since: datetime | None = None

    async def look(self) -> None:
        """Notice that updates are late, or no longer."""
        late = self._check() is not None
        if late != (self.late_since is not None):
            self.late_since = self._clock.now() if late else None
            self._changed()


class AlarmWatch:
    """Tells the open consoles that findings or dead records changed: other processes write them, or read of them."""

    def __init__(
        self, store: FindingStore, dead: DeadLetterStore, broadcaster: ConsoleBroadcaster, clock: Clock
    ) -> None:
        """``broadcaster`` has the open consoles; while it has none the store is not asked."""
        self._store = store
        self._dead = dead
        self._broadcaster = broadcaster
        self._clock = clock
        self._told: tuple[frozenset[OverdueReport], frozenset[tuple[str, int]], bool] | None = None

    async def look(self) -> None:
        """Notice a finding or a dead record that is new or over, and a silent auditor. Raises ``TransientError``."""
        # After a look that failed, or that nobody listened to, consoles are told in any case.
        before, self._told = self._told, None
        if not self._broadcaster.subscriber_count:
            return
        last = await self._store.last_look()
        silent = last is None or self._clock.now() - last > SILENT_AFTER
        found, dead = await self._store.of(None), await self._dead.unread()
        self._told = (frozenset(found), frozenset((one.origin, one.letter) for one in dead), silent)
        if self._told != before:
            self._broadcaster.notice()


class AlarmView:
    """Reads what the auditor wrote. No answer of it is kept: an alarm must go when it is over."""

    def __init__(self, store: FindingStore, dead: DeadLetterStore, live: LiveUpdates, clock: Clock) -> None:
        """``dead`` are the records nobody could read, which are told beside them."""
        self.dead = dead
        self._store = store
        self._live = live
        self._clock = clock

    async def of(self, center_id: str) -> Alarms:
        """The alarms on a centre's console. Raises ``TransientError`` while the store is away."""
        found = await self._store.of(None if center_id == CENTRAL_DESK else center_id)
        last = await self._store.last_look()
        silent = last if last is not None and self._clock.now() - last > SILENT_AFTER else None
        return Alarms(tuple(found), silent, last is None, self._live.late_since)
