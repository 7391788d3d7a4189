"""Fold the log anew, with no code of the services.

The rules are those of the design, written down a second time on purpose: the first record of each version counts,
version n+1 counts only after version n, and the owner is the centre of the highest ownership. If the services and this
fold ever disagree, one of them is wrong.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_NEW_OWNER = {"report.routed.v1", "report.rerouted.v1"}
_URGENCY = {"normal": 10, "high": 15, "critical": 20}
_EXTRA = {
    "child_material": 10,
    "distribution": 5,
    "synthesis": 5,
    "distribution_threat": 5,
    "online_grooming": 5,
    "body_cam_phishing": 5,
}


def weight_of(facts: Mapping[str, Any]) -> int:
    """Return a report's addition to its owner's load in tenths of a normal case, by rule 2, were it no drill."""
    harms, reasons = set(facts.get("harm_types", ())), set(facts.get("urgency_reasons", ()))
    child = "child_material" in harms | reasons or "under_14" in reasons | {facts.get("age_band")}
    urgency = "critical" if child else str(facts["urgency"])
    return _URGENCY[urgency] + max((_EXTRA.get(harm, 0) for harm in harms), default=0)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record as it lies in a topic. ``topic`` is the bare name; times are milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    type: str
    body: Mapping[str, Any]
    timestamp_ms: int


@dataclass(slots=True)
class Owned:
    """A report's ownership as its `routings` records tell it, read in the order of the log."""

    version: int = 0
    ownership: int = 0
    center_id: str = ""
    weight: int = 0
    """Its addition to its owner's load while open; see ``weight_of``."""
    synthetic: bool = False
    ended: str = ""
    """Why it ended; empty while it has not, or again."""
    routed_ms: int = 0
    partitions: set[int] = field(default_factory=set)
    claims: dict[int, set[str]] = field(default_factory=dict)
    """Centres named by the records that count, by ownership number: more than one is two owners."""


@dataclass(slots=True)
class Summed:
    """The newest `loads` record of one partition."""

    upto: int
    open_cases: Mapping[str, int]
    weighted: Mapping[str, int]


