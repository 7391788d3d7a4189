"""What the log may say about one report, judged from the design alone and from raw records.

``story`` walks the records of `routings` and gives where each leaves the report; ``faults`` names every broken promise.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from tests.integration.routing.records import states_of
from tests.integration.routing.verifier import Line

CAUSED = {
    "case.transfer_accepted.v1": {"report.rerouted.v1", "transfer_void"},
    "case.closed.v1": {"closed"},
    "case.reopened.v1": {"reopened", "report.rerouted.v1"},
}
"""What a case event can lead to, by the word ``what`` gives a record."""
AFTER = {
    None: {"report.rerouted.v1", "amended", "message_left", "transfer_void", "closed", "withdrawn"},
    "closed": {"amended", "message_left", "reopened", "withdrawn", "report.rerouted.v1"},
    "withdrawn": {"amended", "message_left", "reinstated", "report.rerouted.v1"},
}
"""What may follow where a report stands open, closed or withdrawn: nothing happens after the end but these.

A move after the end is a return to another centre, where the one before is closed by then or declined.
"""
FROM_INTAKE = {
    "report.received.v1": "report.routed.v1",
    "report.amended.v1": "amended",
    "report.message_left.v1": "message_left",
    "report.withdrawn.v1": "withdrawn",
    "report.reinstated.v1": "reinstated",
}


class Stand(NamedTuple):
    """Where a record leaves the report."""

    version: int
    ownership: int
    owner: str
    ended: str | None
    back_at: datetime | None
    """When it was last reopened or reinstated under this ownership."""


def what(line: Line) -> str:
    """What a routing record says, in one word."""
    return str(line.body.get("kind") or line.body.get("reason") or line.type)


def story(routings: Sequence[Line]) -> list[tuple[Line, Stand]]:
    """The records that count, with where each leaves the report. The first of each version counts."""
    told: list[tuple[Line, Stand]] = []
    for line in routings:
        body = line.body
        if body["version"] > len(told):
            before = told[-1][1] if told else None
            owner = body["decision"]["center_id"] if "decision" in body else body["center_id"]
            word, ended, back = what(line), before.ended if before else None, before.back_at if before else None
            if word in {"closed", "withdrawn"}:
                ended = word
            elif word in {"reopened", "reinstated"}:
                ended, back = None, datetime.fromisoformat(body["decided_at"])
            elif "decision" in body:
                ended, back = None, None
            told.append((line, Stand(body["version"], body["ownership"], owner, ended, back)))
    return told


def acknowledged(stand: Stand, cases: Sequence[Line]) -> bool:
    """Whether somebody at the owner has taken the report since it began to wait."""
    return any(
        line.type == "case.acknowledged.v1"
        and line.body["ownership"] == stand.ownership
        and (stand.back_at is None or datetime.fromisoformat(line.body["at"]) >= stand.back_at)
        for line in cases
    )


def faults(reports: Sequence[Line], routings: Sequence[Line], cases: Sequence[Line]) -> list[str]:
    """Every promise about ownership that the log of one report breaks."""
    told = story(routings)
    return [*_owners(told), *_ends(told), *_causes(told, cases), *_passed_on(told, reports), *_agreed(told, cases)]


def _owners(told: Sequence[tuple[Line, Stand]]) -> list[str]:
    """Exactly one owner at every version; versions grow by one, ownership by one and only with the owner."""
    found = []
    before: Stand | None = None
    for number, (line, stand) in enumerate(told, 1):
        if stand.version != number:
            found.append(f"version {stand.version} is record {number}")
        if before is None:
            if (line.type, stand.ownership) != ("report.routed.v1", 1):
                found.append(f"begins with {line.type} of ownership {stand.ownership}")
        elif line.type == "report.rerouted.v1":
            if stand.ownership != before.ownership + 1:
                found.append(f"ownership {stand.ownership} follows {before.ownership}")
            if line.body["previous_center_id"] != before.owner:
                found.append(f"version {number} was not moved from its owner")
        elif (stand.ownership, stand.owner) != (before.ownership, before.owner):
            found.append(f"version {number} has another owner and is no move")
        before = stand
    return found


def _ends(told: Sequence[tuple[Line, Stand]]) -> list[str]:
    pairs = pairwise(told)
    return [
        f"{what(line)} after {b.ended or 'open'}"
        for (_, b), (line, _) in pairs
        if what(line) not in AFTER[b.ended] or (b.ended and "decision" in line.body and not _must_leave(line, b.owner))
    ]


def _must_leave(line: Line, owner: str) -> bool:
    """Whether the centre before is declined or was closed, by the account of the record that moves the report."""
    states = states_of(line.body["decision"])
    return owner in line.body["facts"]["declined_centers"] or states.get(owner) == "closed"


def _causes(told: Sequence[tuple[Line, Stand]], cases: Sequence[Line]) -> list[str]:
    """Every record that a case event led to: a known event, of the ownership then current, acted on once."""
    by_id = {line.id: line for line in cases}
    found = []
    times: Counter[str] = Counter()
    for (_, before), (line, _) in pairwise(told):
        cause = line.body["cause"]
        if cause["kind"] != "case_event":
            continue
        times[cause["event_id"]] += 1
        event = by_id.get(cause["event_id"])
        if event is None:
            found.append(f"{what(line)} names an event nobody published")
        elif what(line) not in CAUSED.get(event.type, ()):
            found.append(f"{event.type} led to {what(line)}")
        elif event.body["ownership"] != before.ownership:
            found.append(f"{event.type} of ownership {event.body['ownership']} acted on under {before.ownership}")
        elif "to_center_id" in event.body and line.body.get("decision", {}).get("center_id") not in {
            None,
            event.body["to_center_id"],
        }:
            found.append("moved to another centre than accepted")
    return found + [f"event {ident} acted on {n} times" for ident, n in times.items() if n > 1]


def _told_as(line: Line, before: Stand | None) -> str:
    """What a record passes on: an addition that declines the owner is passed on by moving the report, and only that,
    or a reinstatement where the owner may not have it any more."""
    if what(line) == "report.rerouted.v1" and before is not None and before.ended == "withdrawn":
        return "reinstated"
    declined = line.body.get("facts", {}).get("declined_centers", ())
    if what(line) == "report.rerouted.v1" and line.body["previous_center_id"] in declined:
        return "amended"
    return what(line)


def _passed_on(told: Sequence[tuple[Line, Stand]], reports: Sequence[Line]) -> list[str]:
    """What intake told is passed on once, in order, as what it is."""
    first: dict[int, Line] = {}
    for line in reports:
        first.setdefault(line.body["intake_version"], line)
    wanted = [FROM_INTAKE[first[number].type] for number in sorted(first)]
    stands = [None, *(stand for _, stand in told)]
    passed = [
        _told_as(line, before)
        for (line, _), before in zip(told, stands, strict=False)
        if line.body["cause"]["kind"] == "report"
    ]
    return [] if passed == wanted else [f"intake told {wanted}, passed on was {passed}"]


def _agreed(told: Sequence[tuple[Line, Stand]], cases: Sequence[Line]) -> list[str]:
    """What staff agreed or closed came to something: a record, or its ownership or the report was over by then."""
    answered = {line.body["cause"].get("event_id") for line, _ in told}
    last = told[-1][1].ownership if told else 0
    ever_ended = any(stand.ended for _, stand in told)
    return [
        f"{line.type} was told and forgotten"
        for line in cases
        if line.type in {"case.transfer_accepted.v1", "case.closed.v1"}
        and line.id not in answered
        and line.body["ownership"] >= last
        and not ever_ended
    ]
