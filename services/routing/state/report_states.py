"""Where each routing record leaves its report."""

from datetime import datetime

from services.routing.assignment.rules import severity_of
from services.routing.models import ReportState
from services.routing.record_encoding import facts_json
from shared.errors import OutOfSequenceError
from shared.events.reports import ReportFacts
from shared.events.routings import Cause, ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import CauseKind, UpdateKind

BROUGHT_BACK = frozenset({UpdateKind.REOPENED, UpdateKind.REINSTATED})
"""Updates after which a report that had ended is open again."""
RoutingEvent = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded


def report_state_after(event: RoutingEvent, before: ReportState | None) -> ReportState:
    """Return the report's state after a routing record. Only a first record needs no earlier state."""
    if isinstance(event, ReportRouted):
        decision = event.decision
        return first_report_state(
            decision.center_id,
            decision.home_center_id,
            event.intake_version,
            event.facts,
            event.received_at,
            right_of_return=decision.right_of_return,
        )
    if before is None:
        raise OutOfSequenceError(event.report_id, event.version, 0)
    causes = _causes(before, event.cause)
    common = before._replace(version=event.version, intake_version=event.intake_version, case_causes=causes)
    match event:
        case ReportRerouted():
            return _with_facts(common, event.facts)._replace(
                ownership=event.ownership,
                center_id=event.decision.center_id,
                home=event.decision.home_center_id,
                ended=None,
                waits_since=None,
                right_of_return=event.decision.right_of_return,
            )
        case ReportUpdated():
            updated = _with_facts(common, event.facts)
            return updated._replace(ended=None, waits_since=event.decided_at) if event.kind in BROUGHT_BACK else updated
        case ReportEnded():
            return common._replace(ended=event.reason)


def first_report_state(
    center_id: str,
    home: str | None,
    intake_version: int,
    facts: ReportFacts,
    received_at: datetime,
    *,
    right_of_return: bool,
) -> ReportState:
    """The state of a report that has just got its first owner."""
    case = severity_of(facts)
    return ReportState(
        1,
        1,
        center_id,
        intake_version,
        case.weight,
        None,
        received_at,
        facts_json(facts),
        home,
        case.severe,
        right_of_return=right_of_return,
    )


def _with_facts(report_state: ReportState, facts: ReportFacts) -> ReportState:
    case = severity_of(facts)
    return report_state._replace(weight=case.weight, severe=case.severe, facts=facts_json(facts))


def _causes(before: ReportState, cause: Cause) -> tuple[str, ...]:
    if cause.kind is not CauseKind.CASE_EVENT or cause.event_id is None:
        return before.case_causes
    return (*before.case_causes, cause.event_id)
