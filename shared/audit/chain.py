"""The hash chain: each line's HMAC covers its content, its number and the HMAC before it.

A valid line needs the key, so a changed, removed, inserted or reordered line is found. A truncated tail is found by
anchors: signed heads that are kept elsewhere too. Pure.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.audit.model import Anchor, AuditEntry, ChainEntry, ChainFinding
from shared.clock import whole_milliseconds

START: Final = "0" * 64
"""``previous`` of the first line."""
KEPT: Final = timedelta(days=731)
"""Two years, a leap day included: access records where sensitive data are processed (domain, section 4)."""
_REFERENCE_BYTES: Final = 16
HEAD: Final = "head"
"""The kind of anchor that is signed after each group of lines."""


class AuditKeys:
    """One key per purpose, derived from one secret of the service."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: 32 bytes."""
        self._chain = _derived(secret, "chain")
        self._anchors = _derived(secret, "marks")
        self._reports = _derived(secret, "reports")

    def reference(self, report_id: str) -> str:
        """The keyed digest that stands for a report: id and key find its lines, the lines reveal no id."""
        return hmac.new(self._reports, report_id.encode(), hashlib.sha256).digest()[:_REFERENCE_BYTES].hex()

    def mac(self, content: bytes) -> str:
        """The HMAC of a line."""
        return hmac.new(self._chain, content, hashlib.sha256).hexdigest()

    def signature(self, content: bytes) -> str:
        """The signature of an anchor."""
        return hmac.new(self._anchors, content, hashlib.sha256).hexdigest()


def service_secret(verifier: bytes, service: str) -> bytes:
    """A service's audit key: from the verifier's all follow, from one of them no other."""
    return _derived(verifier, f"key of {service}")


def is_written_with(keys: AuditKeys, service: str, line: ChainEntry) -> bool:
    """Whether a line's MAC was made with these keys."""
    return _equal(keys.mac(content(service, line)), line.mac)


def link(keys: AuditKeys, service: str, entries: Sequence[AuditEntry], seq: int, previous: str) -> list[ChainEntry]:
    """The entries as the lines that follow line ``seq``, whose MAC is ``previous``."""
    lines: list[ChainEntry] = []
    for number, entry in enumerate(entries, seq + 1):
        without_mac = ChainEntry(
            seq=number,
            at=to_milliseconds(entry.at),
            action=entry.action,
            where=entry.where,
            outcome=entry.outcome,
            actor=entry.actor,
            organisation=entry.organisation,
            roles=tuple(sorted(entry.roles)),
            report=keys.reference(entry.report_id) if entry.report_id else None,
            reason=entry.reason,
            detail=dict(entry.detail),
            previous=lines[-1].mac if lines else previous,
            mac="",
        )
        lines.append(with_mac(keys, service, without_mac))
    return lines


def with_mac(keys: AuditKeys, service: str, line: ChainEntry) -> ChainEntry:
    """The line with the MAC that belongs to it."""
    values = {name: getattr(line, name) for name in ChainEntry.__slots__}
    return ChainEntry(**{**values, "mac": keys.mac(content(service, line))})


def content(service: str, line: ChainEntry) -> bytes:
    """Everything a line's MAC covers, in one form."""
    parts = [
        service,
        line.seq,
        line.previous,
        _iso(line.at),
        line.action,
        line.where,
        line.outcome,
        line.actor,
        line.organisation,
        list(line.roles),
        line.report,
        line.reason,
        sorted(line.detail.items()),
    ]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def sign_anchor(keys: AuditKeys, service: str, kind: str, seq: int, mac: str, at: datetime) -> Anchor:
    """Sign a position of the chain. ``kind`` is ``head`` or ``checkpoint``: neither is valid as the other."""
    at = to_milliseconds(at)
    return Anchor(seq, mac, at, keys.signature(_anchor_content(service, kind, seq, mac, at)))


def is_genuine(keys: AuditKeys, service: str, kind: str, given: Anchor) -> bool:
    """Whether an anchor was signed with these keys."""
    made = keys.signature(_anchor_content(service, kind, given.seq, given.mac, given.at))
    return _equal(made, given.signature)


