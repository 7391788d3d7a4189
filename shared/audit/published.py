"""Anchors in a topic that every service may write and the verifier alone reads: outside every store, never changed.

A store that was rolled back together with all its heads is found by them. ``AnchorPublisher`` writes those of one
service; the verifier reads them all, keeps a copy in a file that is only ever appended to, and notes there and in the
topic what a restore from a backup lost. What is published is text: ``intake=`` and an anchor as ``--anchor`` takes it,
after a restore with `` restored=`` and the name of the backup.
"""

import os
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from shared import log as logs
from shared.audit import chain
from shared.audit.anchors import HEAD
from shared.audit.chain import AuditKeys
from shared.audit.model import Anchor, ChainFinding
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.errors import TransientError
from shared.kafka.connection import bounded, client_options, topic_name
from shared.kafka.reader import PartitionReader
from shared.metrics import REGISTRY
from shared.settings import KafkaSettings
from shared.topics import AUDIT_ANCHORS

_log = logs.get(__name__)

PUBLISH_S: Final = 20.0
"""How often a new head is published; so long a store may be rolled back unseen by the topic."""
SILENT: Final = timedelta(minutes=10)
"""So long after a line there must be an anchor of it, or of one after it."""
_SLACK: Final = timedelta(days=1)
"""Between the times of a line and of its anchor, and between clocks."""
_CLOSE_S: Final = 5.0
_RESTORED: Final = " restored="
_PARTS: Final = 4
"""Of an anchor as text."""
_LONGEST: Final = 1000
"""Characters of a published line that are looked at and copied; an anchor has fewer than 300."""
_FOREIGN: Final = 1000
"""So many lines that are no anchors are copied: any service can write them, and nothing can be deleted there."""

WAITING: Final = Gauge(
    "ieum_audit_anchor_waiting_seconds",
    "For how long the newest head of the audit has not been published; 0: it is.",
    registry=REGISTRY,
)


class AnchorPublisher:
    """Publishes the head of one service's log: the first time for what was written before, then whatever is new.

    At least once: what a process was killed before publishing, the next one publishes; what a command wrote, a service.
    """

    def __init__(self, log: AuditLog, settings: KafkaSettings, clock: Clock) -> None:
        self._log = log
        self._settings = settings
        self._clock = clock
        self._published: Anchor | None = None
        self._waits_since: datetime | None = None
        WAITING.set_function(self._waiting_seconds)

    def _waiting_seconds(self) -> float:
        """As of when the metrics are read: it grows on while the store is away, and while Kafka takes its time."""
        since = self._waits_since
        return 0.0 if since is None else max((self._clock.now() - since).total_seconds(), 0.0)

    async def publish(self) -> None:
        """Publish the head if it is new. Raises ``TransientError``: then it waits, and the metric says how long."""
        head = await self._log.newest_head()
        if head is None or head == self._published:
            return
        self._waits_since = self._waits_since or self._clock.now()
        await send(self._settings, self._log.service, f"{self._log.service}={chain.format_anchor(head)}")
        self._published, self._waits_since = head, None


async def send(settings: KafkaSettings, service: str, text: str) -> None:
    """Write a line to the topic, over a connection of its own: seconds pass between two. Raises ``TransientError``."""
    producer = AIOKafkaProducer(
        **client_options(settings), acks="all", request_timeout_ms=int(settings.call_timeout_s * 1000)
    )
    try:
        await bounded(producer.start(), settings.call_timeout_s, "connecting")
        sending = producer.send_and_wait(topic_name(settings, AUDIT_ANCHORS), text.encode(), key=service.encode())
        await bounded(sending, settings.call_timeout_s, "publishing an anchor")
    except KafkaError as error:
        raise TransientError(f"kafka: publishing an anchor failed: {type(error).__name__}") from error
    finally:
        try:
            await bounded(producer.stop(), _CLOSE_S, "closing a producer")
        except (TransientError, KafkaError) as error:
            _log.warning("audit.anchor_close_failed", error=str(error))


