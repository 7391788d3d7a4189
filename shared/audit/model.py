"""A line of the audit log, without names: staff are opaque references, reports are digests.

The fields are those the rules on access records ask for (account, time, place, data subject, action; PIPA 29), with
the outcome and the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

SERVICES: Final = ("intake", "notify", "identity", "analytics")
"""Who keeps an audit."""
REPORTER: Final = "reporter"
"""The actor of what is done with a receipt."""
SYSTEM: Final = "system"
"""The actor of what a job does."""


class AuditOutcome(StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One audited action. Reasons and details are stable codes and numbers, never text that a person wrote."""

    at: datetime
    action: str
    """A value of ``Action`` or a word of the service's own, such as ``withdraw``."""
    where: str
    """The network of the caller (``entries.where_of``), or the name of the job."""
    outcome: AuditOutcome = AuditOutcome.DONE
    actor: str | None = None
    """``Principal.subject``, ``client:<id>``, ``reporter`` or ``system``; None: unknown."""
    organisation: str | None = None
    roles: tuple[str, ...] = ()
    report_id: str | None = None
    """Kept only as ``AuditKeys.reference``."""
    reason: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEntry:
    """An entry in its place in the chain."""

    seq: int
    """1 for the first; without gaps."""
    at: datetime
    action: str
    where: str
    outcome: AuditOutcome
    actor: str | None
    organisation: str | None
    roles: tuple[str, ...]
    report: str | None
    """Keyed reference of the report."""
    reason: str | None
    detail: Mapping[str, str]
    previous: str
    """``mac`` of the line before."""
    mac: str
    """HMAC-SHA256 over all of the above and the service's name, hex."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A signed position of the chain: its line ``seq`` had this ``mac`` at that time."""

    seq: int
    mac: str
    at: datetime
    signature: str


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """One thing wrong with a chain."""

    kind: str
    """``altered``, ``removed``, ``moved``, ``cut_off``, ``rewritten``, ``bad_mark``, ``no_mark``,
    ``emptied``, ``foreign`` or ``silent``."""
    seq: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"
