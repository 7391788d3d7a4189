"""Facts a worker wrote last, so that what happens to a report soon after is folded without asking the store.

A fact changes only in a transaction that also moves its partition's offsets. So what is remembered of a partition is
what the store holds exactly as long as the offsets read in the same transaction are those that were written last, in
the same generation. Anything else, also a commit that took effect and was not told, shows in the offsets.
"""

from collections.abc import Mapping
from typing import Final

from services.analytics.counting.models import Fact
from services.analytics.counting.repository import Position

LIMIT: Final = 10_000
"""Facts held by one worker: about 12 MB."""


class FactCache:
    """The facts of some partitions as of the offsets last written."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._generation: int | None = None
        self._facts: dict[str, Fact] = {}
        self._at: dict[int, dict[str, int]] = {}

    def known(self, generation: int, stored: Mapping[Position, int], partitions: set[int]) -> dict[str, Fact]:
        """Return the facts that may be trusted in a transaction that has read these offsets of these partitions."""
        if generation != self._generation:
            self._facts, self._at, self._generation = {}, {}, generation
        moved = {p for p in partitions & self._at.keys() if self._at[p] != _of(stored, p)}
        if moved:
            self._facts = {rid: fact for rid, fact in self._facts.items() if fact.partition not in moved}
            for partition in moved:
                del self._at[partition]
        return self._facts

    def remember(self, facts: Mapping[str, Fact], now: Mapping[Position, int], partitions: set[int]) -> None:
        """After the commit: the facts it wrote, and the offsets these partitions have now."""
        for partition in partitions:
            self._at[partition] = _of(now, partition)
        for report_id, fact in facts.items():
            self._facts.pop(report_id, None)
            self._facts[report_id] = fact
        for report_id in list(self._facts)[: max(0, len(self._facts) - self._limit)]:
            del self._facts[report_id]


def _of(offsets: Mapping[Position, int], partition: int) -> dict[str, int]:
    return {topic: offset for (topic, number), offset in offsets.items() if number == partition and topic != "centers"}
