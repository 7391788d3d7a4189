"""The open reports of one centre that nobody there has acknowledged, and since when they wait. Drills wait too."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol


class Waits(NamedTuple):
    """How many people wait, drills not counted, and since when the one who waits longest does."""

    number: int
    since: datetime | None


class WaitingList(Protocol):
    """Whom a centre has not answered yet, in the order of how long they wait, drills after the people."""

    def add(self, report_id: str, since: datetime, *, drill: bool) -> None:
        """It waits at this centre from then on; once more changes nothing."""

    def remove(self, report_id: str, since: datetime, *, drill: bool) -> bool:
        """It waits here no more; False if it did not. Both are as they were when it was added."""

    def waits(self) -> Waits:
        """Return how many people wait and since when the one who waits longest does."""

    def __iter__(self) -> Iterator[str]:
        """Report ids."""

    def __len__(self) -> int:
        """Count the reports that wait, drills too."""


class InMemoryWaitingList:
    """The same as ``services.routing.state.store.StoredWaitingList`` keeps on disk."""

    def __init__(self) -> None:
        self._waiting: set[tuple[bool, datetime, str]] = set()

    def add(self, report_id: str, since: datetime, *, drill: bool) -> None:
        """See ``WaitingList``."""
        self._waiting.add((drill, since, report_id))

    def remove(self, report_id: str, since: datetime, *, drill: bool) -> bool:
        """See ``WaitingList``."""
        known = (drill, since, report_id) in self._waiting
        self._waiting.discard((drill, since, report_id))
        return known

    def waits(self) -> Waits:
        """See ``WaitingList``."""
        people = [since for drill, since, _ in self._waiting if not drill]
        return Waits(len(people), min(people, default=None))

    def __iter__(self) -> Iterator[str]:
        return (report_id for _, _, report_id in sorted(self._waiting))

    def __len__(self) -> int:
        return len(self._waiting)
