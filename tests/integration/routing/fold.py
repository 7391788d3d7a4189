"""Who owns each report, by the design: the first record of each version counts, if its predecessor does."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from tests.integration.routing.records import Line, states_of
from tests.integration.routing.weights import is_severe, weight_of


class Owned(NamedTuple):
    """A report as the accepted records leave it."""

    version: int
    ownership: int
    owner: str
    intake_version: int
    home: str | None
    """The home named by the newest decision."""
    weight: int
    severe: bool
    synthetic: bool
    received_at: datetime
    ended: str | None = None
    back_at: datetime | None = None
    """When it was last reopened or reinstated under this ownership."""


@dataclass(slots=True)
class Told:
    """What `routings` says, and every way in which it says something that may not be."""

    stands: dict[str, Owned] = field(default_factory=dict)
    history: dict[int, list[tuple[int, str, Owned]]] = field(default_factory=lambda: defaultdict(list))
    """Of each partition: offset, report and where the record left it; accepted records only."""
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many accepted records each event led to, by report and event id; void transfers are not among them."""
    void: Counter[str] = field(default_factory=Counter)
    """How often each acceptance was told to be void."""
    ended_under: set[tuple[str, int]] = field(default_factory=set)
    """Reports that ended, with the ownership then; some came back."""
    records: int = 0
    accepted: int = 0
    ignored: int = 0
    ignored_other_owner: int = 0
    moved_by_closing: int = 0
    in_two_partitions: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    wrong_previous: list[str] = field(default_factory=list)
    declined_owner: list[str] = field(default_factory=list)
    closed_owner: list[str] = field(default_factory=list)
    after_the_end: list[str] = field(default_factory=list)


def fold(lines: Sequence[Line]) -> Told:
    """Read `routings` from its first record."""
    told = Told()
    first: dict[tuple[str, int], str] = {}
    places: dict[str, set[int]] = defaultdict(set)
    for line in sorted((x for x in lines if x.topic == "routings"), key=lambda x: (x.partition, x.offset)):
        told.records += 1
        report, version = line.body["report_id"], line.body["version"]
        places[report].add(line.partition)
        owner = owner_of(line)
        if (report, version) in first:
            told.ignored += 1
            told.ignored_other_owner += first[report, version] != owner
        elif version > 1 and (report, version - 1) not in first:
            told.holes.append(f"{report}/{version}")
        else:
            first[report, version] = owner
            _accept(line, owner, told)
    told.in_two_partitions = [report for report, seen in places.items() if len(seen) > 1]
    return told


def owner_of(line: Line) -> str:
    """The centre a routing record names as the owner."""
    return str(line.body["decision"]["center_id"] if "decision" in line.body else line.body["center_id"])


def _accept(line: Line, owner: str, told: Told) -> None:
    body, report = line.body, line.body["report_id"]
    before = told.stands.get(report)
    told.accepted += 1
    if body.get("kind") == "transfer_void":
        told.void[body["cause"]["event_id"]] += 1
    elif "event_id" in body["cause"]:
        told.causes[report, body["cause"]["event_id"]] += 1
    _judge(line, owner, before, told)
    told.stands[report] = _next(line, owner, before)
    if told.stands[report].ended is not None:
        told.ended_under.add((report, body["ownership"]))
    told.history[line.partition].append((line.offset, report, told.stands[report]))


def _judge(line: Line, owner: str, before: Owned | None, told: Told) -> None:
    """May this record follow what was there?"""
    body = line.body
    name = f"{body['report_id']}/{body['version']}"
    if owner in body.get("facts", {}).get("declined_centers", ()) and line.type == "report.routed.v1":
        told.declined_owner.append(name)
    if "decision" in body and _gave_to_a_closed_one(line, owner):
        told.closed_owner.append(name)
    if before is None:
        wrong = body["ownership"] != 1 or line.type != "report.routed.v1"
    elif line.type == "report.rerouted.v1":
        wrong = body["previous_center_id"] != before.owner or body["ownership"] != before.ownership + 1
        told.moved_by_closing += body["cause"]["kind"] == "center_closed"
    else:
        wrong = body["ownership"] != before.ownership or owner != before.owner
    if wrong:
        told.wrong_previous.append(name)
    if not _may_follow(before, line):
        told.after_the_end.append(name)


def _gave_to_a_closed_one(line: Line, owner: str) -> bool:
    """By the record's own account the owner was closed, or a centre of no fixed place got it with somebody open."""
    states = states_of(line.body["decision"])
    declined = line.body["facts"]["declined_centers"]
    if owner in states:
        return bool(states[owner] == "closed")
    return any(state != "closed" and center not in declined for center, state in states.items())


def _may_follow(before: Owned | None, line: Line) -> bool:
    """A closed report may be withdrawn or reopened, a withdrawn one reinstated; amendments and messages go on.

    What comes back comes to another centre where the one before is closed by then, or declined.
    """
    kind = line.body.get("kind") or line.body.get("reason") or line.type
    ended = before.ended if before else None
    if before is None or ended is None:
        return kind not in {"reopened", "reinstated"}
    if line.type == "report.rerouted.v1":
        states = states_of(line.body["decision"])
        return states.get(before.owner) == "closed" or before.owner in line.body["facts"]["declined_centers"]
    back = {"closed": {"reopened", "withdrawn"}, "withdrawn": {"reinstated"}}[ended]
    return kind in {"amended", "message_left", *back}


def _next(line: Line, owner: str, before: Owned | None) -> Owned:
    body = line.body
    facts = body.get("facts")
    ended = before.ended if before else None
    back_at = before.back_at if before else None
    if line.type == "report.ended.v1":
        ended = body["reason"]
    elif body.get("kind") in {"reopened", "reinstated"}:
        ended, back_at = None, datetime.fromisoformat(body["decided_at"])
    elif "decision" in body:
        ended, back_at = None, None
    return Owned(
        version=body["version"],
        ownership=body["ownership"],
        owner=owner,
        intake_version=body["intake_version"],
        home=body["decision"].get("home_center_id") if "decision" in body else before.home if before else None,
        weight=weight_of(facts) if facts else before.weight if before else 0,
        severe=is_severe(facts) if facts else before.severe if before else False,
        synthetic=facts["synthetic"] if facts else before.synthetic if before else False,
        received_at=before.received_at if before else datetime.fromisoformat(body["received_at"]),
        ended=ended,
        back_at=back_at,
    )
