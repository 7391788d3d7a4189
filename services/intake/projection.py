"""What the `routings` and `cases` streams say about a report. Pure folds; repeats and late records change nothing."""

from datetime import datetime

from services.intake.model.report import Ownership, Progress, Standing, State, Work
from shared.errors import FatalError
from shared.events.base import Event
from shared.events.cases import (
    CaseAcknowledged,
    CaseClosed,
    CaseContacted,
    CaseEvent,
    CaseReopened,
    CaseSupported,
)
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import EndReason, UpdateKind

RoutingEvent = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded


def fold(progress: Progress, event: Event) -> Progress:
    """Take in one event. Raises ``FatalError`` where a routing record is missing before this one."""
    if isinstance(event, RoutingEvent):
        return progress.model_copy(update={"ownership": _owned(progress.ownership, event)})
    if isinstance(event, CaseEvent):
        return progress.model_copy(update={"work": _worked(progress.work, event)})
    return progress


def _owned(known: Ownership | None, event: RoutingEvent) -> Ownership | None:
    version = known.version if known else 0
    if event.version <= version:
        return known
    if event.version > version + 1:
        raise FatalError(f"routings of {event.report_id} jump from version {version} to {event.version}")
    if isinstance(event, ReportRouted | ReportRerouted):
        return Ownership(
            version=event.version,
            ownership=event.ownership,
            center_id=event.decision.center_id,
            assigned_at=event.decided_at,
        )
    if known is None:
        raise FatalError(f"routings of {event.report_id} begin with {event.TYPE}")
    if isinstance(event, ReportEnded):
        return known.model_copy(update={"version": event.version, "ended": event.reason, "ended_at": event.decided_at})
    reopened = {"ended": None, "ended_at": None} if event.kind is UpdateKind.REOPENED else {}
    return known.model_copy(update={"version": event.version, **reopened})


def _worked(known: Work | None, event: CaseEvent) -> Work | None:
    if known is not None and event.case_version <= known.version:
        return known
    if known is None or event.ownership > known.ownership:
        known = Work(version=event.case_version, ownership=event.ownership)
    if event.ownership < known.ownership:
        return known.model_copy(update={"version": event.case_version})
    return known.model_copy(update={"version": event.case_version, **_done(known, event)})


def _done(known: Work, event: CaseEvent) -> dict[str, datetime | None]:
    match event:
        case CaseAcknowledged():
            return {"acknowledged_at": known.acknowledged_at or event.at}
        case CaseContacted():
            return {"contacted_at": known.contacted_at or event.at}
        case CaseSupported():
            return {"supported_at": known.supported_at or event.at}
        case CaseClosed():
            return {"closed_at": event.at}
        case CaseReopened():
            return {"closed_at": None}
        case _:
            return {}


def standing(received_at: datetime, progress: Progress) -> Standing:
    """Where a report stands now. Work under an ownership that is not the present one does not count."""
    owned = progress.ownership
    if owned is None:
        return Standing(state=State.RECEIVED, since=received_at, received_at=received_at)
    work = progress.work
    if work is None or work.ownership != owned.ownership:
        work = Work(version=0, ownership=owned.ownership)
    closed_at = work.closed_at or (owned.ended_at if owned.ended is EndReason.CLOSED else None)
    steps = [
        (State.WITHDRAWN, owned.ended_at if owned.ended is EndReason.WITHDRAWN else None),
        (State.CLOSED, closed_at),
        (State.SUPPORTED, work.supported_at),
        (State.IN_CONTACT, work.contacted_at),
        (State.SEEN, work.acknowledged_at),
        (State.ASSIGNED, owned.assigned_at),
    ]
    state, since = next((state, at) for state, at in steps if at is not None)
    return Standing(
        state=state,
        since=since,
        center_id=owned.center_id,
        received_at=received_at,
        assigned_at=owned.assigned_at,
        seen_at=work.acknowledged_at,
        contacted_at=work.contacted_at or work.supported_at,
        closed_at=closed_at,
    )
