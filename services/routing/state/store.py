"""The state store of one partition: an LMDB environment that is a cache of `routings[p]` and `cases[p]`.

The log decides, the store follows. The order in which a batch is dealt with:

1. decide from the store;
2. publish to `routings[p]` and await the acknowledgement;
3. write where each record leaves its report into the open transaction;
4. ``commit`` it together with the checkpoint, the position in the log it stands for;
5. commit the offsets of what was read.

Whoever dies before 4 leaves a store that is behind the log, never ahead of it: the next start reads the log from the
checkpoint to the end before it decides anything. A store that were ahead could lose a decision (remembered, never
published) or publish it twice differently.

Nothing is synced to the disk: after ``kill -9`` of the process the kernel still has what was committed, and after a
crash of the machine ``folder`` throws the store away and the log is read instead.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, TypeVar, overload

import lmdb
import orjson

from services.routing.assignment.rules import RULE_VERSION
from services.routing.models import CaseTotals, ReportState
from services.routing.state.partition import PartitionState
from services.routing.state.waiting import WaitingList, Waits
from shared.events.vocabulary import EndReason

MAP_BYTES: Final = 1 << 36
"""The most one partition can grow to: 64 GiB of address space, of which only what is written takes room. One report
takes less than 1 KB, so these are some hundred million reports."""
FORMAT: Final = ",".join(("1", *ReportState._fields, *CaseTotals._fields))
"""Of keys and values: a number, for changes of how they are written, and what they hold. A store in another format is
thrown away and restored."""
_DIGEST_BYTES: Final = 16
_CHECKPOINT: Final = b"checkpoint"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS: Final = 86_400
_ID_BYTES: Final = 16
_MOMENT_BYTES: Final = 8
_MOMENT_BIAS: Final = 1 << 63
"""Added to microseconds since 1970, so that earlier moments sort before later ones as bytes, too."""
_ASKED: Final = 1024
"""Values kept as they were read or written; some hundred reports make a batch."""
_PERSON, _DRILL = b"\0", b"\1"


class Checkpoint(NamedTuple):
    """The offsets that a committed store stands for, and the sums that are kept in memory while it is open."""

    position: int
    """Every record of `routings[p]` below it is in the store."""
    last: str | None
    """Digest of the record before ``position``: another one lying there means another log."""
    cases_position: int
    """Every acknowledgement in `cases[p]` below it is in the store."""
    rule_version: int
    """The rule the weights in the sums were made with."""
    case_totals: Mapping[str, CaseTotals]


class StateStore:
    """One partition. All reads and writes go through one transaction that is open until ``commit``.

    The process is alone with it (``folder`` sees to that) and uses it from one thread, so LMDB need not lock anything.
    Whatever LMDB raises is an ``lmdb.Error``: the store cannot be trusted any more.
    """

    def __init__(self, path: Path) -> None:
        """Open it, or make an empty one. Raises ``lmdb.Error`` if it is damaged, also if its file was cut off."""
        path.mkdir(parents=True, exist_ok=True)
        self.env = lmdb.open(
            str(path), map_size=MAP_BYTES, max_dbs=3, sync=False, metasync=False, lock=False, readahead=False
        )
        try:
            self._refuse_cut_off(path)
            self.report_states: MutableMapping[str, ReportState] = _Table(
                self, b"standings", _report_state_bytes, _report_state_of
            )
            """Where the log leaves each report there ever was."""
            self.acknowledged: MutableMapping[str, tuple[int, datetime]] = _Table(
                self, b"acknowledged", _acknowledged_bytes, _acknowledged_of
            )
            """The newest acknowledgement of each report: its ownership and when; also of reports not known yet."""
            self.numbers: dict[str, tuple[int, int]] = {}
            """How many people and how many drills wait at each centre; kept with the checkpoint, for counting them
            would read them all."""
            self.waiting: dict[str, WaitingList] = _WaitingLists(self, b"waiting")
            # Tables are opened in transactions of their own, so before this one.
            self.txn = self.env.begin(write=True)
            self.checkpoint = self._checkpoint()
            """The last one committed; none in an empty store."""
        except BaseException:
            self.env.close()
            raise

    def _refuse_cut_off(self, path: Path) -> None:
        """LMDB does not look, and reading behind the end of a file ends the process without a word, at every start."""
        if (path / "data.mdb").stat().st_size < (self.env.info()["last_pgno"] + 1) * self.env.stat()["psize"]:
            raise lmdb.CorruptedError("the file is shorter than what it says it holds")

    def commit(self, checkpoint: Checkpoint) -> None:
        """Keep what was written since the last commit, and the position it stands for: both or nothing."""
        value = orjson.dumps(
            {
                "format": FORMAT,
                "waiting": self.numbers,
                "position": checkpoint.position,
                "last": checkpoint.last,
                "cases_position": checkpoint.cases_position,
                "rule_version": checkpoint.rule_version,
                "tallies": {center: list(totals) for center, totals in checkpoint.case_totals.items()},
            }
        )
        self.txn.put(_CHECKPOINT, value)
        self.txn.commit()
        self.txn = self.env.begin(write=True)
        self.checkpoint = checkpoint

    def close(self, *, sync: bool) -> None:
        """Let go of it; what was not committed is dropped. ``sync``: on the disk before this returns."""
        self.txn.abort()
        if sync:
            self.env.sync(True)
        self.env.close()

    def _checkpoint(self) -> Checkpoint | None:
        value = self.txn.get(_CHECKPOINT)
        if value is None:
            return None
        kept = orjson.loads(value)
        if kept["format"] != FORMAT:
            raise lmdb.VersionMismatchError(f"the state store has format {kept['format']}, this build writes {FORMAT}")
        for center, (people, drills) in kept["waiting"].items():
            self.waiting[center]
            self.numbers[center] = (people, drills)
        totals = {center: CaseTotals(*sums) for center, sums in kept["tallies"].items()}
        return Checkpoint(kept["position"], kept["last"], kept["cases_position"], kept["rule_version"], totals)


def digest(value: bytes | None) -> str:
    """Digest a record's value, to tell it from any other's.

    Not the event's id: where Kafka lost its newest records, a report is routed again under the same id, and perhaps to
    another centre.
    """
    return hashlib.blake2b(value or b"", digest_size=_DIGEST_BYTES).hexdigest()


def state_of(store: StateStore) -> PartitionState:
    """The state as it was committed; what happens to it is written to the store."""
    found = PartitionState(report_states=store.report_states, waiting=store.waiting, acknowledged=store.acknowledged)
    if (checkpoint := store.checkpoint) is not None:
        found.position, found.last = checkpoint.position, checkpoint.last
        found.cases_position = checkpoint.cases_position
        found.case_totals = dict(checkpoint.case_totals)
    return found


def checkpoint_of(state: PartitionState) -> Checkpoint:
    """Return the checkpoint of a store that holds all of the state."""
    return Checkpoint(state.position, state.last, state.cases_position, RULE_VERSION, state.case_totals)


V = TypeVar("V")
D = TypeVar("D")


class _Table(MutableMapping[str, V]):
    """Values by report id, like a dictionary that lies on disk."""

    def __init__(
        self, store: StateStore, name: bytes, packed: Callable[[V], bytes], unpacked: Callable[[bytes], V]
    ) -> None:
        self._store = store
        self._table = store.env.open_db(name)
        self._packed = packed
        self._unpacked = unpacked
        self._asked: dict[str, V | None] = {}
        """What was asked for and written of late: a batch asks for the same report several times."""

    def __getitem__(self, report_id: str) -> V:
        value = self.get(report_id)
        if value is None:
            raise KeyError(report_id)
        return value

    @overload
    def get(self, report_id: str) -> V | None: ...

    @overload
    def get(self, report_id: str, default: V | D) -> V | D: ...

    def get(self, report_id: str, default: V | D | None = None) -> V | D | None:
        if report_id in self._asked:
            found = self._asked[report_id]
        else:
            packed = self._store.txn.get(_id_bytes(report_id), db=self._table)
            found = None if packed is None else self._unpacked(packed)
            if len(self._asked) >= _ASKED:
                self._asked.clear()
            self._asked[report_id] = found
        return default if found is None else found

    def __setitem__(self, report_id: str, value: V) -> None:
        self._store.txn.put(_id_bytes(report_id), self._packed(value), db=self._table)
        self._asked[report_id] = value

    def __delitem__(self, report_id: str) -> None:
        self._asked.pop(report_id, None)
        if not self._store.txn.delete(_id_bytes(report_id), db=self._table):
            raise KeyError(report_id)

    def __iter__(self) -> Iterator[str]:
        return (_id_text(key) for key in self._store.txn.cursor(db=self._table).iternext(values=False))

    def __len__(self) -> int:
        return int(self._store.txn.stat(db=self._table)["entries"])


class StoredWaitingList:
    """Reports that wait at one centre, the longest first: an index in the same environment.

    A key is the centre, whether it is a drill, since when the report waits, and its id: the first one of the people is
    the one who waits longest.
    """

    __slots__ = ("_center", "_prefix", "_store", "_table")

    def __init__(self, store: StateStore, lists: "_WaitingLists", center_id: str) -> None:
        self._store = store
        self._table = lists.table
        self._center = center_id
        self._prefix = center_id.encode() + b"\0"
        store.numbers.setdefault(center_id, (0, 0))

    def add(self, report_id: str, since: datetime, *, drill: bool) -> None:
        """It waits at this centre from then on; once more changes nothing."""
        if self._store.txn.put(self._key(report_id, since, drill), b"", db=self._table, overwrite=False):
            self._count(drill, 1)

    def remove(self, report_id: str, since: datetime, *, drill: bool) -> bool:
        """It waits here no more; False if it did not."""
        removed = bool(self._store.txn.delete(self._key(report_id, since, drill), db=self._table))
        if removed:
            self._count(drill, -1)
        return removed

    def waits(self) -> Waits:
        """Return how many people wait and since when the one who waits longest does."""
        people, _ = self._store.numbers[self._center]
        first = next(self._keys(_PERSON), None) if people else None
        return Waits(people, None if first is None else _moment_of(first[-_ID_BYTES - _MOMENT_BYTES : -_ID_BYTES]))

    def __iter__(self) -> Iterator[str]:
        """Iterate by who waits longest, drills after the people."""
        for kind in (_PERSON, _DRILL):
            for key in self._keys(kind):
                yield _id_text(key[-_ID_BYTES:])

    def __len__(self) -> int:
        return sum(self._store.numbers[self._center])

    def _keys(self, kind: bytes) -> Iterator[bytes]:
        prefix = self._prefix + kind
        cursor = self._store.txn.cursor(db=self._table)
        if cursor.set_range(prefix):
            for key in cursor.iternext(values=False):
                if not key.startswith(prefix):
                    return
                yield key

    def _key(self, report_id: str, since: datetime, drill: bool) -> bytes:
        return self._prefix + (_DRILL if drill else _PERSON) + _moment_bytes(since) + _id_bytes(report_id)

    def _count(self, drill: bool, change: int) -> None:
        people, drills = self._store.numbers[self._center]
        self._store.numbers[self._center] = (people, drills + change) if drill else (people + change, drills)


class _WaitingLists(dict[str, WaitingList]):
    """The waiting list of each centre; one that was never asked for is empty."""

    def __init__(self, store: StateStore, name: bytes) -> None:
        super().__init__()
        self._store = store
        self.table = store.env.open_db(name)

    def __missing__(self, center_id: str) -> WaitingList:
        made = self[center_id] = StoredWaitingList(self._store, self, center_id)
        return made


def _report_state_bytes(report_state: ReportState) -> bytes:
    """A JSON list of all but the facts, a line feed, and the facts, which are JSON already."""
    head = orjson.dumps(
        (
            report_state.version,
            report_state.ownership,
            report_state.center_id,
            report_state.intake_version,
            report_state.weight,
            report_state.ended,
            _micros(report_state.received_at),
            report_state.home,
            report_state.severe,
            report_state.case_causes,
            None if report_state.waits_since is None else _micros(report_state.waits_since),
            report_state.right_of_return,
        )
    )
    return head + b"\n" + report_state.facts


def _report_state_of(value: bytes) -> ReportState:
    head, _, facts = value.partition(b"\n")
    version, ownership, center, intake, weight, ended, received, home, severe, causes, waits, may_return = orjson.loads(
        head
    )
    return ReportState(
        version,
        ownership,
        center,
        intake,
        weight,
        None if ended is None else EndReason(ended),
        _moment(received),
        facts,
        home,
        severe,
        tuple(causes),
        None if waits is None else _moment(waits),
        may_return,
    )


def _acknowledged_bytes(value: tuple[int, datetime]) -> bytes:
    ownership, at = value
    return _moment_bytes(at) + ownership.to_bytes(8, "big")


def _acknowledged_of(value: bytes) -> tuple[int, datetime]:
    return int.from_bytes(value[_MOMENT_BYTES:], "big"), _moment_of(value[:_MOMENT_BYTES])


@lru_cache(maxsize=_ASKED)  # one report is asked for and written several times within a batch
def _id_bytes(report_id: str) -> bytes:
    return bytes.fromhex(report_id.replace("-", ""))


def _id_text(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _micros(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * _DAY_SECONDS + since.seconds) * 1_000_000 + since.microseconds


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _moment_bytes(moment: datetime) -> bytes:
    return (_micros(moment) + _MOMENT_BIAS).to_bytes(_MOMENT_BYTES, "big")


def _moment_of(raw: bytes) -> datetime:
    return _moment(int.from_bytes(raw, "big") - _MOMENT_BIAS)
