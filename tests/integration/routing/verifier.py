"""An independent audit of the log: who owns each report, is anything missing, do the published loads add up.

Written from the design alone and apart from the service: it imports neither routing nor the bus, and reads the raw
records with plain aiokafka and JSON. ``python -m tests.integration.routing.verifier BOOTSTRAP PREFIX PARTITIONS``
prints the audit and fails if it is not sound.
"""

import asyncio
import json
import sys
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

WEIGHTS = {"normal": 10, "high": 15, "critical": 20}
HEAVY = {"distribution", "synthesis", "distribution_threat", "online_grooming", "body_cam_phishing"}
"""Harms that add half a normal case; material of a child adds a whole one."""
LIMIT_S = 120.0


class Line(NamedTuple):
    """One raw record."""

    topic: str
    partition: int
    offset: int
    type: str
    id: str
    body: dict[str, Any]


@dataclass(slots=True)
class Owned:
    """A report as the accepted records leave it."""

    version: int
    ownership: int
    owner: str
    intake_version: int
    weight: int
    synthetic: bool
    ended: str | None = None
    partition: int = 0


@dataclass(slots=True)
class Audit:
    """What was found. ``sound`` is the verdict; every list names at most ten culprits."""

    reports: int = 0
    owned: int = 0
    records: int = 0
    accepted: int = 0
    ignored: int = 0
    """Records that came second; harmless, because every reader ignores them."""
    ignored_other_owner: int = 0
    """Of these, how many named another owner than the record that counts."""
    garbage: int = 0
    moved_by_closing: int = 0
    transfers: int = 0
    transfers_done: int = 0
    transfers_void: int = 0
    owners: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Reports received that nobody owns."""
    alien: list[str] = field(default_factory=list)
    """Reports owned that were never received."""
    in_two_partitions: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    """Records whose predecessor is not in the log before them."""
    wrong_previous: list[str] = field(default_factory=list)
    """Moves that name another previous owner than the log, or skip an ownership."""
    declined_owner: list[str] = field(default_factory=list)
    after_the_end: list[str] = field(default_factory=list)
    """Records that an ended report may not have: only what came from intake may follow, and what brings it back."""
    transfers_lost: list[str] = field(default_factory=list)
    """Accepted under the ownership that is still current, and not carried out."""
    transfers_twice: list[str] = field(default_factory=list)
    not_passed_on: list[str] = field(default_factory=list)
    """Reports of which the newest intake version is not in the log."""
    loads_wrong: list[int] = field(default_factory=list)
    """Partitions whose newest published sums differ from a recount up to their offset, or do not reach the end."""

    @property
    def complete(self) -> bool:
        """Everything has been dealt with: nothing is missing and nothing waits."""
        return not (self.missing or self.not_passed_on or self.transfers_lost)

    @property
    def sound(self) -> bool:
        """Every promise about ownership holds."""
        found = asdict(self)
        return not any(found[name] for name in found if isinstance(found[name], list))


async def read_everything(bootstrap: str, prefix: str, partitions: int) -> list[Line]:
    """All records of reports, routings, cases and loads, in log order within a partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [
            TopicPartition(f"{prefix}{t}", p) for t in ("reports", "routings", "cases") for p in range(partitions)
        ]
        places.append(TopicPartition(f"{prefix}loads", 0))
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        lines: list[Line] = []
        async with asyncio.timeout(LIMIT_S):
            while any([await consumer.position(place) < ends[place] for place in places]):
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    lines += [line for r in records if (line := _line(place, r, prefix))]
        return lines
    finally:
        await consumer.stop()


def _line(place: TopicPartition, record: Any, prefix: str) -> Line | None:
    headers = {name: value for name, value in record.headers if value is not None}
    try:
        body = json.loads(record.value)
        kind, ident = headers["ce_type"].decode(), headers["ce_id"].decode()
        topic = place.topic.removeprefix(prefix)
        return Line(topic, place.partition, record.offset, kind, ident, body if isinstance(body, dict) else {})
    except (ValueError, KeyError, TypeError):
        return None


def audit(lines: list[Line]) -> Audit:
    """Judge what was read."""
    found = Audit()
    received = {x.body["report_id"]: x for x in lines if x.type == "report.received.v1"}
    stands, history, by_cause = _ownership(lines, found)
    found.reports, found.owned = len(received), len(stands)
    found.owners = dict(sorted(Counter(o.owner for o in stands.values()).items()))
    found.missing = sorted(set(received) - set(stands))[:10]
    found.alien = sorted(set(stands) - set(received))[:10]
    _passed_on(lines, stands, found)
    _transfers(lines, stands, by_cause, found)
    _loads(lines, history, found)
    return found


def _ownership(
    lines: list[Line], found: Audit
) -> tuple[dict[str, Owned], dict[int, list[tuple[int, str, Owned]]], Counter[str]]:
    """The first record of each version counts, and only if its predecessor lies before it."""
    stands: dict[str, Owned] = {}
    first: dict[tuple[str, int], str] = {}
    history: dict[int, list[tuple[int, str, Owned]]] = defaultdict(list)
    causes: Counter[str] = Counter()
    places: dict[str, set[int]] = defaultdict(set)
    for line in sorted((x for x in lines if x.topic == "routings"), key=lambda x: (x.partition, x.offset)):
        found.records += 1
        report, version = line.body["report_id"], line.body["version"]
        places[report].add(line.partition)
        owner = line.body["decision"]["center_id"] if "decision" in line.body else line.body["center_id"]
        if (report, version) in first:
            found.ignored += 1
            found.ignored_other_owner += first[report, version] != owner
            continue
        if version > 1 and (report, version - 1) not in first:
            found.holes.append(f"{report}/{version}")
            continue
        first[report, version] = owner
        found.accepted += 1
        if line.body["cause"]["kind"] == "case_event" and line.body.get("kind") != "transfer_void":
            causes[line.body["cause"]["event_id"]] += 1
        stands[report] = _next(line, stands.get(report), owner, found)
        history[line.partition].append((line.offset, report, stands[report]))
    found.in_two_partitions = [report for report, seen in places.items() if len(seen) > 1][:10]
    return stands, history, causes


