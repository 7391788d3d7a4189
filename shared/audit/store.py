"""The log in a service's own store: appended in groups, by several processes at once, without ever forking.

A line's number is its ``_id``, so of two writers who both follow line 7 only one gets number 8; the other reads on and
tries again. After each group the signed head goes to another collection and to the structured log: a
truncated tail would have to be truncated there too.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from motor.motor_asyncio import AsyncIOMotorDatabase
from prometheus_client import Counter, Gauge
from pymongo.errors import BulkWriteError

from shared import log as logs
from shared.audit import chain
from shared.audit.anchors import CHECKPOINT, HEAD, AnchorStore, HeadFile, refused_at
from shared.audit.chain import AuditKeys, ChainVerifier
from shared.audit.documents import document_of, line_of, tolerant
from shared.audit.model import SYSTEM, Anchor, AuditEntry, ChainEntry, ChainFinding
from shared.audit.verification import is_used, last_seq, verify_chain
from shared.clock import Clock
from shared.errors import TransientError
from shared.metrics import REGISTRY
from shared.mongo import Document, by_ids, store_errors
from shared.rate_limit import RateLimit, RateLimiter
from shared.store_clock import ClocksApartError, StoreClock

_log = logs.get(__name__)

LINES: Final = "audit"
BEGUN: Final = "audit.begun"
RESTORED: Final = "audit.restored"
"""The first line after a backup was put back; its detail names the backup."""
LARGEST_GROUP: Final = 100
_WAITING: Final = 5000
"""Entries that may wait for the store; more are refused, and what they were about with them."""
_NOTES: Final = 2500
"""Above so many waiting, refusals are dropped: the rest of the queue is for lines that must precede an action."""
_ANONYMOUS_PER_MINUTE: Final = 30
"""Refusals of unknown callers that are taken from one network; metrics count all of them."""
_TRIES: Final = 60
_STEP: Final = 50
DAY_S: Final = 86_400.0
HEADS_WITHIN_S: Final = 5.0
"""So long an action waits until the head is outside the store as well."""

APPENDED: Final = Counter("ieum_audit_lines", "Lines written to the audit.", ["outcome"], registry=REGISTRY)
LOST: Final = Counter("ieum_audit_refusals_dropped", "Refusals the audit could not take.", registry=REGISTRY)
RATE_LIMITED: Final = Counter(
    "ieum_audit_refusals_rate_limited", "Refusals dropped by the rate limit of their network.", registry=REGISTRY
)
FINDINGS: Final = Gauge("ieum_audit_findings", "What is wrong with the chain, as last looked.", registry=REGISTRY)


class _Waiting(NamedTuple):
    entries: tuple[AuditEntry, ...]
    answer: "asyncio.Future[None]"


class VerificationResult(NamedTuple):
    """When this process last verified the whole chain, and what it found."""

    at: datetime
    findings: list[ChainFinding]


class AuditLog:
    """One service's log."""

    def __init__(
        self,
        database: "AsyncIOMotorDatabase[Document]",
        keys: AuditKeys,
        clock: Clock,
        service: str,
        heads: Path | None,
    ) -> None:
        """``database`` is the service's own; ``heads`` a folder outside the store for signed heads.

        Whoever writes must name the folder, commands too: else their lines could be removed and no check would find it.
        """
        self.keys: Final = keys
        self.service: Final = service
        self.clock: Final = clock
        self.lines: Final = tolerant(database[LINES])
        self.anchors: Final = AnchorStore(database)
        self.heads: Final = HeadFile(heads, database.name)
        self._heads_thread: Final = ThreadPoolExecutor(1, "audit-heads")
        self._heads_kept: asyncio.Future[None] | None = None
        self.last_result: VerificationResult | None = None
        self._head: tuple[int, str] | None = None
        self._signed: Anchor | None = None  # by this process
        self._queue: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._notes: set[asyncio.Task[None]] = set()
        limit = RateLimit(capacity=_ANONYMOUS_PER_MINUTE, per_second=_ANONYMOUS_PER_MINUTE / 60)
        self._anonymous_limit: Final = RateLimiter(limit, clock)
        self._store_clock: Final = StoreClock.of(database, clock)

    async def append(self, *entries: AuditEntry) -> None:
        """Write; durable when it returns. Raises ``TransientError``: then the action must not happen.

        After an error the lines may be there nevertheless; writing them again only repeats them.
        """
        if len(self._queue) >= _WAITING:
            raise TransientError("the queue of the audit is full")
        waiting = _Waiting(entries, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        await waiting.answer

    def note(self, entry: AuditEntry, *, rate_limited: bool = False) -> None:
        """Write soon, without waiting: for refusals, which happen whether or not the audit can take them.

        Refusals without an actor, and others that are ``rate_limited``, are taken at a limited rate from each network,
        since any caller can cause them; all of them only while the queue has room.
        """
        if max(len(self._queue), len(self._notes)) >= _NOTES:
            LOST.inc()
            return
        if (rate_limited or entry.actor is None) and not self._anonymous_limit.try_acquire(entry.where):
            RATE_LIMITED.inc()
            return
        task = asyncio.create_task(self._noted(entry))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def has(self, entry: AuditEntry, since: datetime) -> bool:
        """Return whether a line since then says the same, whoever wrote it. Raises ``TransientError``.

        Lines are looked through one by one.
        """
        detail = {f"detail.{name}": value for name, value in entry.detail.items()}
        with store_errors():
            found = await self.lines.find_one({"action": entry.action, "at": {"$gte": since}, **detail}, {"_id": 1})
        return found is not None

    async def settle(self) -> None:
        """Wait for what was noted; for tests and for the end of a process."""
        while self._notes:
            await asyncio.gather(*self._notes)

    async def head(self) -> Anchor | None:
        """The signed head as last kept beside the log; None where nothing was ever written."""
        return await self.anchors.get(HEAD)

    async def newest_head(self) -> Anchor | None:
        """The newest head: what this process signed, or what another one kept in the store, if that is genuine.

        So whoever has the store alone keeps no head from being published. Raises ``TransientError``.
        """
        signed = self._signed
        try:
            stored = await self.anchors.get(HEAD)
        except TransientError:
            if signed is None:
                raise
            return signed
        if stored is None:
            return signed
        if not chain.is_genuine(self.keys, self.service, HEAD, stored):
            _log.critical("audit.head_refused", chain=self.service, error="not signed by this service")
            return signed
        return stored if signed is None or stored.seq > signed.seq else signed

    async def oldest_after(self, seq: int) -> tuple[int, datetime] | None:
        """Number and time of the first line after ``seq``. Raises ``TransientError``."""
        with store_errors():
            found = await self.lines.find({"_id": {"$gt": seq}}).sort("_id", 1).limit(1).to_list(1)
        line = line_of(found[0]) if found else None
        return None if line is None else (line.seq, line.at)

    async def verify_and_keep(self) -> VerificationResult:
        """Verify the whole chain and keep the result. Raises ``TransientError``."""
        findings = await self.verify()
        FINDINGS.set(len(findings))
        self.last_result = VerificationResult(self.clock.now(), findings)
        return self.last_result

    async def verify(self, anchors: Sequence[Anchor] = (), positions: Sequence[Anchor] = ()) -> list[ChainFinding]:
        """Every finding up to the chain's present end. Raises ``TransientError``.

        ``anchors`` are heads kept elsewhere; ``positions`` are known to be genuine.
        """
        try:
            outside = await asyncio.to_thread(self.heads.all)  # a disk that hangs must not hold up the loop
        except OSError as error:
            raise TransientError(f"the heads of the audit cannot be read: {error}") from error
        heads = (*anchors, *outside)
        return await verify_chain(self.keys, self.service, self.lines, self.anchors, heads, positions)

    async def end(self) -> tuple[int, str]:
        """Number and MAC of the last line. Raises ``TransientError``."""
        return await self._read_head()

    async def sweep(self) -> int:
        """Remove lines that are older than two years; says how many. Stops before anything that does not verify.

        Only a whole front of the log goes, and a signed checkpoint is written first: killed in between, the rest goes
        the next time. A clock that is wrong ends no line: while it and the store's are apart, none is old.
        """
        checkpoint = await self.anchors.get(CHECKPOINT)
        seq, mac = (checkpoint.seq, checkpoint.mac) if checkpoint is not None else (0, chain.START)
        removed = await self._remove_down_from(seq)
        try:
            before = await self._store_clock.agreed_now() - chain.KEPT
        except ClocksApartError:
            return removed  # said by the clock; a line that stays a day longer needs no pass that fails
        while True:
            wanted = range(seq + 1, seq + 1 + _STEP)
            verifier = ChainVerifier(self.keys, self.service, after=seq, previous=mac)
            old: ChainEntry | None = None
            with store_errors():
                found = await by_ids(self.lines, wanted)  # type: ignore[arg-type]  # ids are numbers here
            for number in wanted:
                document: Document | None = found.get(number)  # type: ignore[call-overload]  # as above
                line = line_of(document) if document is not None else None
                if line is None or line.at >= before:
                    break
                verifier.feed(line)
                if verifier.findings:
                    break
                old = line
            if old is None:
                return removed
            seq, mac = old.seq, old.mac
            await self.anchors.keep(
                CHECKPOINT, chain.sign_anchor(self.keys, self.service, CHECKPOINT, seq, mac, self.clock.now())
            )
            removed += await self._remove_down_from(seq)

    async def look_after(self) -> None:
        """Verify the chain, log the findings, sweep: once a day. Raises ``TransientError``."""
        findings = (await self.verify_and_keep()).findings
        for finding in findings[:_STEP]:
            _log.critical("audit.finding_reported", chain=self.service, kind=finding.kind, detail=finding.message)
        removed = await self.sweep()
        _log.info("audit.verified", chain=self.service, findings=len(findings), removed=removed)

    async def _noted(self, entry: AuditEntry) -> None:
        try:
            await self.append(entry)
        except TransientError:
            LOST.inc()
            _log.error("audit.refusal_dropped", action=entry.action, reason=entry.reason)

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
            except Exception as error:  # every waiting caller must get it, whatever it was
                failure = error  # what was written nevertheless is read before the next group
            for waiting in group:
                if waiting.answer.done():
                    continue
                if failure is None:
                    waiting.answer.set_result(None)
                else:
                    waiting.answer.set_exception(failure)

    async def _write(self, entries: list[AuditEntry]) -> None:
        for attempt in range(_TRIES):
            seq, previous = await self._read_head()
            lines = chain.link(self.keys, self.service, entries, seq, previous)
            written = await self._insert(lines)
            if written:
                self._head = lines[written - 1].seq, lines[written - 1].mac
                for entry in entries[:written]:
                    APPENDED.labels(entry.outcome.value).inc()
                entries = entries[written:]
            if not entries:
                await self._sign_head(*self._head_known())
                return
            # Another writer took the number: spread the next attempts.
            await asyncio.sleep(random.uniform(0, 0.004) * min(attempt + 1, 8))  # noqa: S311  # spreads writers, hides nothing
        raise TransientError(f"update_conflict: gave up after {_TRIES} attempts to append to the audit")

    async def _insert(self, lines: Sequence[ChainEntry]) -> int:
        """Return how many lines of the front were written: fewer than all if another writer took a number first."""
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

    async def _read_head(self) -> tuple[int, str]:
        """The chain's end, read on from where it was last seen."""
        if self._head is None:
            self._head = await self._find_head()
        while True:
            seq, _ = self._head
            wanted: Iterable[int] = range(seq + 1, seq + 1 + _STEP)
            found = await self._by_number(wanted)
            for number in wanted:
                if number not in found:
                    return self._head
                self._head = number, str(found[number]["mac"])

    async def _find_head(self) -> tuple[int, str]:
        head, checkpoint = await self.anchors.get(HEAD), await self.anchors.get(CHECKPOINT)
        if head is not None and chain.is_genuine(self.keys, self.service, HEAD, head):
            found = await self._by_number([head.seq])
            if head.seq in found and found[head.seq]["mac"] == head.mac:
                return head.seq, head.mac
            if checkpoint is None or checkpoint.seq < head.seq:
                # The next head will take its place: keep it, so that what is missing stays missed.
                _log.critical("audit.head_missing", chain=self.service, anchor=chain.format_anchor(head))
                await self.anchors.keep(f"{HEAD}-{head.seq}-{head.mac[:8]}", head)
        end = await last_seq(self.lines)
        if end:
            found = await self._by_number([end])
            return end, str(found[end]["mac"])
        return (checkpoint.seq, checkpoint.mac) if checkpoint is not None else (0, chain.START)

    async def _by_number(self, numbers: Iterable[int]) -> dict[int, Document]:
        found: Mapping[Any, Document] = await by_ids(self.lines, list(numbers))  # type: ignore[arg-type]  # ids are numbers here
        return dict(found)

    async def _sign_head(self, seq: int, mac: str) -> None:
        made = chain.sign_anchor(self.keys, self.service, HEAD, seq, mac, self.clock.now())
        if self._signed is None or self._signed.seq < made.seq:
            self._signed = made
        await self.anchors.keep(HEAD, made)
        await self._keep_outside(made)
        _log.info("audit.head_signed", chain=self.service, anchor=chain.format_anchor(made))

    async def _keep_outside(self, head: Anchor) -> None:
        """Keep the head outside the store. A disk that hangs holds up neither this process nor, for long, the action.

        Nor does another process that was stopped while it held the file. What is left out a later head makes up for.
        """
        if self._heads_kept is None or self._heads_kept.done():
            loop = asyncio.get_running_loop()
            self._heads_kept = loop.run_in_executor(self._heads_thread, self.heads.keep, head)
            done, _ = await asyncio.wait({self._heads_kept}, timeout=HEADS_WITHIN_S)
            if done:
                self._heads_kept.result()
                return
        _log.error("audit.head_write_failed", error="TimeoutError")

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
    """Write the first line of a new service's log, so that an empty log is a finding. Raises ``TransientError``.

    Where the service was used before, lines are missing: then nothing is written that would look like a first line.
    """
    if await last_seq(log.lines) or await log.anchors.get(HEAD) or await log.anchors.get(CHECKPOINT):
        return
    if not await is_used(log.lines):
        await log.append(AuditEntry(at=log.clock.now(), action=BEGUN, where=log.service, actor=SYSTEM))
