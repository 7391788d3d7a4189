"""Withdrawal, second thoughts, a lead's decision and the death of a key, as pure steps of a report's ``Lifecycle``."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from services.intake.reports.lifecycle import (
    BY_OTHERS,
    NEW,
    Access,
    Category,
    ErasureCause,
    ErasureDecision,
    ErasurePlan,
    ErasureStatus,
    Lifecycle,
    Reason,
    Special,
    Withdrawal,
)
from services.intake.reports.models import LimitedBecause
from services.intake.reports.waiting_period import WAIT
from services.intake.retention.schedule import (
    ANNOUNCED_FOR,
    RetentionStatus,
    RetentionVerdict,
    category_in,
    choices_for,
    ends,
    stricter,
)
from shared.events.reports import ReportFacts
from shared.events.vocabulary import AgeBand, HarmType, Role

UNDO_FOR: Final = timedelta(hours=72)
"""The time for second thoughts after a withdrawal."""


class RefusedError(Exception):
    """The step is not possible now.

    ``code`` is stable: ``erased``, ``withdrawn``, ``too_late``, ``not_understood``, ``no_open_decision``,
    ``wrong_category``, ``wrong_reason``, ``nothing_to_confirm``, ``not_with_this_receipt``; and those of
    ``handover.rules``.
    """

    def __init__(self, code: str) -> None:
        """``code`` is for machines; words are the caller's."""
        super().__init__(code)
        self.code = code


def lifecycle_of(document: Mapping[str, Any]) -> Lifecycle:
    """The life of a stored report. Reports from before there was one have none of it."""
    stored = document.get("life")
    return Lifecycle.model_validate(stored) if stored else NEW


def access_of(life: Lifecycle) -> Access:
    """Return whether the details may be opened: never after a withdrawal, until it is undone."""
    if life.erased_at is not None:
        return Access.ERASED
    return Access.OPEN if life.withdrawal is None else Access.SEALED


def report_access(document: Mapping[str, Any]) -> Access:
    """Return whether a stored report's details may be opened."""
    return access_of(lifecycle_of(document))


def specials(facts: ReportFacts, before: tuple[Special, ...] = ()) -> tuple[Special, ...]:
    """Return the reasons why a lead must decide, from the present and the earlier facts."""
    found = {
        Special.CHILD_MATERIAL: HarmType.CHILD_MATERIAL in facts.harm_types,
        Special.UNDER_14: facts.age_band is AgeBand.UNDER_14,
        Special.REPRESENTATIVE: facts.role is Role.REPRESENTATIVE,
        Special.THIRD_PARTY: facts.role is Role.THIRD_PARTY,
    }
    return tuple(special for special in Special if found[special] or special in before)


def limited(life: Lifecycle, role: Role) -> bool:
    """Return whether the receipt shows only received, seen, closed and answers to its holder."""
    return limited_because(life, role) is not None


def limited_because(life: Lifecycle, role: Role) -> LimitedBecause | None:
    """Return why the receipt shows less: it is not, or not surely, held by the person harmed."""
    by_other = role is not Role.VICTIM or not BY_OTHERS.isdisjoint(life.special)
    if not by_other or confirmed_by_holder(life):
        return None
    if life.handed_over_at is not None:
        return LimitedBecause.TAKEN_OVER
    tip = role is Role.THIRD_PARTY or Special.THIRD_PARTY in life.special
    return LimitedBecause.TIP if tip else LimitedBecause.NOT_CONFIRMED


def confirmed_by_holder(life: Lifecycle) -> bool:
    """Return whether the person harmed confirmed it, since the hand-over if there was one.

    A code proves nobody to be that person: whoever reported knows it too. A hand-over leaves the report marked as made
    by another, and only a confirmation after it takes the mark away (``confirmed``). Their moments do not tell which
    came first: two processes wrote them, by two clocks.
    """
    since_handed_over = life.handed_over_at is None or BY_OTHERS.isdisjoint(life.special)
    return life.confirmed_at is not None and since_handed_over