async def read(settings: KafkaSettings, since: datetime) -> list[str]:
    """Every line of the topic that counts, as in the copy (``AnchorFile.lines``). Raises ``TransientError``."""
    reader = PartitionReader(settings, AUDIT_ANCHORS)
    await reader.start()
    try:
        ends = await reader.ends(await reader.partitions())
        spans = {partition: (0, end) for partition, end in ends.items()}
        texts = (_text(record.value or b"") async for record in reader.read(spans))
        return [one_line(text) async for text in texts if not is_over(text, since)]
    finally:
        await reader.stop()


def one_line(text: str) -> str:
    """What was published, as the copy holds it; no anchor is so long as to lose anything."""
    return sys.intern(text[:_LONGEST].replace("\n", " "))  # once for the topic and the copy: years of them fill memory


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def counts_since(now: datetime) -> datetime:
    """From when on anchors count: the lines that older ones name have been removed, and later ones vouch for others.

    A line's MAC covers all lines before it.
    """
    return now - chain.KEPT - _SLACK


def is_over(line: str, since: datetime) -> bool:
    """Whether a line says that it is an anchor of before ``since``. What a restore kept is never over."""
    parts = line.split(":")
    if len(parts) != _PARTS or _RESTORED in line or not parts[2].isdecimal():
        return False
    return int(parts[2]) < since.timestamp() * 1000


@dataclass(frozen=True, slots=True)
class Restore:
    """A log was put back from a backup: ``kept`` is its last line then, signed by the verifier when it was noted."""

    kept: Anchor
    backup: str


@dataclass(slots=True)
class PublishedAnchors:
    """What was published about one log."""

    anchors: list[Anchor] = field(default_factory=list)
    restores: list[Restore] = field(default_factory=list)
    lines: dict[Anchor | Restore, str] = field(default_factory=dict)
    """Each as it was published."""

    def add(self, line: str, one: Anchor | Restore) -> None:
        """Take in what a line says."""
        if isinstance(one, Restore):
            self.restores.append(one)
        else:
            self.anchors.append(one)
        self.lines[one] = line

    def lost(self) -> list[Anchor]:
        """Anchors of lines that a restore lost: later than what it kept, and signed before it."""
        return [anchor for anchor in self.anchors if self.is_lost(anchor)]

    def expected(self) -> list[Anchor]:
        """The anchors the log must agree with: every other one, and the lines at which restores began."""
        kept = [restore.kept for restore in self.restores]
        return [anchor for anchor in (*kept, *self.anchors) if not self.is_lost(anchor)]

    def silent(self, waiting: tuple[int, datetime] | None, now: datetime) -> ChainFinding | None:
        """A finding if ``waiting``, the first line after the newest anchor, has waited too long for one."""
        if waiting is None or now - waiting[1] <= SILENT:
            return None
        seq, at = waiting
        return ChainFinding(
            "silent",
            seq,
            f"line {seq} of {at.isoformat(timespec='seconds')} and what follows it has no published anchor, due"
            " after 20 seconds. If the service was stopped, start it and ask again in a minute. If it runs, see that it"
            " may write the topic audit-anchors (runbook AuditAnchorsLate); else somebody keeps its anchors back",
        )

    def removed_early(self, checkpoint: Anchor | None, now: datetime) -> ChainFinding | None:
        """A finding if lines are gone behind the log's ``checkpoint`` that were signed less than two years ago.

        Only older ones are swept. Whoever has a service's key can sign a checkpoint, but takes back no anchor.
        """
        if checkpoint is None:
            return None
        since = now - chain.KEPT + _SLACK
        gone = [one for one in self.anchors if one.seq <= checkpoint.seq and one.at > since and not self.is_lost(one)]
        if not gone:
            return None
        last = max(gone, key=lambda one: one.seq)
        message = f"line {last.seq}, signed on {last.at:%Y-%m-%d}, was removed before its two years were over"
        return ChainFinding("removed", last.seq, message)

    def reached(self) -> int:
        """The last line that an anchor vouches for, or that a restore kept; 0 where there is neither."""
        return max((one.seq for one in self.expected()), default=0)

    def missing_in(self, topic: Container[str]) -> int:
        """How many of these a topic lost. It may be made anew in a restore: later ones count, and restores."""
        since = max((one.kept.at for one in self.restores), default=None)
        later = {anchor for anchor in self.anchors if since is None or anchor.at > since}
        wanted: list[Anchor | Restore] = [*later, *self.restores[-1:]]
        return sum(self.lines[one] not in topic for one in wanted)

    def is_lost(self, anchor: Anchor) -> bool:
        """Whether a restore lost the line of an anchor."""
        return any(anchor.seq > one.kept.seq and anchor.at <= one.kept.at for one in self.restores)


