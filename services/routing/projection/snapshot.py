"""A partition's state as documents, so that taking it over need not read the whole log. Pure.

Sums and waiting lists are written down, single reports are not: the store's copy of the log holds them, and whatever an
event speaks of is recalled from there. A snapshot says which record it stands for and under which rule the sums were
made; who reads it back checks both. Waiting reports are packed, 24 bytes each: there may be a million of them.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

from services.routing.model import Tally
from services.routing.projection.partition import PartitionState
from services.routing.projection.waiting import WaitingList

PART: Final = 100_000
"""Waiting reports in one document: 2.4 MB, well below the store's limit of 16."""
_PACKED: Final = struct.Struct(">16sq")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Snapshot(NamedTuple):
    """A state at one position, in the light form: taken at once, written later."""

    partition: int
    position: int
    last_id: str | None
    cases_position: int
    newest_received: datetime | None
    tallies: Mapping[str, Tally]
    waiting: Mapping[str, Mapping[str, datetime]]
    drills: frozenset[str]
    early: Mapping[str, tuple[int, datetime]]
    """Acknowledgements of reports the log did not hold yet."""


def taken(partition: int, state: PartitionState) -> Snapshot:
    """The state now; what happens to it afterwards does not show."""
    return Snapshot(
        partition=partition,
        position=state.position,
        last_id=state.last_id,
        cases_position=state.cases_position,
        newest_received=state.newest_received,
        tallies=dict(state.tallies),
        waiting={center: dict(waiting.since) for center, waiting in state.waiting.items()},
        drills=frozenset().union(*(waiting.drills for waiting in state.waiting.values())),
        early={r: said for r, said in state.acknowledged.items() if r not in state.standings},
    )


def head_of(snapshot: Snapshot, rule_version: int, parts: int) -> dict[str, Any]:
    """The document that makes the snapshot count; ``parts`` more hold who waits."""
    return {
        "position": snapshot.position,
        "last_id": snapshot.last_id,
        "cases_position": snapshot.cases_position,
        "rule_version": rule_version,
        "newest_received": None if snapshot.newest_received is None else _millis(snapshot.newest_received),
        "tallies": {center: list(tally) for center, tally in snapshot.tallies.items() if any(tally)},
        "drills": sorted(snapshot.drills),
        "early": [[report, ownership, _millis(at)] for report, (ownership, at) in snapshot.early.items()],
        "parts": parts,
    }


def parts_of(snapshot: Snapshot, size: int = PART) -> list[dict[str, bytes]]:
    """Who waits, by centre, in pieces of at most ``size`` reports."""
    parts: list[dict[str, bytes]] = []
    for center, waiting in snapshot.waiting.items():
        packed = (_PACKED.pack(_id_bytes(report), _millis(since)) for report, since in waiting.items())
        parts += [{center: piece} for piece in _in_pieces(packed, size)]
    return parts


def restored(head: Mapping[str, Any], parts: Sequence[Mapping[str, bytes]]) -> PartitionState:
    """The state as it was, with every single report forgotten. Raises ``ValueError`` if parts are missing."""
    if len(parts) != head["parts"]:
        raise ValueError(f"{head['parts']} parts were written, {len(parts)} are there")
    newest = None if head["newest_received"] is None else _moment(head["newest_received"])
    drills = frozenset(head["drills"])
    waiting: dict[str, WaitingList] = {}
    for part in parts:
        for center, packed in part.items():
            listed = waiting.setdefault(center, WaitingList())
            for raw, since in _PACKED.iter_unpack(packed):
                report = _id_text(raw)
                listed.add(report, _moment(since), drill=report in drills)
    return PartitionState(
        position=head["position"],
        last_id=head["last_id"],
        cases_position=head["cases_position"],
        tallies={center: Tally(*sums) for center, sums in head["tallies"].items()},
        waiting=waiting,
        acknowledged={report: (ownership, _moment(at)) for report, ownership, at in head["early"]},
        newest_received=newest,
        forgotten_until=newest,
        forgotten_below=head["position"],
    )


def _in_pieces(packed: Iterable[bytes], size: int) -> Iterator[bytes]:
    rest = iter(packed)
    while piece := b"".join(islice(rest, size)):
        yield piece


def _id_bytes(report_id: str) -> bytes:
    return bytes.fromhex(report_id.replace("-", ""))


def _id_text(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _millis(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _moment(millis: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=millis)