def silent(life: Lifecycle) -> bool:
    """Return whether it was erased after a representative withdrew it: the receipt says withdrawn, as if still kept."""
    return life.erased_at is not None and life.by_other and life.withdrawal is not None


def made_by_other(life: Lifecycle, facts: ReportFacts) -> bool:
    """Return whether a representative made it, and so holds its receipt."""
    return not BY_OTHERS.isdisjoint(specials(facts, life.special))


def stood_by(life: Lifecycle) -> bool:
    """Return whether the person harmed stands by the report: confirmed it, or objected to its withdrawal."""
    return life.confirmed_at is not None or any(made.reason is Reason.VICTIM_OBJECTS for made in life.decisions)


def amended(life: Lifecycle, before: ReportFacts, after: ReportFacts) -> Lifecycle:
    """The life after an amendment: what ever made the report special, or kept longer, still counts."""
    strictest = category_in(before, life)
    return _changed(
        life,
        special=specials(after, specials(before, life.special)),
        strictest=stricter(strictest, category_in(after, life)),
    )


def erasure_status_of(life: Lifecycle) -> ErasureStatus | None:
    """Return the erasure status of a withdrawn report."""
    if life.erased_at is not None:
        return ErasureStatus.ERASED
    if life.withdrawal is None:
        return None
    if life.plan is not None:
        return ErasureStatus.PLANNED
    return ErasureStatus.DECISION if life.decide_since is not None else ErasureStatus.KEPT


def withdrawn(
    life: Lifecycle,
    facts: ReportFacts,
    *,
    at_once: bool,
    understood: bool,
    receipt_alone: bool,
    now: datetime,
    latest: datetime | None = None,
) -> Lifecycle:
    """The life after a withdrawal; the same one where nothing changes. Raises ``RefusedError``.

    ``latest``: where clocks are apart, what it may be at the latest; from then on the time for second thoughts runs.

    ``at_once`` gives up the time for second thoughts and needs ``understood``; it may also come later. With a receipt
    alone it leaves ``WAIT`` of it: whoever found the paper destroys nothing that its owner cannot still save. Who
    reported for somebody else cannot give up that person's time, and cannot withdraw what that person stands by.
    """
    if life.erased_at is not None:
        raise RefusedError("erased")
    if at_once and not understood:
        raise RefusedError("not_understood")
    if made_by_other(life, facts):
        if life.withdrawal is None and stood_by(life):
            raise RefusedError("not_with_this_receipt")
        at_once = False
    known = life.withdrawal
    if known is not None and (not at_once or known.undo_until <= now):
        return life
    undo_until = (latest or now) + UNDO_FOR
    if at_once:
        undo_until = (latest or now) + WAIT if receipt_alone else now
        if known is not None and known.undo_until <= undo_until:
            return life  # it comes no later than was planned, and asking again moves no time
    withdrawal = Withdrawal(
        at=known.at if known else now,
        undo_until=undo_until,
        decided_before=known.decided_before if known else len(life.decisions),
    )
    special = specials(facts, life.special)
    if special:
        waiting = life.decide_since if known else now
        plan = life.plan if known else None
        if plan is not None:
            # No sooner than it can be undone: what is looked at before its time is taken off the plan.
            plan = plan.model_copy(update={"at": min(plan.at, undo_until)})
        return _changed(life, withdrawal=withdrawal, special=special, decide_since=waiting, plan=plan)
    cause = ErasureCause.AT_ONCE if at_once else ErasureCause.WITHDRAWN
    return _changed(
        life, withdrawal=withdrawal, plan=ErasurePlan(cause=cause, at=withdrawal.undo_until, announced_at=now)
    )


