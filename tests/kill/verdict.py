"""What must hold at the end, whatever was killed: one fold of everything that can be looked at, in one list of faults.

Pure: what was gathered goes in, sentences come out. Nothing of the services' own judgement is used.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.demo.ledger import Ledger

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
    withdrawn: frozenset[str] = frozenset()
    """Taken back by their reporters, who were told so, and left so."""
    reinstated: frozenset[str] = frozenset()
    """Taken back, and brought back."""
    messages: Mapping[str, int] = field(default_factory=dict)
    """Messages that reporters were told have been taken."""
    moved: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Acceptances notify confirmed: report and ownership, and whereto."""
    intake_withdrawn: frozenset[str] = frozenset()
    """Taken back, by intake's store."""
    notify_ended: Mapping[str, str | None] = field(default_factory=dict)
    """Why a case ended, by notify's store."""
    alerting: frozenset[str] = frozenset()
    """Cases for which notify still has an alert planned."""
    analytics_ended: Mapping[str, str | None] = field(default_factory=dict)
    wrong_keys: Sequence[str] = ()
    """Reports that the present master key alone does not open, though nobody erased them."""
    audit: Sequence[str] = ()
    """What `verify-audit` found."""
    cells: Mapping[str, int] = field(default_factory=dict)
    """Analytics' published sums of all days, by stage."""
    standing: int = 0
    """What analytics' own reconciliation still finds open."""
    unpublished: int = 0
    """Documents with an event that is not on the bus yet."""
    not_buried: Sequence[str] = ()
    """Bad records put on the bus that are in no dead-letter topic."""


def faults(evidence: Evidence) -> list[str]:
    """Everything that is not as it must be; empty when nothing is."""
    ledger, accepted = evidence.ledger, evidence.accepted
    # Whoever takes a report back before its alert wants none.
    stays = accepted - evidence.withdrawn
    found = [
        _missing("accepted, but not on the bus", (r for r in accepted if not ledger.received[r])),
        _missing("without owner", (r for r in accepted if ledger.owner(r) is None)),
        _missing("owned twice by the log", (r for r in accepted if ledger.owned_twice(r))),
        _missing("a hole in the versions", ledger.holes),
        _missing("an ownership that jumps", ledger.jumps),
        _missing("owned but never accepted by anyone", set(ledger.owned) - set(ledger.received)),
        _missing("without alert.sent", (r for r in stays if not ledger.alerts[r])),
        _missing("without a mail", (r for r in stays if not evidence.mailed[r])),
        _missing("answered with two ids", evidence.conflicting_answers),
        _missing("notify names another owner", _others(accepted, ledger, evidence.notify_owner)),
        _missing("analytics names another owner", _others(accepted, ledger, evidence.analytics_owner)),
        _missing("bad records without a dead letter", evidence.not_buried),
        _missing("not in analytics", (r for r in accepted if r not in evidence.analytics_owner)),
        *_trust(evidence),
        *_sums(evidence),
        *_loads(ledger),
    ]
    found += [f"{count} records in {topic}" for topic, count in sorted(ledger.dead.items())]
    return [fault for fault in found if fault]


def _trust(evidence: Evidence) -> list[str]:
    """Taken back is taken back everywhere, brought back too; who was told of a transfer or a message was told truly."""
    ledger, gone, back = evidence.ledger, evidence.withdrawn, evidence.reinstated
    on_bus = {r for r, (_, is_gone) in ledger.withdrawn.items() if is_gone}
    why = {r: state.ended for r, state in ledger.owned.items()}
    found = [
        _missing("taken back, but not on the bus", gone - on_bus),
        _missing("taken back, but not ended", (r for r in gone if why.get(r) != "withdrawn")),
        _missing("taken back, but not in intake", gone - evidence.intake_withdrawn),
        _missing("taken back, but open in notify", (r for r in gone if evidence.notify_ended.get(r) != "withdrawn")),
        _missing("taken back, but alerts go on", gone & evidence.alerting),
        _missing("taken back, but not so counted", (r for r in gone if evidence.analytics_ended.get(r) != "withdrawn")),
        _missing("brought back, but not on the bus", back & on_bus),
        _missing("brought back, but ended", (r for r in back if why.get(r) == "withdrawn")),
        _missing("brought back, but not in notify", (r for r in back if evidence.notify_ended.get(r) == "withdrawn")),
        _missing("with fewer messages than told", (r for r, n in evidence.messages.items() if _left(ledger, r) < n)),
        _missing("with a message that was not passed on", (r for r in evidence.messages if not _passed_on(ledger, r))),
        _missing("with a transfer that was not carried out", _not_moved(evidence)),
        _missing("sealed with a key that is gone", evidence.wrong_keys),
    ]
    return [*found, *(f"the audit: {finding}" for finding in evidence.audit)]


def _left(ledger: Ledger, report_id: str) -> int:
    return len(ledger.left.get(report_id, ()))


def _passed_on(ledger: Ledger, report_id: str) -> bool:
    return ledger.left.get(report_id, set()) <= ledger.passed_on.get(report_id, set())


def _not_moved(evidence: Evidence) -> list[str]:
    """Accepted transfers whose centre is not the one owner of the next ownership; a withdrawal may come in between."""
    owned, ever_withdrawn = evidence.ledger.owned, evidence.ledger.withdrawn.keys()
    return [
        report_id
        for (report_id, ownership), to in evidence.moved.items()
        if report_id not in ever_withdrawn
        and (report_id not in owned or owned[report_id].claims.get(ownership + 1) != {to})
    ]


def _others(accepted: frozenset[str], ledger: Ledger, named: Mapping[str, str | None]) -> list[str]:
    return [r for r in accepted if r in named and named[r] != ledger.owner(r)]


def _sums(evidence: Evidence) -> list[str]:
    """Each published report is counted once: the sums equal the number of distinct reports on the bus."""
    ledger = evidence.ledger
    on_bus = len(ledger.received)
    expected = {
        "accepted": on_bus,
        "routed": sum(1 for state in ledger.owned.values() if state.version),
        # What a former owner was told and did counts no more.
        "alerted": ledger.in_force("alerted"),
        "acknowledged": ledger.in_force("acknowledged"),
    }
    found = [
        f"analytics counts {counted} {stage} instead of {wanted}"
        for stage, wanted in expected.items()
        if (counted := evidence.cells.get(stage, 0)) != wanted
    ]
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
                weighed.setdefault(partition, Counter())[state.center_id] += state.weight
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
