"""An independent audit of the log: who owns each report, is anything missing, do the published loads add up.

Written from the design alone and apart from the service: it imports neither routing nor the bus, and reads the raw
records with plain aiokafka and JSON. ``python -m tests.integration.routing.verifier BOOTSTRAP PREFIX PARTITIONS``
prints the audit and fails if it is not sound.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tests.integration.routing.fold import Told, fold
from tests.integration.routing.records import Line, read_everything, states_of
from tests.integration.routing.recount import left_at_closed, wrong_loads

__all__ = ["Audit", "Line", "audit", "read_everything", "verify"]
_AT_MOST = 10


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
    moved_by_closing: int = 0
    transfers: int = 0
    transfers_done: int = 0
    transfers_void: int = 0
    """Not carried out: told so, or answered by a newer ownership or the end of the report."""
    transfers_told_void: int = 0
    transfers_refused: int = 0
    """To organisations that do not exist: in the dead topic, with that reason."""
    owners: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Reports received that nobody owns."""
    alien: list[str] = field(default_factory=list)
    """Reports owned that were never received."""
    dead: list[str] = field(default_factory=list)
    """Good records in a dead topic: refused though nothing is wrong with them."""
    in_two_partitions: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    """Records whose predecessor is not in the log before them."""
    wrong_previous: list[str] = field(default_factory=list)
    """Moves that name another previous owner than the log, or skip an ownership."""
    declined_owner: list[str] = field(default_factory=list)
    closed_owner: list[str] = field(default_factory=list)
    """Decisions for a centre that was closed by their own account."""
    after_the_end: list[str] = field(default_factory=list)
    """Records that an ended report may not have: only what came from intake may follow, and what brings it back."""
    passed_on_twice: list[str] = field(default_factory=list)
    """Events that led to more than one accepted record."""
    transfers_lost: list[str] = field(default_factory=list)
    """Accepted under the ownership that is still current, and not carried out."""
    transfers_twice: list[str] = field(default_factory=list)
    not_passed_on: list[str] = field(default_factory=list)
    """Reports of which the newest intake version is not in the log."""
    left_at_closed: list[str] = field(default_factory=list)
    """Reports that wait for somebody at a centre that is closed."""
    loads_wrong: list[str] = field(default_factory=list)
    """Partitions whose newest published sums differ from a recount, or do not reach the end."""

    @property
    def complete(self) -> bool:
        """Everything has been dealt with: nothing is missing and nothing waits."""
        return not (self.missing or self.not_passed_on or self.transfers_lost or self.left_at_closed)

    @property
    def faults(self) -> list[str]:
        """Every broken promise, with its culprits."""
        found = asdict(self)
        return [f"{name}: {', '.join(map(str, x))}" for name, x in found.items() if isinstance(x, list) and x]

    @property
    def sound(self) -> bool:
        """Every promise about ownership holds."""
        return not self.faults


def audit(lines: Sequence[Line]) -> Audit:
    """Judge what was read."""
    told, found = fold(lines), Audit()
    received = {x.body["report_id"] for x in lines if x.topic == "reports" and x.type == "report.received.v1"}
    for name in ("records", "accepted", "ignored", "ignored_other_owner", "moved_by_closing"):
        setattr(found, name, getattr(told, name))
    found.reports, found.owned = len(received), len(told.stands)
    found.owners = dict(sorted(Counter(o.owner for o in told.stands.values()).items()))
    found.missing = sorted(received - told.stands.keys())
    found.alien = sorted(told.stands.keys() - received)
    for name in ("in_two_partitions", "holes", "wrong_previous", "declined_owner", "closed_owner", "after_the_end"):
        setattr(found, name, getattr(told, name))
    found.not_passed_on = _not_passed_on(lines, told)
    found.passed_on_twice = sorted(f"{report} by {event}" for (report, event), n in told.causes.items() if n > 1)
    _transfers(lines, told, found)
    found.dead += [f"{x.type} {x.id}: {x.dead_reason}" for x in lines if x.topic == "reports.dead"]
    found.left_at_closed = left_at_closed(lines, told)
    found.loads_wrong = wrong_loads(lines, told)
    for name, value in asdict(found).items():
        if isinstance(value, list):
            setattr(found, name, value[:_AT_MOST])
    return found


def _not_passed_on(lines: Sequence[Line], told: Told) -> list[str]:
    newest: dict[str, int] = {}
    for line in lines:
        if line.topic == "reports" and "intake_version" in line.body:
            report = line.body["report_id"]
            newest[report] = max(newest.get(report, 0), line.body["intake_version"])
    return sorted(r for r, v in newest.items() if r in told.stands and told.stands[r].intake_version < v)


def _transfers(lines: Sequence[Line], told: Told, found: Audit) -> None:
    """Each acceptance was carried out once, told void, overtaken, or refused because nobody has that name."""
    accepted = {x.id: x for x in lines if x.topic == "cases" and x.type == "case.transfer_accepted.v1"}
    found.transfers = len(accepted)
    centers = {c for x in lines if x.type == "report.routed.v1" for c in states_of(x.body["decision"])}
    refused = {x.id: x for x in lines if x.topic == "cases.dead"}
    for ident, line in accepted.items():
        report = line.body["report_id"]
        nobody = ident in refused and line.body["to_center_id"] not in {*centers, "central"}
        if nobody:
            del refused[ident]
        done = told.causes[report, ident]
        found.transfers_told_void += told.void[ident]
        if done + told.void[ident] > 1:
            found.transfers_twice.append(ident)
        elif nobody and not done:
            found.transfers_refused += 1
        elif done:
            found.transfers_done += 1
        elif told.void[ident] or _overtaken(line, told):
            found.transfers_void += 1
        else:
            found.transfers_lost.append(ident)
    found.dead += [f"{x.type} {x.id}: {x.dead_reason}" for x in refused.values()]


def _overtaken(line: Line, told: Told) -> bool:
    """Whether the stream answers an acceptance by itself: a newer ownership, or the report's end under the same one."""
    report, ownership = line.body["report_id"], line.body["ownership"]
    owned = told.stands.get(report)
    return owned is not None and (owned.ownership > ownership or (report, ownership) in told.ended_under)


async def verify(bootstrap: str, prefix: str, partitions: int) -> Audit:
    """Read everything and judge it."""
    return audit(await read_everything(bootstrap, prefix, partitions))


if __name__ == "__main__":
    result = asyncio.run(verify(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    print(json.dumps(asdict(result) | {"sound": result.sound}, indent=1))  # a command's output
    sys.exit(0 if result.sound else 1)
