"""What must hold at the end, whatever was killed: one fold of everything that can be looked at, in one list of faults.

Pure: what was gathered goes in, sentences come out. Nothing of the services' own judgement is used.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from deploy.demo.ledger import Ledger

WEIGHTS = {"normal": 10, "high": 15, "critical": 20}
"""What a report adds to its owner's load (rule version 1), written down a second time."""
_SHOWN = 3


@dataclass(slots=True)
class Evidence:
    """What was found when everything had come to rest."""

    accepted: frozenset[str]
    """Ids that a 202 named."""
    conflicting_answers: Sequence[str] = ()
    """Keys that were answered with two different ids."""
    ledger: Ledger = field(default_factory=Ledger)
    mailed: Counter[str] = field(default_factory=Counter)
    """Mails in the sink by report id."""
    notify_owner: Mapping[str, str] = field(default_factory=dict)
    """Owner by notify's store."""
    analytics_owner: Mapping[str, str | None] = field(default_factory=dict)
    """Owner by analytics' facts: one fact per counted report."""
    cells: Mapping[str, int] = field(default_factory=dict)
    """Analytics' published sums of all days, by stage."""
    standing: int = 0
    """What analytics' own reconciliation still finds open."""
    unpublished: int = 0
    """Documents with an event that is not on the bus yet."""


def faults(evidence: Evidence) -> list[str]:
    """Everything that is not as it must be; empty when nothing is."""
    ledger, accepted = evidence.ledger, evidence.accepted
    found = [
        _missing("accepted, but not on the bus", (r for r in accepted if not ledger.received[r])),
        _missing("without owner", (r for r in accepted if ledger.owner(r) is None)),
        _missing("owned twice by the log", (r for r in accepted if ledger.owned_twice(r))),
        _missing("a hole in the versions", ledger.holes),
        _missing("owned but never accepted by anyone", set(ledger.owned) - set(ledger.received)),
        _missing("without alert.sent", (r for r in accepted if not ledger.alerts[r])),
        _missing("without a mail", (r for r in accepted if not evidence.mailed[r])),
        _missing("answered with two ids", evidence.conflicting_answers),
        _missing("notify names another owner", _others(accepted, ledger, evidence.notify_owner)),
        _missing("analytics names another owner", _others(accepted, ledger, evidence.analytics_owner)),
        _missing("not in analytics", (r for r in accepted if r not in evidence.analytics_owner)),
        *_sums(evidence),
        *_loads(ledger),
    ]
    found += [f"{count} records in {topic}" for topic, count in sorted(ledger.dead.items())]
    return [fault for fault in found if fault]


def _others(accepted: frozenset[str], ledger: Ledger, named: Mapping[str, str | None]) -> list[str]:
    return [r for r in accepted if r in named and named[r] != ledger.owner(r)]


def _sums(evidence: Evidence) -> list[str]:
    """Each published report is counted once: the sums equal the number of distinct reports on the bus."""
    ledger = evidence.ledger
    on_bus = len(ledger.received)
    expected = {
        "accepted": on_bus,
        "routed": sum(1 for state in ledger.owned.values() if state.version),
        "alerted": len(ledger.alerts),
        "acknowledged": len(ledger.acknowledged),
    }
    found = [
        f"analytics counts {evidence.cells[stage]} {stage} instead of {expected[stage]}"
        for stage in expected
        if stage in evidence.cells and evidence.cells[stage] != expected[stage]
    ]
    if "accepted" not in evidence.cells and on_bus:
        found.append("analytics counts nothing")
    if len(evidence.analytics_owner) != on_bus:
        found.append(f"analytics holds {len(evidence.analytics_owner)} facts about {on_bus} reports")
    if evidence.standing:
        found.append(f"analytics' reconciliation has {evidence.standing} left")
    if evidence.unpublished:
        found.append(f"{evidence.unpublished} events were never published")
    return found


def _loads(ledger: Ledger) -> list[str]:
    """The newest `loads` of every partition against a recount of `routings`."""
    weighed: dict[int, Counter[str]] = {}
    for state in ledger.owned.values():
        if state.version and not state.ended and not state.synthetic:
            for partition in state.partitions:
                weighed.setdefault(partition, Counter())[state.center_id] += WEIGHTS[state.urgency]
    found = []
    for partition, cases in sorted(ledger.recount().items()):
        summed = ledger.loads.get(partition)
        if summed is None:
            found.append(f"partition {partition} has no loads")
        elif dict(summed.open_cases) != dict(cases):
            found.append(f"loads of partition {partition} count {dict(summed.open_cases)} instead of {dict(cases)}")
        elif dict(summed.weighted) != dict(weighed.get(partition, {})):
            found.append(f"loads of partition {partition} are weighed wrongly")
    return found


def _missing(what: str, reports: Iterable[str]) -> str:
    found = sorted(set(reports))
    if not found:
        return ""
    return f"{len(found)} {what}: {', '.join(found[:_SHOWN])}{' …' if len(found) > _SHOWN else ''}"