def format_anchor(given: Anchor) -> str:
    """An anchor as text: ``seq:mac:time:signature``; the time in milliseconds since 1970."""
    return f"{given.seq}:{given.mac}:{round(given.at.timestamp() * 1000)}:{given.signature}"


def parse_anchor(text: str) -> Anchor:
    """Parse an anchor. Raises ``ValueError``."""
    seq, mac, at, signature = text.strip().split(":")
    return Anchor(int(seq), mac, datetime.fromtimestamp(int(at) / 1000, UTC), signature)


class ChainVerifier:
    """Verifies lines in any order; holds only those that come too early."""

    def __init__(self, keys: AuditKeys, service: str, *, after: int = 0, previous: str = START) -> None:
        """``after`` and ``previous``: number and MAC of the last line that was swept."""
        self._keys = keys
        self._service = service
        self._after = self._seq = after
        self._previous: str | None = previous
        self._early: dict[int, ChainEntry] = {}
        self._wanted: dict[int, set[str]] = {}
        self._macs: dict[int, str] = {after: previous}
        self.findings: list[ChainFinding] = []

    def expect(self, given: Anchor) -> None:
        """Expect the line a genuine anchor names: every anchor, so that no later one takes the place of an earlier."""
        self._wanted.setdefault(given.seq, set()).add(given.mac)

    def feed(self, line: ChainEntry) -> None:
        """Verify one line."""
        if line.seq <= self._after:
            return  # the sweep writes its checkpoint first and removes afterwards
        if line.seq <= self._seq or line.seq in self._early:
            self.findings.append(ChainFinding("foreign", line.seq, f"line {line.seq} is there twice"))
            return
        self._early[line.seq] = line
        while (following := self._early.pop(self._seq + 1, None)) is not None:
            self._check(following)

    def finish(self) -> list[ChainFinding]:
        """Everything found, once all lines were fed."""
        for seq in sorted(self._early):
            if seq > self._seq + 1:
                last = seq - 1
                span = f"line {last} is" if last == self._seq + 1 else f"lines {self._seq + 1} to {last} are"
                self.findings.append(ChainFinding("removed", self._seq + 1, f"{span} missing"))
                self._previous = None
            self._seq = seq - 1
            self._check(self._early[seq])
        for seq, macs in sorted(self._wanted.items()):
            if len(macs) > 1:
                message = (
                    f"{len(macs)} different lines were signed as line {seq}: the log was written anew with its key"
                )
                self.findings.append(ChainFinding("rewritten", seq, message))
            if seq > self._seq:
                self.findings.append(
                    ChainFinding(
                        "cut_off", self._seq + 1, f"the log ends at line {self._seq} and once reached line {seq}"
                    )
                )
            elif seq >= self._after and len(macs) == 1 and self._macs.get(seq) not in {None, *macs}:
                self.findings.append(
                    ChainFinding("rewritten", seq, f"line {seq} is not the one that was signed at that position")
                )
        return self.findings

    def _check(self, line: ChainEntry) -> None:
        if not is_written_with(self._keys, self._service, line):
            self.findings.append(ChainFinding("altered", line.seq, f"line {line.seq} was altered or forged"))
        if self._previous is not None and line.previous != self._previous:
            self.findings.append(ChainFinding("moved", line.seq, f"line {line.seq} does not follow the line before it"))
        if line.seq in self._wanted:
            self._macs[line.seq] = line.mac
        self._seq, self._previous = line.seq, line.mac


def to_milliseconds(moment: datetime) -> datetime:
    """A time at the store's precision."""
    return whole_milliseconds(moment.astimezone(UTC))


def _equal(made: str, given: str) -> bool:
    # As bytes: of texts only ASCII can be compared, and what was given is anybody's.
    return hmac.compare_digest(made.encode(), given.encode("utf-8", "replace"))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _anchor_content(service: str, kind: str, seq: int, mac: str, at: datetime) -> bytes:
    return json.dumps([service, kind, seq, mac, _iso(at)], separators=(",", ":")).encode()


def _derived(secret: bytes, purpose: str) -> bytes:
    return hmac.new(secret, f"ieum audit {purpose}".encode(), hashlib.sha256).digest()
