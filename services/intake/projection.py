"""What the `routings` and `cases` streams say about a report. Pure folds; repeats and late records change nothing."""

from datetime import datetime

from services.intake.model.life import NEW, Life
from services.intake.model.report import Ownership, Progress, Standing, State, Work
from services.intake.policy import erasure
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
from shared.events.vocabulary import EndReason, Role, UpdateKind

_BEGIN_AGAIN = frozenset({UpdateKind.REOPENED, UpdateKind.REINSTATED})

RoutingEvent = ReportRouted | ReportRerouted | ReportUpdated | ReportEnded


def fold(progress: Progress, event: Event) -> Progress:
    """Take in one event.

    Where a routing record is missing before this one, what is known stays as it is and the place is marked as a
    ``hole``. One report's bad record must not keep all others from being accepted, so nothing is raised. What follows
    a hole is not guessed at: a record says what changed, not everything that counts. So the last owner known for
    certain goes on to count, marked stale; and notify, which signs tickets by its own reading, has to agree with it.
    Nobody sends the missing record later by themselves; once the stream is mended and read again from before the
    hole, the versions follow each other, and the mark goes with the record that reaches it.
    """
    if isinstance(event, RoutingEvent):
        return _routed(progress, event)
    if isinstance(event, CaseEvent):
        first = progress.first_seen_at
        if first is None and isinstance(event, CaseAcknowledged) and _counts(progress.work, event):
            first = event.at
        return progress.model_copy(update={"work": _worked(progress.work, event), "first_seen_at": first})
    return progress


def _routed(progress: Progress, event: RoutingEvent) -> Progress:
    known, hole = progress.ownership, progress.hole
    version = known.version if known else 0
    if event.version <= version:
        return progress
    owned = _owned(known, event) if event.version == version + 1 else None
    if owned is None:
        return progress.model_copy(update={"hole": max(event.version, hole or 0)})
    closed = hole is not None and owned.version >= hole
    first = progress.first_center_id or owned.center_id
    return progress.model_copy(update={"ownership": owned, "first_center_id": first, "hole": None if closed else hole})


def _owned(known: Ownership | None, event: RoutingEvent) -> Ownership | None:
    """The ownership after the record that follows; None where a stream begins with what cannot be its first."""
    if isinstance(event, ReportRouted | ReportRerouted):
        return Ownership(
            version=event.version,
            ownership=event.ownership,
            center_id=event.decision.center_id,
            assigned_at=event.decided_at,
        )
    if known is None:
        return None
    if isinstance(event, ReportEnded):
        return known.model_copy(update={"version": event.version, "ended": event.reason, "ended_at": event.decided_at})
    reopened = {"ended": None, "ended_at": None, "again_at": event.decided_at} if event.kind in _BEGIN_AGAIN else {}
    return known.model_copy(update={"version": event.version, **reopened})


def _counts(known: Work | None, event: CaseEvent) -> bool:
    return known is None or (event.case_version > known.version and event.ownership >= known.ownership)


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


def standing(received_at: datetime, progress: Progress, life: Life = NEW, role: Role = Role.VICTIM) -> Standing:
    """Where a report stands now. Work under an ownership that is not the present one does not count.

    Whether it was withdrawn, its own ``life`` says: at once, and before any stream does. Whoever reported for somebody
    else is told only received and closed until the person harmed has confirmed (``limited``), and their own withdrawal.
    """
    if life.withdrawal is not None and erasure.silent(life):
        gone_at = life.withdrawal.at
        told = Standing(state=State.WITHDRAWN, since=gone_at, received_at=received_at, withdrawn_at=gone_at)
        return _narrow(told.model_copy(update={"undo_until": life.withdrawal.undo_until}))
    if life.erased_at is not None:
        gone = life.withdrawal.at if life.withdrawal else None
        return Standing(
            state=State.ERASED,
            since=life.erased_at,
            received_at=received_at,
            withdrawn_at=gone,
            erasure=erasure.fate_of(life),
            erased_at=life.erased_at,
        )
    found = _working(received_at, progress, undone=life.reinstated_at is not None)
    if life.withdrawal is not None:
        found = found.model_copy(
            update={
                "state": State.WITHDRAWN,
                "since": life.withdrawal.at,
                "withdrawn_at": life.withdrawal.at,
                "undo_until": life.withdrawal.undo_until,
                "erasure": erasure.fate_of(life),
                "erase_at": life.plan.at if life.plan else None,
            }
        )
    return _narrow(found) if erasure.limited(life, role) else found


def _working(received_at: datetime, progress: Progress, *, undone: bool) -> Standing:
    owned = progress.ownership
    if owned is None:
        return Standing(state=State.RECEIVED, since=received_at, received_at=received_at)
    work = progress.work
    if work is None or work.ownership != owned.ownership:
        work = Work(version=0, ownership=owned.ownership)
    closed_at = work.closed_at or (owned.ended_at if owned.ended is EndReason.CLOSED else None)
    if owned.ended is None and closed_at is not None and owned.again_at is not None and closed_at < owned.again_at:
        closed_at = None  # Somebody closed it before it came back, which routing ignores as well.
    steps = [
        # Undone here, and routing has not yet said so again: the echo of what was undone is no news.
        (State.WITHDRAWN, owned.ended_at if owned.ended is EndReason.WITHDRAWN and not undone else None),
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


def _narrow(found: Standing) -> Standing:
    told = {State.CLOSED, State.WITHDRAWN}
    state, since = (found.state, found.since) if found.state in told else (State.RECEIVED, found.received_at)
    return found.model_copy(
        update={
            "state": state,
            "since": since,
            "center_id": None,
            "assigned_at": None,
            "seen_at": None,
            "contacted_at": None,
            "closed_at": found.closed_at if state is State.CLOSED else None,
            # What becomes of it a lead decides, perhaps because of what the person harmed said.
            "erasure": None,
            "erase_at": None,
            "limited": True,
        }
    )
