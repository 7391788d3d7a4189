"""What analytics keeps: one fact per report, and the cells that facts add up to.

A fact is the union of what four topics say about one report. The topics are not ordered among each other, so a fact
keeps enough of each to come out the same whichever is read first: what is counted is a function of the fact alone.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

NOT_ROUTED: Final = "none"
"""In place of a centre while a report has no owner."""
ALL: Final = "all"
"""In place of a harm type: the report itself, once, however many harm types it has."""

CELLS_VERSION: Final = 2
"""Of what a fact adds to the cells. Raise it with every change of a fact's stored form or of its contributions: stores
folded before are then emptied and folded again. 2: cells of how reports ended."""

ACK_BOUNDS: Final = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 14400, 28800, 43200, 86400, 172800, 259200, 604800),
)
"""Upper bounds in seconds, included, of the buckets of the time to acknowledgement; one more bucket is above the last.
Never change them: histograms made with the same bounds can be added up, others cannot."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One report as far as it is known. Times are UTC. Versions are the highest read of each stream, 0 for none."""

    report_id: str
    partition: int
    received_at: datetime | None = None
    accepted: bool = False
    """`report.received` was read. Before that the time may already be known from routing."""
    intake_version: int = 0
    harm_types: tuple[str, ...] = ()
    synthetic: bool | None = None
    """A drill; None while unknown. A drill is kept here and counted nowhere."""
    routing_version: int = 0
    ownership: int = 0
    owner: str | None = None
    ended: str | None = None
    case_version: int = 0
    acknowledged: dict[int, datetime] = field(default_factory=dict)
    """First acknowledgement under each ownership that is not superseded yet."""
    alert_version: int = 0
    alerted: dict[int, datetime] = field(default_factory=dict)
    """First alert that a channel took, under each ownership that is not superseded yet."""
    escalations: int = 0

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

    def to_document(self) -> dict[str, Any]:
        """The stored form. ``standing`` is stored only where there is one, so that its index stays tiny."""
        document: dict[str, Any] = {
            "_id": self.report_id,
            "p": self.partition,
            "at": self.received_at,
            "acc": self.accepted,
            "iv": self.intake_version,
            "harms": list(self.harm_types),
            "syn": self.synthetic,
            "rv": self.routing_version,
            "own": self.ownership,
            "owner": self.owner,
            "ended": self.ended,
            "cv": self.case_version,
            "ack": {str(k): v for k, v in self.acknowledged.items()},
            "av": self.alert_version,
            "alert": {str(k): v for k, v in self.alerted.items()},
            "esc": self.escalations,
        }
        if (standing := self.standing) is not None:
            document["standing"] = standing
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Fact":
        """The fact of a stored document (times must come timezone-aware)."""
        return cls(
            report_id=document["_id"],
            partition=document["p"],
            received_at=document["at"],
            accepted=document["acc"],
            intake_version=document["iv"],
            harm_types=tuple(document["harms"]),
            synthetic=document["syn"],
            routing_version=document["rv"],
            ownership=document["own"],
            owner=document["owner"],
            ended=document["ended"],
            case_version=document["cv"],
            acknowledged={int(k): v for k, v in document["ack"].items()},
            alert_version=document["av"],
            alerted={int(k): v for k, v in document["alert"].items()},
            escalations=document["esc"],
        )


@dataclass(frozen=True, slots=True)
class CenterFact:
    """What a centre can do now, by its newest event."""

    center_id: str
    version: int
    state: str
    staff_on_duty: int


def ack_bucket(seconds: float) -> int:
    """The bucket a time to acknowledgement falls into, from 0; a negative time (clocks apart) counts as 0 seconds."""
    return bisect_left(ACK_BOUNDS, max(0.0, seconds))


def report_cell(center: str, harm: str) -> str:
    """Name of the cell of the day's reports of one centre and harm type (or `ALL`)."""
    return f"reports|{center}|{harm}"


def stage_cell(stage: str) -> str:
    """Name of the cell of the day's reports that reached a stage."""
    return f"stage|{stage}"


def end_cell(reason: str) -> str:
    """Name of the cell of the day's reports that ended for a reason and stayed ended."""
    return f"end|{reason}"


def ack_cell(bucket: int) -> str:
    """Name of the cell of the day's reports acknowledged within one bucket."""
    return f"ack|{bucket}"
