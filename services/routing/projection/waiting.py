"""The open reports of one centre that nobody there has acknowledged, and since when they wait. Drills wait too."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple


class Waits(NamedTuple):
    """How many people wait, drills not counted, and since when the one who waits longest does."""

    number: int
    since: datetime | None


class WaitingList:
    """Report ids in the order they came to the centre. Small, whatever the history: it is what nobody has answered."""

    __slots__ = ("_drills", "_known", "_since")

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}
        self._drills: set[str] = set()
        self._known: Waits | None = None

    def add(self, report_id: str, since: datetime, *, drill: bool) -> None:
        """It waits at this centre from now on; once more changes nothing but the time."""
        known = report_id in self._since
        self._since[report_id] = since
        if drill:
            self._drills.add(report_id)
        elif known:
            self._known = None
        elif self._known is not None:
            oldest = self._known.since
            self._known = Waits(self._known.number + 1, since if oldest is None else min(oldest, since))

    def remove(self, report_id: str) -> bool:
        """It waits here no more; False if it did not."""
        since = self._since.pop(report_id, None)
        if since is None:
            return False
        if report_id in self._drills:
            self._drills.discard(report_id)
        elif self._known is not None:
            # Only when the oldest goes must the next one be looked for.
            self._known = Waits(self._known.number - 1, self._known.since) if since != self._known.since else None
        return True

    def waits(self) -> Waits:
        """How many wait and since when."""
        if self._known is None:
            real = [at for report_id, at in self._since.items() if report_id not in self._drills]
            self._known = Waits(len(real), min(real, default=None))
        return self._known

    @property
    def since(self) -> Mapping[str, datetime]:
        """Every waiting report, drills too, with the time it waits since."""
        return self._since

    @property
    def drills(self) -> frozenset[str]:
        """Which of them are drills."""
        return frozenset(self._drills)

    def __contains__(self, report_id: object) -> bool:
        return report_id in self._since

    def __iter__(self) -> Iterator[str]:
        return iter(self._since)

    def __len__(self) -> int:
        return len(self._since)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WaitingList):
            return NotImplemented
        return (self._since, self._drills) == (other._since, other._drills)

    __hash__ = None  # type: ignore[assignment]  # a list that changes; Python's own way to say so
