"""Facts: one per report, and one per centre.

A fact is the union of what four topics say about one report. The topics are not ordered among each other, so a fact
keeps enough of each to come out the same whichever is read first: what is counted is a function of the fact alone
(``aggregate`` names what facts add up to).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

CELLS_VERSION: Final = 4
"""Of what a fact adds to the cells. Raise it with every change of a fact's stored form or of its contributions: stores
folded before are then emptied and folded again. 2: cells of how reports ended. 3: cubes by month, times, staff.
4: what nobody has seen is found by an index."""


class Traits(NamedTuple):
    """Intake's facts about a report, in coded words only. None of it names a person or a place of living."""

    role: str
    channel: str
    division: str
    age_band: str
    gender: str
    relationship: str
    platform: str
    urgency: str
    harms: tuple[str, ...]
    """Sorted, without repeats."""


class Closure(NamedTuple):
    """The newest closing of a case that was not undone."""

    ownership: int
    at: datetime
    outcome: str


class CountedReport(NamedTuple):
    """How one report is counted: its owner, what has become of it, its harm types."""

    owner: str
    outcome: str
    harms: tuple[str, ...]


@dataclass(slots=True)
class Fact:
    """One report as far as it is known. Times are UTC, whole milliseconds. Versions are the highest read, 0 for none.

    Only the fold changes a fact, and only a copy of its own.
    """

    report_id: str
    partition: int
    received_at: datetime | None = None
    accepted: bool = False
    """`report.received` was read. Before that the time may already be known from routing."""
    intake_version: int = 0
    traits: Traits | None = None
    synthetic: bool | None = None
    """A drill; None while unknown. A drill is kept here and counted nowhere."""
    routing_version: int = 0
    ownership: int = 0
    owner: str | None = None
    home: str | None = None
    since: datetime | None = None
    """When the present ownership was decided."""
    reasons: tuple[str, ...] = ()
    """Why each ownership came about, oldest first."""
    ended: str | None = None
    case_version: int = 0
    acknowledged: dict[int, datetime] = field(default_factory=dict)
    """First acknowledgement under each ownership that is not superseded yet."""
    seen: datetime | None = None
    """First acknowledgement by anybody, whoever owned it then."""
    contacted: datetime | None = None
    """First time the reporter was reached."""
    support: tuple[str, ...] = ()
    """Kinds of support given so far, sorted, each once."""
    closure: Closure | None = None
    alert_version: int = 0
    alerted: dict[int, datetime] = field(default_factory=dict)
    """First alert that a channel took, under each ownership that is not superseded yet."""
    sent: int = 0
    failed: int = 0
    escalations: int = 0
    back: datetime | None = None
    """When it was last reopened or reinstated under the present ownership: from then on it waits anew."""
    acknowledged_anew: dict[int, datetime] = field(default_factory=dict)
    """Newest acknowledgement under each ownership that is not superseded yet, where it was not the first."""

    @property
    def harm_types(self) -> tuple[str, ...]:
        """The report's harm types; none before it was accepted."""
        return self.traits.harms if self.traits is not None else ()

    @property
    def standing(self) -> str | None:
        """``in_flight`` while accepted and without owner, ``ahead`` while only routing was heard of, else None."""
        if self.synthetic:
            return None
        if self.accepted and self.owner is None:
            return "in_flight"
        if self.owner is not None and not self.accepted:
            return "ahead"
        return None

    @property
    def unseen_at(self) -> str | None:
        """The centre whose acknowledgement an open report waits for; else None.

        As in the console: one that was reopened or reinstated waits anew. The published times count the first.
        """
        if self.owner is None or self.ended is not None or self.synthetic:
            return None
        newest = self.acknowledged_anew.get(self.ownership) or self.acknowledged.get(self.ownership)
        return self.owner if newest is None or (self.back is not None and newest < self.back) else None

    def copy(self) -> "Fact":
        """The same fact, to be changed."""
        return Fact(
            self.report_id,
            self.partition,
            self.received_at,
            self.accepted,
            self.intake_version,
            self.traits,
            self.synthetic,
            self.routing_version,
            self.ownership,
            self.owner,
            self.home,
            self.since,
            self.reasons,
            self.ended,
            self.case_version,
            dict(self.acknowledged),
            self.seen,
            self.contacted,
            self.support,
            self.closure,
            self.alert_version,
            dict(self.alerted),
            self.sent,
            self.failed,
            self.escalations,
            self.back,
            dict(self.acknowledged_anew),
        )

    def to_document(self) -> dict[str, Any]:
        """The stored form. ``standing`` and ``unseen`` are stored only where they say something, for tiny indexes.

        What is nothing is left out: most reports have neither moved nor ended.
        """
        whole: dict[str, Any] = {
            "at": self.received_at,
            "acc": self.accepted,
            "iv": self.intake_version,
            "tr": self.traits,
            "syn": self.synthetic,
            "rv": self.routing_version,
            "own": self.ownership,
            "owner": self.owner,
            "home": self.home,
            "since": self.since,
            "why": self.reasons,
            "ended": self.ended,
            "cv": self.case_version,
            "seen": self.seen,
            "met": self.contacted,
            "sup": self.support,
            "shut": self.closure,
            "av": self.alert_version,
            "sent": self.sent,
            "fail": self.failed,
            "esc": self.escalations,
            "back": self.back,
            "standing": self.standing,
            "unseen": self.unseen_at,
        }
        document = {name: value for name, value in whole.items() if value or value is False}
        document |= {"_id": self.report_id, "p": self.partition}
        if self.acknowledged:
            document["ack"] = {str(k): v for k, v in self.acknowledged.items()}
        if self.acknowledged_anew:
            document["anew"] = {str(k): v for k, v in self.acknowledged_anew.items()}
        if self.alerted:
            document["alert"] = {str(k): v for k, v in self.alerted.items()}
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Fact":
        """The fact of a stored document (times must come timezone-aware)."""
        get = document.get
        traits, closure = get("tr"), get("shut")
        return cls(
            report_id=document["_id"],
            partition=document["p"],
            received_at=get("at"),
            accepted=get("acc", False),
            intake_version=get("iv", 0),
            traits=Traits._make((*traits[:-1], tuple(traits[-1]))) if traits else None,
            synthetic=get("syn"),
            routing_version=get("rv", 0),
            ownership=get("own", 0),
            owner=get("owner"),
            home=get("home"),
            since=get("since"),
            reasons=tuple(get("why", ())),
            ended=get("ended"),
            case_version=get("cv", 0),
            acknowledged={int(k): v for k, v in get("ack", {}).items()},
            seen=get("seen"),
            contacted=get("met"),
            support=tuple(get("sup", ())),
            closure=Closure(*closure) if closure else None,
            alert_version=get("av", 0),
            alerted={int(k): v for k, v in get("alert", {}).items()},
            sent=get("sent", 0),
            failed=get("fail", 0),
            escalations=get("esc", 0),
            back=get("back"),
            acknowledged_anew={int(k): v for k, v in get("anew", {}).items()},
        )


@dataclass(frozen=True, slots=True)
class CenterFact:
    """A centre's duty, by its newest event."""

    center_id: str
    version: int
    state: str
    staff_on_duty: int
    since: datetime | None = None
    """When that became so."""