def undone_by(life: Lifecycle, last: datetime) -> Lifecycle:
    """The life whose withdrawal, made while a clock was ahead, can be undone until ``last`` and no longer."""
    known = life.withdrawal
    if known is None or known.undo_until <= last:
        return life
    plan = life.plan
    if plan is not None:
        plan = plan.model_copy(update={"at": min(plan.at, last)})
    return _changed(life, withdrawal=known.model_copy(update={"undo_until": last}), plan=plan)


def drill_withdrawn(life: Lifecycle, now: datetime) -> Lifecycle:
    """The life of a drill that nobody acknowledged, withdrawn in nobody's name; no lead is asked about it."""
    withdrawal = Withdrawal(at=now, undo_until=now + UNDO_FOR, decided_before=len(life.decisions))
    plan = ErasurePlan(cause=ErasureCause.WITHDRAWN, at=withdrawal.undo_until, announced_at=now)
    return _changed(life, withdrawal=withdrawal, special=(), plan=plan)


def destroy_asked_at(life: Lifecycle) -> datetime | None:
    """Return when destruction at once was asked for with the receipt alone and still waits; None if it does not."""
    plan = life.plan
    return plan.announced_at if plan is not None and plan.cause is ErasureCause.AT_ONCE else None


def reinstated(life: Lifecycle, now: datetime, earliest: datetime | None = None) -> Lifecycle:
    """The life after second thoughts; the same one where nothing was withdrawn. Raises ``RefusedError``.

    ``earliest``: what the earlier clock says, where two are apart; the time is over once it is over by both.
    """
    if silent(life):
        raise RefusedError("too_late")
    if life.erased_at is not None:
        raise RefusedError("erased")
    if life.withdrawal is None:
        return life
    if (earliest or now) >= life.withdrawal.undo_until:
        raise RefusedError("too_late")
    return undone(life, now)


def undone(life: Lifecycle, at: datetime) -> Lifecycle:
    """The life without its withdrawal, which was undone then by who may.

    No earlier than it was made, which another clock may have dated: a restore goes by which of the two came last.
    """
    made = life.withdrawal.at if life.withdrawal is not None else at
    return _changed(life, withdrawal=None, reinstated_at=max(at, made), decide_since=None, plan=None)


REASONS_TO_DESTROY: Final = (Reason.REQUESTER_ASKS, Reason.VICTIM_AGREES)
REASONS_TO_KEEP: Final = (
    Reason.VICTIM_OBJECTS,
    Reason.INVESTIGATION,
    Reason.CHILD_MATERIAL_LAW,
    Reason.NOT_CREDIBLE_REQUEST,
)


def decided(
    life: Lifecycle, decision: ErasureDecision, *, category: Category, started: datetime | None, now: datetime
) -> Lifecycle:
    """The life after a lead's decision; a later one replaces it. Raises ``RefusedError``.

    ``category`` is the report's own, ``started`` when its clock began (None: then it begins with the decision). What
    is to be destroyed waits until the reporter can no longer undo. Where the person harmed objects, the withdrawal is
    undone, whatever its time.
    """
    if life.erased_at is not None:
        raise RefusedError("erased")
    if life.withdrawal is None or not life.special:
        raise RefusedError("no_open_decision")
    if decision.reason not in (REASONS_TO_DESTROY if decision.destroy else REASONS_TO_KEEP):
        raise RefusedError("wrong_reason")
    if decision.reason is Reason.VICTIM_OBJECTS:
        kept = decision.model_copy(update={"category": None, "keep_until": None})
        return _changed(undone(life, now), decisions=(*life.decisions, kept))
    if decision.destroy:
        at = max(now, life.withdrawal.undo_until)
        plan: ErasurePlan | None = ErasurePlan(cause=ErasureCause.DECIDED, at=at, announced_at=now)
        kept = decision.model_copy(update={"category": None, "keep_until": None})
    else:
        if decision.category not in choices_for(category):
            raise RefusedError("wrong_category")
        plan = None
        kept = decision.model_copy(update={"keep_until": ends(decision.category, started or now)})
    return _changed(life, decide_since=None, plan=plan, decisions=(*life.decisions, kept))


