"""Watches the room on the store's disk, alarms while there is still some, and says what may be written."""

from typing import Final

from prometheus_client import Gauge

from services.intake.disk.repository import DiskSpace
from services.intake.disk.rules import DiskLevel, DiskThresholds, room_of
from shared import log
from shared.errors import TransientError
from shared.metrics import REGISTRY

_log = log.get(__name__)

PACE_S: Final = 10.0
FREE: Final = Gauge(
    "ieum_intake_disk_free_bytes", "Free on the store's disk; -1 where nobody can say.", registry=REGISTRY
)
ROOM: Final = Gauge("ieum_intake_disk_level", "3 plenty, 2 low, 1 no drafts, 0 no reports.", registry=REGISTRY)

_SAID: Final = {
    DiskLevel.LOW: "the store's disk is filling up",
    DiskLevel.REPORTS: "the store's disk is nearly full: no drafts are kept",
    DiskLevel.NONE: "the store's disk is full: no reports are accepted",
}


class DiskMonitor:
    """The room left."""

    def __init__(self, store: DiskSpace, marks: DiskThresholds) -> None:
        """``marks`` say when which room ends."""
        self._store = store
        self._marks = marks
        self.room = DiskLevel.PLENTY
        FREE.set(-1)
        ROOM.set(self.room)

    async def look(self) -> None:
        """Look once. While the store is away, what it said last holds: a full disk ends the embedded one."""
        try:
            free = await self._store.free()
        except TransientError:
            return
        before, self.room = self.room, room_of(free, self._marks)
        FREE.set(-1 if free is None else free)
        ROOM.set(self.room)
        if self.room is not before:
            level = {DiskLevel.PLENTY: 20, DiskLevel.LOW: 30}.get(self.room, 50)
            _log.log(level, "disk.room", room=self.room.name.lower(), free_bytes=free)

    def takes_drafts(self) -> bool:
        """Return whether half-filled forms may be kept."""
        return self.room > DiskLevel.REPORTS

    def takes_reports(self) -> bool:
        """Return whether reports may be accepted."""
        return self.room > DiskLevel.NONE

    def check(self) -> str | None:
        """For whoever watches: from the alarm on."""
        return _SAID.get(self.room)

    def full(self) -> str | None:
        """For readiness: only when nothing can be accepted."""
        return None if self.takes_reports() else _SAID[DiskLevel.NONE]