def restore_line(verifier: AuditKeys, service: str, kept: Anchor, backup: str) -> str:
    """What is published about a restore; ``kept`` is any anchor of its last line, its time that of the restore."""
    signed = chain.sign_anchor(verifier, service, f"{_RESTORED}{backup}", kept.seq, kept.mac, kept.at)
    return f"{service}={chain.format_anchor(signed)}{_RESTORED}{backup}"


def parse(
    lines: Iterable[str], keys: Mapping[str, AuditKeys], verifier: AuditKeys
) -> tuple[dict[str, PublishedAnchors], list[str]]:
    """What was published, by service, and the lines that are none: any service can write anything to the topic.

    An anchor counts as its service signed it. A restore counts only as the verifier signed it: no service, and nobody
    who has a store, can say that lines may be missing.
    """
    found = {service: PublishedAnchors() for service in keys}
    foreign: list[str] = []
    for line in dict.fromkeys(lines):
        service, _, rest = line.partition("=")
        text, restored, backup = rest.partition(_RESTORED)
        try:
            anchor, own = chain.parse_anchor(text), keys[service]
        except (KeyError, ValueError, OverflowError, OSError):
            foreign.append(line)
            continue
        if restored and chain.is_genuine(verifier, service, f"{_RESTORED}{backup}", anchor):
            found[service].add(line, Restore(anchor, backup))
        elif not restored and chain.is_genuine(own, service, HEAD, anchor):
            found[service].add(line, anchor)
        else:
            foreign.append(line)
    return found, foreign


def to_copy(lines: Iterable[str], foreign: Sequence[str], copied: Sequence[str]) -> list[str]:
    """The lines of the topic that belong into the copy: every anchor, and ``foreign`` ones while there is room."""
    known, strange = set(copied), set(foreign)
    room = _FOREIGN - len(strange & known)
    new = [line for line in foreign if line not in known]
    left_out = set(new[max(0, room) :])
    return [line for line in lines if line not in left_out]


class AnchorFile:
    """The verifier's copy of the topic: lines are appended and never changed. Put it where nothing can be deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, since: datetime | None = None) -> list[str]:
        """Every line, or with ``since`` those that are not over (``is_over``). Raises ``OSError``."""
        if not self._path.exists():
            return []
        # By b"\n" alone: a service may publish what other newlines would take apart.
        with self._path.open("rb") as file:
            texts = (line for raw in file if (line := _text(raw.removesuffix(b"\n"))))
            return [sys.intern(line) for line in texts if since is None or not is_over(line, since)]

    def append(self, lines: Sequence[str], copied: Sequence[str] | None = None) -> None:
        """Add what is not there; on disk when it returns. ``copied``: what ``lines`` said. Raises ``OSError``."""
        known = set(self.lines() if copied is None else copied)
        new = [line for line in dict.fromkeys(map(one_line, lines)) if line not in known]
        if not new:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write("".join(f"{line}\n" for line in new).encode())
            file.flush()
            os.fsync(file.fileno())
