"""A map from report ids to small whole numbers, in 30 to 38 bytes a report: a dictionary of them takes over 200. Pure.

The recount holds a line for every report there ever was while it runs. Ids are kept whole, 16 bytes, so that no two
can be taken for one. Open addressing in many small tables, which grow by a quarter and at different times: a table
that doubles would be half empty, and growing a big one would hold up whoever decides.
"""

from array import array
from collections.abc import Iterator
from typing import Final

_SHARDS: Final = 256
_ID_BYTES: Final = 16
_FULL_PERCENT: Final = 80
"""At most so much of a table is taken: with linear probing a search then ends after a dozen looks."""
_SMALLEST: Final = 4


class _Table:
    """One of the tables; 0 marks a free place."""

    __slots__ = ("ids", "taken", "values")

    def __init__(self, places: int) -> None:
        self.ids = bytearray(places * _ID_BYTES)
        self.values = array("Q", bytes(places * 8))
        self.taken = 0

    def place(self, key: bytes, number: int) -> int:
        """Where the key is, or the free place where it belongs."""
        ids, values = self.ids, self.values
        places = len(values)
        at = number % places
        while values[at] and ids[at * _ID_BYTES : (at + 1) * _ID_BYTES] != key:
            at = at + 1 if at + 1 < places else 0
        return at

    def put(self, at: int, key: bytes, value: int) -> None:
        if not self.values[at]:
            self.ids[at * _ID_BYTES : (at + 1) * _ID_BYTES] = key
            self.taken += 1
        self.values[at] = value


class CompactMap:
    """Whole numbers from 1 to 2⁶⁴ - 1 by report id; 0 where there is none."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables = [_Table(_SMALLEST) for _ in range(_SHARDS)]

    def get(self, report_id: str) -> int:
        """The number of a report, or 0."""
        key = _key(report_id)
        number = hash(key)
        table = self._tables[number % _SHARDS]
        return table.values[table.place(key, number // _SHARDS)]

    def set(self, report_id: str, value: int) -> None:
        """Remember a number; the one before is forgotten."""
        key = _key(report_id)
        number = hash(key)
        shard = number % _SHARDS
        table = self._tables[shard]
        if (table.taken + 1) * 100 > len(table.values) * _FULL_PERCENT:
            table = self._tables[shard] = _grown(table)
        table.put(table.place(key, number // _SHARDS), key, value)

    def values(self) -> Iterator[int]:
        """All numbers, in no order."""
        return (value for table in self._tables for value in table.values if value)


def _grown(table: _Table) -> _Table:
    places = len(table.values)
    grown = _Table(places + max(_SMALLEST, places // 4))
    for at, value in enumerate(table.values):
        if value:
            key = bytes(table.ids[at * _ID_BYTES : (at + 1) * _ID_BYTES])
            grown.put(grown.place(key, hash(key) // _SHARDS), key, value)
    return grown


def _key(report_id: str) -> bytes:
    """Raises ``ValueError`` for what is no report's id."""
    key = bytes.fromhex(report_id.replace("-", ""))
    if len(key) != _ID_BYTES:
        raise ValueError(f"{len(key)} bytes are no report's id")
    return key
