"""Where in a partition the records of each report lie, for when the log has to be asked in the store's place. Pure.

Some 40 bytes a report and 4 a record: the whole log need be passed through once for it, however often it is asked.
"""

from array import array
from collections.abc import Iterable

from services.routing.projection.compact import CompactMap


class Whereabouts:
    """Offsets by report, of every record below ``upto``."""

    __slots__ = ("_back", "_last")

    def __init__(self) -> None:
        self._last = CompactMap()
        """By report the offset of its newest record, counted from 1."""
        self._back = array("I")
        """By offset how far back the record before of the same report lies; 0 where it is the first."""

    @property
    def upto(self) -> int:
        """The offset of the first record that is not noted."""
        return len(self._back)

    def note(self, key: bytes | None) -> None:
        """The record at ``upto`` is about this report. A key that is no report's is passed over."""
        try:
            report_id = (key or b"").decode("ascii")
            before = self._last.get(report_id)
            self._last.set(report_id, self.upto + 1)
        except ValueError:
            before = 0
        self._back.append(self.upto + 1 - before if before else 0)

    def of(self, report_id: str, below: int) -> list[int]:
        """The offsets of a report's records below one, in order."""
        found, at = [], self._last.get(report_id) - 1
        while at >= 0:
            if at < below:
                found.append(at)
            at = at - self._back[at] if self._back[at] else -1
        return found[::-1]


def spans(offsets: Iterable[int], near: int) -> list[tuple[int, int]]:
    """Stretches from start to end (exclusive) that hold these offsets; those closer than ``near`` are read in one."""
    found: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if found and offset - found[-1][1] < near:
            found[-1] = (found[-1][0], offset + 1)
        else:
            found.append((offset, offset + 1))
    return found
