"""The log in a service's own store: appended in groups, by several processes at once, without ever forking.

A line's number is its ``_id``, so of two writers who both follow line 7 only one gets number 8; the other reads on and
tries again. After each group the signed head goes to another collection and to the structured log: whoever cuts off
the tail would have to cut it off there too.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from motor.motor_asyncio import AsyncIOMotorDatabase
from prometheus_client import Counter, Gauge
from pymongo.errors import BulkWriteError

from shared import log as logs
from shared.audit import chain
from shared.audit.anchors import CHECKPOINT, HEAD, Heads, Marks, refused_at
from shared.audit.chain import AuditKeys, Walk
from shared.audit.documents import document_of, line_of
from shared.audit.model import SYSTEM, Entry, Finding, Line, Mark
from shared.audit.verification import end_of, prove, used
from shared.clock import Clock
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.mongo import Document, by_ids, store_errors
from shared.rate_limit import Allowance, Buckets

_log = logs.get(__name__)

LINES: Final = "audit"
BEGUN: Final = "audit.begun"
LARGEST_GROUP: Final = 100
_WAITING: Final = 5000
"""Entries that may wait for the store; more are refused, and what they were about with them."""
_NOTES: Final = 2500
"""Where so many wait, refusals are dropped: the rest of the queue is for what must be written before it may happen."""
_STRANGERS_PER_MINUTE: Final = 30
"""Refusals of callers nobody knows that are taken from one network; metrics count all of them."""
_TRIES: Final = 60
_STEP: Final = 50
_DAY: Final = timedelta(days=1)
_SOON: Final = timedelta(minutes=1)

APPENDED: Final = Counter("ieum_audit_lines", "Lines written to the audit.", ["outcome"], registry=REGISTRY)
LOST: Final = Counter("ieum_audit_refusals_not_written", "Refusals the audit could not take.", registry=REGISTRY)
PACED: Final = Counter("ieum_audit_refusals_beyond_pace", "Refusals beyond a network's number.", registry=REGISTRY)
FINDINGS: Final = Gauge("ieum_audit_findings", "What is wrong with the chain, as last looked.", registry=REGISTRY)


class _Waiting(NamedTuple):
    entries: tuple[Entry, ...]
    answer: "asyncio.Future[None]"


class Looked(NamedTuple):
    """What was found when the whole chain was last verified by this process."""

    at: datetime
    findings: list[Finding]


class AuditLog:
    """One service's log."""

    def __init__(
        self,
        database: "AsyncIOMotorDatabase[Document]",
        keys: AuditKeys,
        clock: Clock,
        service: str,
        heads: Path | None = None,
    ) -> None:
        """``database`` is the service's own; ``heads`` a folder outside the store for signed heads."""
        self.keys: Final = keys
        self.service: Final = service
        self.clock: Final = clock
        self.lines: Final = database[LINES]
        self.marks: Final = Marks(database)
        self.heads: Final = Heads(heads, database.name)
        self.looked: Looked | None = None
        self._head: tuple[int, str] | None = None
        self._queue: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._asides: set[asyncio.Task[None]] = set()
        pace = Allowance(capacity=_STRANGERS_PER_MINUTE, per_second=_STRANGERS_PER_MINUTE / 60)
        self._strangers: Final = Buckets(pace, clock)

    async def append(self, *entries: Entry) -> None:
        """Write; durable when it returns. Raises ``TransientError``: then what it is about must not happen.

        After an error the lines may be there all the same; writing them again only says it twice.
        """
        if len(self._queue) >= _WAITING:
            raise TransientError("the queue of the audit is full")
        waiting = _Waiting(entries, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        await waiting.answer

    def note(self, entry: Entry, *, paced: bool = False) -> None:
        """Write soon, without waiting: for refusals, which happen whether or not the audit can take them.

        Anybody can cause refusals of nobody in particular, so those without an actor, and others that are ``paced``,
        are taken at a limited rate from each network; and all of them only while there is room to spare.
        """
        if max(len(self._queue), len(self._asides)) >= _NOTES:
            LOST.inc()
            return
        if (paced or entry.actor is None) and not self._strangers.taken(entry.where):
            PACED.inc()
            return
        aside = asyncio.create_task(self._noted(entry))
        self._asides.add(aside)
        aside.add_done_callback(self._asides.discard)

    async def settle(self) -> None:
        """Wait for what was noted; for tests and for the end of a process."""
        while self._asides:
            await asyncio.gather(*self._asides)

    async def head(self) -> Mark | None:
        """The signed head as last kept beside the log; None where nothing was ever written."""
        return await self.marks.get(HEAD)

    async def look(self) -> Looked:
        """Verify the whole chain and remember what was found. Raises ``TransientError``."""
        findings = await self.verify()
        FINDINGS.set(len(findings))
        self.looked = Looked(self.clock.now(), findings)
        return self.looked

    async def verify(self, anchors: Sequence[Mark] = ()) -> list[Finding]:
        """Everything wrong with the chain, judged up to its present end. ``anchors`` are heads noted elsewhere."""
        return await prove(self.keys, self.service, self.lines, self.marks, (*anchors, *self.heads.all()))

    async def sweep(self) -> int:
        """Remove lines that are older than two years; says how many. Stops before anything that does not verify.

        Only a whole front of the log goes, and a signed checkpoint is written first: killed in between, the rest goes
        the next time.
        """
        checkpoint = await self.marks.get(CHECKPOINT)
        seq, mac = (checkpoint.seq, checkpoint.mac) if checkpoint is not None else (0, chain.START)
        removed = await self._remove_down_from(seq)
        before = self.clock.now() - chain.KEPT
        while True:
            wanted = range(seq + 1, seq + 1 + _STEP)
            walk = Walk(self.keys, self.service, after=seq, previous=mac)
            old: Line | None = None
            with store_errors():
                found = await by_ids(self.lines, wanted)  # type: ignore[arg-type]  # ids are numbers here
            for number in wanted:
                document: Document | None = found.get(number)  # type: ignore[call-overload]  # as above
                line = line_of(document) if document is not None else None
                if line is None or line.at >= before:
                    break
                walk.feed(line)
                if walk.findings:
                    break
                old = line
            if old is None:
                return removed
            seq, mac = old.seq, old.mac
            await self.marks.keep(
                CHECKPOINT, chain.mark(self.keys, self.service, CHECKPOINT, seq, mac, self.clock.now())
            )
            removed += await self._remove_down_from(seq)

    async def run(self) -> None:
        """Once a day: prove the chain, say what is wrong with it, sweep. Until cancelled."""
        while True:
            try:
                findings = (await self.look()).findings
                for finding in findings[:_STEP]:
                    _log.critical("audit.finding", chain=self.service, kind=finding.kind, said=finding.said)
                removed = await self.sweep()
                _log.info("audit.looked_after", chain=self.service, findings=len(findings), removed=removed)
                wait = _DAY
            except TransientError as error:
                _log.warning("audit.not_looked_after", said=str(error))
                wait = _SOON
            await self.clock.sleep(wait.total_seconds())

    async def _noted(self, entry: Entry) -> None:
        try:
            await self.append(entry)
        except TransientError:
            LOST.inc()
            _log.error("audit.refusal_not_written", action=entry.action, reason=entry.reason)

    async def _drain(self) -> None:
        # One turn of the loop: what comes in the same moment joins this group.
        await asyncio.sleep(0)
        while self._queue:
            group: list[_Waiting] = []
            count = 0
            while self._queue and (not group or count + len(self._queue[0].entries) <= LARGEST_GROUP):
                group.append(self._queue.popleft())
                count += len(group[-1].entries)
            failure: Exception | None = None
            try:
                await self._write([entry for waiting in group for entry in waiting.entries])
            except Exception as error:  # whoever waits must hear of it, whatever it was
                failure = error  # what was written all the same is read before the next group
            for waiting in group:
                if waiting.answer.done():
                    continue
                if failure is None:
                    waiting.answer.set_result(None)
                else:
                    waiting.answer.set_exception(failure)

    async def _write(self, entries: list[Entry]) -> None:
        for attempt in range(_TRIES):
            seq, previous = await self._follow()
            lines = chain.link(self.keys, self.service, entries, seq, previous)
            written = await self._insert(lines)
            if written:
                self._head = lines[written - 1].seq, lines[written - 1].mac
                for entry in entries[:written]:
                    APPENDED.labels(entry.outcome.value).inc()
                entries = entries[written:]
            if not entries:
                await self._vouch(*self._head_known())
                return
            # Somebody else was faster: let one of us go first.
            await asyncio.sleep(random.uniform(0, 0.004) * min(attempt + 1, 8))  # noqa: S311  # spreads writers, hides nothing
        raise TransientError("others kept writing to the audit before us")

    async def _insert(self, lines: Sequence[Line]) -> int:
        """How many lines of the front were written; fewer than all where another writer took a number first."""
        with store_errors():
            try:
                await self.lines.insert_many([document_of(line) for line in lines], ordered=True)
            except BulkWriteError as error:
                refused = refused_at(error)
                if refused is None:
                    raise
                return refused
        return len(lines)

    def _head_known(self) -> tuple[int, str]:
        return self._head or (0, chain.START)

    async def _follow(self) -> tuple[int, str]:
        """The chain's end, read on from where it was last seen."""
        if self._head is None:
            self._head = await self._begin()
        while True:
            seq, _ = self._head
            wanted: Iterable[int] = range(seq + 1, seq + 1 + _STEP)
            found = await self._by_number(wanted)
            for number in wanted:
                if number not in found:
                    return self._head
                self._head = number, str(found[number]["mac"])

    async def _begin(self) -> tuple[int, str]:
        head, checkpoint = await self.marks.get(HEAD), await self.marks.get(CHECKPOINT)
        if head is not None and chain.genuine(self.keys, self.service, HEAD, head):
            found = await self._by_number([head.seq])
            if head.seq in found and found[head.seq]["mac"] == head.mac:
                return head.seq, head.mac
            if checkpoint is None or checkpoint.seq < head.seq:
                # The next head will take its place: keep it, so that what is missing stays missed.
                _log.critical("audit.head_missing", chain=self.service, anchor=chain.shown(head))
                await self.marks.keep(f"{HEAD}-{head.seq}-{head.mac[:8]}", head)
        end = await end_of(self.lines)
        if end:
            found = await self._by_number([end])
            return end, str(found[end]["mac"])
        return (checkpoint.seq, checkpoint.mac) if checkpoint is not None else (0, chain.START)

    async def _by_number(self, numbers: Iterable[int]) -> dict[int, Document]:
        found: Mapping[Any, Document] = await by_ids(self.lines, list(numbers), {"mac": 1})  # type: ignore[arg-type]  # ids are numbers here
        return dict(found)

    async def _vouch(self, seq: int, mac: str) -> None:
        made = chain.mark(self.keys, self.service, HEAD, seq, mac, self.clock.now())
        await self.marks.keep(HEAD, made)
        self.heads.keep(made)
        _log.info("audit.anchor", chain=self.service, anchor=chain.shown(made))

    async def _remove_down_from(self, seq: int) -> int:
        removed = 0
        while seq > 0:
            with store_errors():
                slice_ = list(range(max(1, seq - _STEP + 1), seq + 1))
                gone = (await self.lines.delete_many({"_id": {"$in": slice_}})).deleted_count
            if not gone:
                break
            removed, seq = removed + gone, slice_[0] - 1
        return removed


async def begin(log: AuditLog) -> None:
    """Write it, where nothing was ever written and the service is new. Raises ``TransientError``.

    Where the service was used before, lines are missing: then nothing is written that would look like a beginning.
    """
    if await end_of(log.lines) or await log.marks.get(HEAD) or await log.marks.get(CHECKPOINT):
        return
    if not await used(log.lines):
        await log.append(Entry(at=log.clock.now(), action=BEGUN, where=log.service, actor=SYSTEM))