def last_decision_of(life: Lifecycle, by: str) -> Literal["destroy", "keep", "again"] | None:
    """What a lead decided last, while that stands: None where it was another lead, or something happened since."""
    last = life.decisions[-1] if life.decisions else None
    if last is None or last.by != by:
        return None
    if life.withdrawal is None:
        return "again" if last.reason is Reason.VICTIM_OBJECTS else None
    if last is not life.standing_decision:
        return None
    return "destroy" if last.destroy else "keep"


def confirmed(life: Lifecycle, facts: ReportFacts, by: str, now: datetime) -> Lifecycle:
    """The life after the person harmed confirmed the report. Raises ``RefusedError``."""
    if access_of(life) is not Access.OPEN:
        raise RefusedError("erased" if life.erased_at is not None else "withdrawn")
    if confirmed_by_holder(life):
        return life
    found = specials(facts, life.special)
    if BY_OTHERS.isdisjoint(found):
        raise RefusedError("nothing_to_confirm")
    if life.handed_over_at is not None:
        # Now it is the person's own: they hold its receipt, and are known to.
        return _changed(
            life, confirmed_at=now, confirmed_by=by, special=tuple(one for one in found if one not in BY_OTHERS)
        )
    return _changed(life, confirmed_at=now, confirmed_by=by)


def announced(life: Lifecycle, verdict: RetentionVerdict, now: datetime) -> Lifecycle:
    """The life with what the retention table demands: announced if it is due, taken off the list if it no longer is."""
    plan = life.plan
    if plan is not None and plan.cause is not ErasureCause.RETENTION:
        return life
    if verdict.status is not RetentionStatus.DUE:
        return life if plan is None else _changed(life, plan=None)
    if plan is not None:
        return life
    coming = ErasurePlan(
        cause=ErasureCause.RETENTION, at=now + ANNOUNCED_FOR, announced_at=now, category=verdict.category
    )
    return _changed(life, plan=coming)


def due_erasure(life: Lifecycle, verdict: RetentionVerdict, now: datetime) -> ErasureCause | None:
    """Return why the key must be destroyed now, or None. Only what was announced, and only if it still holds."""
    plan = life.plan
    if life.erased_at is not None or plan is None or plan.at > now:
        return None
    if plan.cause is ErasureCause.RETENTION:
        fits = verdict.status is RetentionStatus.DUE and plan.announced_at + ANNOUNCED_FOR <= now
    elif plan.cause is ErasureCause.DECIDED:
        last = life.standing_decision
        fits = _out_of_time(life, now) and last is not None and last.destroy
    else:
        fits = _out_of_time(life, now) and not life.special
    return plan.cause if fits else None


def unplanned(life: Lifecycle, now: datetime) -> Lifecycle:
    """The life when its plan came due and no longer holds: off the list; a withdrawn one then waits for a lead."""
    plan = life.plan
    if plan is None or plan.at > now:
        return life
    waits = life.withdrawal is not None and plan.cause is not ErasureCause.RETENTION
    return _changed(life, plan=None, decide_since=now if waits else life.decide_since)


def tombstone(life: Lifecycle, now: datetime) -> Lifecycle:
    """Reduce a life to its dates."""
    gone = life.withdrawal
    by_other = not BY_OTHERS.isdisjoint(life.special) and life.confirmed_at is None
    if gone is not None:
        gone = Withdrawal(at=gone.at, undo_until=gone.undo_until if by_other else gone.at)
    return Lifecycle(withdrawal=gone, erased_at=now, by_other=by_other, handed_over_at=life.handed_over_at)


def _out_of_time(life: Lifecycle, now: datetime) -> bool:
    return life.withdrawal is not None and life.withdrawal.undo_until <= now


def _changed(life: Lifecycle, **update: object) -> Lifecycle:
    return life.model_copy(update=update)