@dataclass(slots=True)
class Ledger:
    """The auditor's state. Records of one partition must come in their order."""

    received: Counter[str] = field(default_factory=Counter)
    drills: set[str] = field(default_factory=set)
    """Reports that are exercises: in no count and no load."""
    withdrawn: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """Of reports that were ever taken back: intake's version of that, and whether they still are."""
    left: dict[str, set[int]] = field(default_factory=dict)
    """Messages left, by report: intake's versions of them."""
    passed_on: dict[str, set[int]] = field(default_factory=dict)
    """Those that reached the owner's stream."""
    owned: dict[str, Owned] = field(default_factory=dict)
    alerts: Counter[str] = field(default_factory=Counter)
    alerted_centers: dict[str, set[str]] = field(default_factory=dict)
    acknowledged: Counter[str] = field(default_factory=Counter)
    under: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    """By report, what was published under which ownership: ``alerted``, ``acknowledged``."""
    loads: dict[int, Summed] = field(default_factory=dict)
    dead: Counter[str] = field(default_factory=Counter)
    ignored: int = 0
    """Later `routings` records of a version already known: allowed, and ignored by every reader."""
    ignored_other_owner: int = 0
    """Of those, how many named another centre: what would be a second owner without the rule."""
    holes: list[str] = field(default_factory=list)
    """Reports with a record whose predecessor is missing: must stay empty."""

    jumps: list[str] = field(default_factory=list)
    """Reports whose ownership did not grow by one with a new owner, or grew without one: must stay empty."""

    def add(self, record: LogRecord) -> None:
        """Fold one record in."""
        if record.topic.endswith(".dead"):
            self.dead[record.topic] += 1
        elif record.topic == "reports" and record.type == "report.received.v1":
            self._received(record)
        elif record.type in {"report.withdrawn.v1", "report.reinstated.v1"}:
            self._withdrawn(record)
        elif record.type == "report.message_left.v1":
            self.left.setdefault(str(record.body["report_id"]), set()).add(int(record.body["intake_version"]))
        elif record.topic == "routings" and "version" in record.body:
            self._routing(record)
        elif record.type == "alert.sent.v1":
            report_id = str(record.body["report_id"])
            self.alerts[report_id] += 1
            self.alerted_centers.setdefault(report_id, set()).add(str(record.body["center_id"]))
            self._under(record, "alerted")
        elif record.type == "case.acknowledged.v1":
            self.acknowledged[str(record.body["report_id"])] += 1
            self._under(record, "acknowledged")
        elif record.type == "load.summarized.v1":
            self._load(record)

    def _received(self, record: LogRecord) -> None:
        report_id = str(record.body["report_id"])
        self.received[report_id] += 1
        if record.body.get("facts", {}).get("synthetic", False):
            self.drills.add(report_id)

    def _withdrawn(self, record: LogRecord) -> None:
        report_id, version = str(record.body["report_id"]), int(record.body["intake_version"])
        if version > self.withdrawn.get(report_id, (0, False))[0]:
            self.withdrawn[report_id] = version, record.type == "report.withdrawn.v1"

    def _routing(self, record: LogRecord) -> None:
        body = record.body
        report_id, version = str(body["report_id"]), int(body["version"])
        state = self.owned.setdefault(report_id, Owned())
        state.partitions.add(record.partition)
        center = _center_named(body)
        if version <= state.version:
            self.ignored += 1
            self.ignored_other_owner += center != state.center_id
            return
        if version != state.version + 1:
            self.holes.append(report_id)
            return
        ownership = int(body["ownership"])
        if ownership != state.ownership + (record.type in _NEW_OWNER):
            self.jumps.append(report_id)
        if body.get("kind") == "message_left":
            self.passed_on.setdefault(report_id, set()).add(int(body["intake_version"]))
        state.version, state.ownership = version, ownership
        state.center_id = center
        state.claims.setdefault(state.ownership, set()).add(center)
        state.weight = weight_of(body["facts"]) if "facts" in body else state.weight
        state.synthetic = bool(body["facts"].get("synthetic", False)) if "facts" in body else state.synthetic
        if record.type == "report.ended.v1":
            state.ended = str(body.get("reason", "unknown"))
        elif record.type in _NEW_OWNER or body.get("kind") in {"reopened", "reinstated"}:
            state.ended = ""
        state.routed_ms = state.routed_ms or record.timestamp_ms

    def _under(self, record: LogRecord, what: str) -> None:
        named = what, int(record.body.get("ownership", 1))
        self.under.setdefault(str(record.body["report_id"]), set()).add(named)

    def in_force(self, what: str) -> int:
        """Count the reports alerted, or acknowledged, under their present ownership."""
        return sum(1 for r, state in self.owned.items() if (what, state.ownership) in self.under.get(r, ()))

    def _load(self, record: LogRecord) -> None:
        partition, upto = int(record.body["partition"]), int(record.body["upto"])
        known = self.loads.get(partition)
        if known is not None and known.upto > upto:
            return
        loads: Mapping[str, Mapping[str, int]] = record.body["loads"]
        self.loads[partition] = Summed(
            upto=upto,
            open_cases={center: load["open_cases"] for center, load in loads.items() if load["open_cases"]},
            weighted={center: load["weighted"] for center, load in loads.items() if load["weighted"]},
        )

    def owner(self, report_id: str) -> str | None:
        """The owning centre, or None while nobody owns it."""
        state = self.owned.get(report_id)
        return state.center_id if state is not None and state.version else None

    def owned_twice(self, report_id: str) -> bool:
        """Return whether the log gives the report two owners: two centres of one number, or two partitions."""
        state = self.owned.get(report_id)
        return state is not None and (len(state.partitions) > 1 or any(len(c) > 1 for c in state.claims.values()))

    def recount(self) -> dict[int, Counter[str]]:
        """Open cases per partition and centre, counted anew; drills are in no load."""
        counted: dict[int, Counter[str]] = {}
        for state in self.owned.values():
            for partition in state.partitions:
                counted.setdefault(partition, Counter())
                if state.version and not state.ended and not state.synthetic:
                    counted[partition][state.center_id] += 1
        return counted


def _center_named(body: Mapping[str, Any]) -> str:
    decision = body.get("decision")
    return str(decision["center_id"]) if decision is not None else str(body["center_id"])