def _next(line: Line, before: Owned | None, owner: str, found: Audit) -> Owned:
    body = line.body
    facts = body.get("facts")
    if owner in (facts or {}).get("declined_centers", ()) and line.type == "report.routed.v1":
        found.declined_owner.append(body["report_id"])
    if before is None:
        wrong = body["ownership"] != 1
    elif line.type == "report.rerouted.v1":
        wrong = body["previous_center_id"] != before.owner or body["ownership"] != before.ownership + 1
        found.moved_by_closing += body["cause"]["kind"] == "center_closed"
    else:
        wrong = body["ownership"] != before.ownership or owner != before.owner
    if wrong:
        found.wrong_previous.append(f"{body['report_id']}/{body['version']}")
    ended = before.ended if before else None
    if not _may_follow(ended, line):
        found.after_the_end.append(f"{body['report_id']}/{body['version']}")
    if line.type == "report.ended.v1":
        ended = body["reason"]
    elif body.get("kind") in {"reopened", "reinstated"}:
        ended = None
    return Owned(
        version=body["version"],
        ownership=body["ownership"],
        owner=owner,
        intake_version=body["intake_version"],
        weight=weigh(facts) if facts else before.weight if before else 0,
        synthetic=facts["synthetic"] if facts else before.synthetic if before else False,
        ended=ended,
        partition=line.partition,
    )


def weigh(facts: dict[str, Any]) -> int:
    """What a report adds to its owner's load: a child's is critical whatever it says, the heaviest harm adds to it."""
    harms, why = facts["harm_types"], facts["urgency_reasons"]
    material = "child_material" in harms
    child = material or "child_material" in why or "under_14" in why or facts.get("age_band") == "under_14"
    extra = 10 if material else 5 if HEAVY.intersection(harms) else 0
    return WEIGHTS["critical" if child else facts["urgency"]] + extra


def _may_follow(ended: str | None, line: Line) -> bool:
    """A closed report may be withdrawn or reopened, a withdrawn one reinstated; amendments and messages go on."""
    kind = line.body.get("kind") or line.body.get("reason") or line.type
    if ended is None:
        return kind not in {"reopened", "reinstated"}
    back = {"closed": {"reopened", "withdrawn"}, "withdrawn": {"reinstated"}}[ended]
    return kind in {"amended", "message_left", *back}


def _passed_on(lines: list[Line], stands: dict[str, Owned], found: Audit) -> None:
    newest: dict[str, int] = {}
    for line in lines:
        if line.topic == "reports" and "intake_version" in line.body:
            report = line.body["report_id"]
            newest[report] = max(newest.get(report, 0), line.body["intake_version"])
    late = [r for r, version in newest.items() if r in stands and stands[r].intake_version < version]
    found.not_passed_on = sorted(late)[:10]


def _transfers(lines: list[Line], stands: dict[str, Owned], causes: Counter[str], found: Audit) -> None:
    accepted = {x.id: x for x in lines if x.type == "case.transfer_accepted.v1"}
    told_void = {x.body["cause"].get("event_id") for x in lines if x.body.get("kind") == "transfer_void"}
    found.transfers = len(accepted)
    for ident, line in accepted.items():
        owned = stands.get(line.body["report_id"])
        if causes[ident] == 1:
            found.transfers_done += 1
        elif causes[ident] > 1:
            found.transfers_twice.append(ident)
        elif ident in told_void or (owned is not None and (owned.ownership > line.body["ownership"] or owned.ended)):
            found.transfers_void += 1
        else:
            found.transfers_lost.append(ident)


def _loads(lines: list[Line], history: dict[int, list[tuple[int, str, Owned]]], found: Audit) -> None:
    newest: dict[int, Line] = {}
    for line in lines:
        if line.topic == "loads":
            known = newest.get(line.body["partition"])
            if known is None or line.body["upto"] >= known.body["upto"]:
                newest[line.body["partition"]] = line
    ends = {p: max(x.offset for x in lines if x.topic == "routings" and x.partition == p) + 1 for p in history}
    for partition, steps in history.items():
        told = newest.get(partition)
        at = {report: owned for offset, report, owned in steps if told is None or offset < told.body["upto"]}
        sums = {c: w for c, w in _recount(at).items() if w != (0, 0)}
        said = {c: (x["open_cases"], x["weighted"]) for c, x in (told.body["loads"] if told else {}).items()}
        if told is None or told.body["upto"] != ends[partition] or sums != said:
            found.loads_wrong.append(partition)


def _recount(stands: dict[str, Owned]) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for owned in stands.values():
        if owned.ended is None and not owned.synthetic:
            count, weight = sums.get(owned.owner, (0, 0))
            sums[owned.owner] = (count + 1, weight + owned.weight)
    return sums


async def verify(bootstrap: str, prefix: str, partitions: int) -> Audit:
    """Read everything and judge it."""
    return audit(await read_everything(bootstrap, prefix, partitions))


if __name__ == "__main__":
    result = asyncio.run(verify(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    print(json.dumps(asdict(result) | {"sound": result.sound}, indent=1))  # a command's output
    sys.exit(0 if result.sound else 1)
