"""Fold the `routings` and `cases` streams into a report's progress. Pure; repeats and late records change nothing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from services.intake.reports.lifecycle import NEW, Lifecycle
from services.intake.reports.models import Ownership, Progress, ReportStatus, State, Stay, Work
from services.intake.retention import rules as retention_rules
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

_FIRST_OWNERSHIP = 1

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
        work, former = _worked(progress.work, event), progress.former_work
        if _says_nothing_new(progress.work, work):
            return progress
        if progress.work is not None and work is not None and work.ownership > progress.work.ownership:
            former = (*former, progress.work)
        return progress.model_copy(update={"work": work, "former_work": former, "first_seen_at": first})
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
    moved = known is not None and owned.ownership > known.ownership
    return progress.model_copy(
        update={
            "ownership": owned,
            "former": (*progress.former, known) if moved else progress.former,
            "first_center_id": first,
            "hole": None if closed else hole,
        }
    )


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


def _says_nothing_new(known: Work | None, work: Work | None) -> bool:
    """Return whether only the version differs: then neither it nor a repeat of this event tells anything."""
    if work is None:
        return True
    before = known or Work(version=0, ownership=_FIRST_OWNERSHIP)
    return work.model_copy(update={"version": before.version}) == before


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
            return {"closed_at": None, "reopened_at": event.at}
        case _:
            return {}


def status_of(
    received_at: datetime,
    progress: Progress,
    life: Lifecycle = NEW,
    role: Role = Role.VICTIM,
    opened: Mapping[int, datetime] = MappingProxyType({}),
) -> ReportStatus:
    """Return the status of a report. ``opened``: when the details were first opened, by ownership.

    Whether it was withdrawn, its own ``life`` says: at once, and before any stream does. Whoever reported for somebody
    else is told only received, seen and closed until the person harmed has confirmed (``limited``), and their own
    withdrawal.
    """
    if life.withdrawal is not None and retention_rules.silent(life):
        gone_at = life.withdrawal.at
        told = ReportStatus(state=State.WITHDRAWN, since=gone_at, received_at=received_at, withdrawn_at=gone_at)
        return _narrow(told.model_copy(update={"undo_until": life.withdrawal.undo_until}))
    if life.erased_at is not None:
        gone = life.withdrawal.at if life.withdrawal else None
        return ReportStatus(
            state=State.ERASED,
            since=life.erased_at,
            received_at=received_at,
            withdrawn_at=gone,
            erasure=retention_rules.erasure_status_of(life),
            erased_at=life.erased_at,
        )
    found = _working(received_at, progress, opened, undone=life.reinstated_at is not None)
    if life.withdrawal is not None:
        found = found.model_copy(
            update={
                "state": State.WITHDRAWN,
                "since": life.withdrawal.at,
                "withdrawn_at": life.withdrawal.at,
                "undo_until": life.withdrawal.undo_until,
                "erasure": retention_rules.erasure_status_of(life),
                "erase_at": life.plan.at if life.plan else None,
            }
        )
    told = _narrow(found) if retention_rules.limited(life, role) else found
    return told.model_copy(update={"since": max([told.since, *_resumed(told.state, progress, life)])})


def _resumed(state: State, progress: Progress, life: Lifecycle) -> list[datetime]:
    """When a report that was withdrawn or closed went on: its state is an earlier one again, and only since then."""
    work = progress.work
    reopened_at = work.reopened_at if work is not None and state is not State.CLOSED else None
    return [at for at in (life.reinstated_at, reopened_at) if at is not None]


def _working(
    received_at: datetime, progress: Progress, opened: Mapping[int, datetime], *, undone: bool
) -> ReportStatus:
    owned = progress.ownership
    if owned is None:
        return ReportStatus(state=State.RECEIVED, since=received_at, received_at=received_at)
    works = {work.ownership: work for work in (*progress.former_work, progress.work) if work is not None}
    ends = [later.assigned_at for later in (*progress.former, owned)[1:]]
    stays = [
        _stay(one, works.get(one.ownership), opened.get(one.ownership), end)
        for one, end in zip((*progress.former, owned), [*ends, None], strict=True)
    ]
    state, since = _furthest(stays)
    work = works.get(owned.ownership)
    closed_at = (work.closed_at if work else None) or (owned.ended_at if owned.ended is EndReason.CLOSED else None)
    if owned.ended is None and closed_at is not None and owned.again_at is not None and closed_at < owned.again_at:
        closed_at = None  # Somebody closed it before it came back, which routing ignores as well.
    if closed_at is not None:
        state, since = State.CLOSED, closed_at
    # Undone here, and routing has not yet said so again: the echo of what was undone is no news.
    if owned.ended is EndReason.WITHDRAWN and owned.ended_at is not None and not undone:
        state, since = State.WITHDRAWN, owned.ended_at
    told = [one.told for one in stays]
    return ReportStatus(
        state=state,
        since=since,
        center_id=owned.center_id,
        received_at=received_at,
        assigned_at=told[0].assigned_at,
        moved_at=owned.assigned_at if len(told) > 1 else None,
        stays=tuple(told),
        seen_at=_first(one.seen_at for one in told),
        opened_at=_first(one.opened_at for one in told),
        contacted_at=_first(one.contacted_at for one in told),
        closed_at=closed_at,
    )


class _Stay(NamedTuple):
    told: Stay
    level: int
    """How far this centre came: a place in ``_LEVELS``."""
    since: datetime


_LEVELS: Final = (State.ASSIGNED, State.SEEN, State.OPENED, State.IN_CONTACT, State.SUPPORTED)


def _stay(owned: Ownership, work: Work | None, opened_at: datetime | None, end: datetime | None) -> _Stay:
    """One centre's time; what was done after its end does not count."""

    def during(at: datetime | None) -> datetime | None:
        return at if at is not None and (end is None or at <= end) else None

    opened_at = during(opened_at)
    # Who opens it has seen it, also where nobody put their name to it first.
    seen_at = during(work.acknowledged_at) if work else None
    contacted_at = during(work.contacted_at) if work else None
    supported_at = during(work.supported_at) if work else None
    reached = (owned.assigned_at, seen_at, opened_at, contacted_at, supported_at)
    level, since = next((place, at) for place, at in reversed(list(enumerate(reached))) if at is not None)
    told = Stay(
        center_id=owned.center_id,
        assigned_at=owned.assigned_at,
        seen_at=seen_at or opened_at,
        opened_at=opened_at,
        contacted_at=contacted_at or supported_at,
    )
    return _Stay(told, level, since)


def _furthest(stays: Sequence[_Stay]) -> tuple[State, datetime]:
    """Return the state of the work. Never less than before: if the present centre is not yet as far, it has moved."""
    *before, now = stays
    if before and (now.level == 0 or now.level < max(one.level for one in before)):
        return State.MOVED, now.told.assigned_at
    return _LEVELS[now.level], now.since


def _first(times: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in times if at is not None), default=None)


def _narrow(found: ReportStatus) -> ReportStatus:
    state: State
    if found.state in {State.CLOSED, State.WITHDRAWN}:
        state, since = found.state, found.since
    elif found.seen_at is not None:
        state, since = State.SEEN, found.seen_at
    else:
        state, since = State.RECEIVED, found.received_at
    return found.model_copy(
        update={
            "state": state,
            "since": since,
            "center_id": None,
            "assigned_at": None,
            "moved_at": None,
            "stays": (),
            "seen_at": None if state is State.WITHDRAWN else found.seen_at,
            "opened_at": None,
            "contacted_at": None,
            "closed_at": found.closed_at if state is State.CLOSED else None,
            # What becomes of it a lead decides, perhaps because of what the person harmed said.
            "erasure": None,
            "erase_at": None,
            "limited": True,
        }
    )
