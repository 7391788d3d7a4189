"""How long a report is kept: the law as a table, and what follows from it for one report. Pure.

Sources: rule 2-6(4) under the Act on sexual violence (성폭력방지법 시행규칙, as amended 2026-10-02) and art. 21 of the
Personal Information Protection Act. Whether the rule's lines, which hang on deletion support (art. 7-3(3)), reach a
report itself needs a legal reading; until then nothing the table keeps is destroyed without a person, except at the
person's own request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.intake.reports.lifecycle import Category, Lifecycle
from services.intake.reports.models import Progress
from shared.clock import SEOUL
from shared.events.reports import ReportFacts
from shared.events.vocabulary import AgeBand, EndReason, HarmType
from shared.web.translations import gettext_noop as n

ANNOUNCED_FOR: Final = timedelta(hours=24)
"""From saying what will be destroyed to destroying it. Our own choice: one working day's look at the page."""
UNREAD_NOTICE: Final = timedelta(days=30)
"""How long before its time would pass an unread report becomes an alarm. Our own choice."""

DRILL_LASTS: Final = timedelta(days=30)
"""From receiving a drill, or from bringing it back, to its end, where nobody acknowledged it. Our own choice."""


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """One line of the table."""

    category: Category
    years: int | None
    """None: not counted in years (for ever, or not at all)."""
    covers: str
    """Data that it covers; an English message id."""
    source: str


TABLE: Final[Mapping[Category, RetentionRule]] = {
    rule.category: rule
    for rule in (
        RetentionRule(
            Category.PERMANENT,
            None,
            n("Child sexual exploitation material, identifying information and counselling records about it"),
            "성폭력방지법 시행규칙 2-6(4)",
        ),
        RetentionRule(
            Category.TEN_YEARS,
            10,
            n("Material an investigating agency asked to keep, with its counselling records"),
            "성폭력방지법 시행규칙 2-6(4)",
        ),
        RetentionRule(
            Category.FIVE_YEARS,
            5,
            n("Everything else about a person's case"),
            "성폭력방지법 시행규칙 2-6(4)",
        ),
        RetentionRule(
            Category.AT_ONCE,
            0,
            n("What the person who made the request asks to have destroyed"),
            "성폭력방지법 시행규칙 2-6(4); 개인정보 보호법 21",
        ),
    )
}

_MINORS: Final = frozenset({AgeBand.UNDER_14, AgeBand.FROM_14_TO_18})
_IMAGES: Final = frozenset(
    {
        HarmType.ILLEGAL_FILMING,
        HarmType.DISTRIBUTION,
        HarmType.DISTRIBUTION_THREAT,
        HarmType.SYNTHESIS,
        HarmType.BODY_CAM_PHISHING,
    }
)
"""Harms with sexual images in them: of a person under 19 they are child sexual exploitation material."""
_STRICTNESS: Final = (Category.PERMANENT, Category.TEN_YEARS, Category.FIVE_YEARS, Category.AT_ONCE)


class RetentionStatus(StrEnum):
    """The table's verdict on one report at one moment."""

    KEPT = "kept"
    DUE = "due"
    """Its time has passed: announce it, then destroy it."""
    UNREAD = "unread"
    """Not acknowledged, and its time is about to pass: an alarm, never a deletion."""
    UNFINISHED = "unfinished"
    """Its time has passed and it is still being worked on: an alarm too."""


@dataclass(frozen=True, slots=True)
class RetentionVerdict:
    """The status, and the line of the schedule it follows from."""

    status: RetentionStatus
    category: Category


def category_of(harm_types: tuple[HarmType, ...], age_band: AgeBand) -> Category:
    """The line a report falls under while nobody asked for anything. In doubt the longer one."""
    harms = set(harm_types)
    if HarmType.CHILD_MATERIAL in harms or (age_band in _MINORS and harms & _IMAGES):
        return Category.PERMANENT
    return Category.FIVE_YEARS


def stricter(one: Category, other: Category | None) -> Category:
    """Whichever keeps longer."""
    return one if other is None or _STRICTNESS.index(one) <= _STRICTNESS.index(other) else other


def category_in(facts: ReportFacts, life: Lifecycle) -> Category:
    """The line a report falls under now: what its facts say, or said before an amendment, whichever keeps longer."""
    return stricter(category_of(facts.harm_types, facts.age_band), life.strictest)


def choices_for(category: Category) -> tuple[Category, ...]:
    """The lines a lead may keep a withdrawn report of this category under."""
    kept = (Category.PERMANENT,) if category is Category.PERMANENT else ()
    return (*kept, Category.TEN_YEARS, Category.FIVE_YEARS)


def ends(category: Category, started: datetime) -> datetime | None:
    """Return when a period begun at ``started`` ends: the start of the next day in Korea, years later. None: never."""
    years = TABLE[category].years
    if years is None:
        return None
    local = (started.astimezone(SEOUL) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return local.replace(year=local.year + years)
    except ValueError:  # 29 February: a day later, never a day early
        return local.replace(year=local.year + years, month=3, day=1)


def judge(
    facts: ReportFacts, received_at: datetime, life: Lifecycle, progress: Progress, now: datetime
) -> RetentionVerdict:
    """Apply the table. A withdrawn report is never due unless a lead kept it, and then until their date.

    What was decided about an earlier withdrawal, which was undone, says nothing of this one. Nor is anything due while
    the withdrawal can be undone: a date that a lead names may have passed already.
    """
    category = category_in(facts, life)
    if life.withdrawal is not None:
        last = life.standing_decision
        if last is None or last.destroy or last.keep_until is None:
            return RetentionVerdict(RetentionStatus.KEPT, last.category if last and last.category else category)
        due = max(last.keep_until, life.withdrawal.undo_until)
        return RetentionVerdict(RetentionStatus.DUE if due <= now else RetentionStatus.KEPT, last.category or category)
    started = started_at(received_at, progress)
    if started is None:
        would = ends(category, received_at)
        near = would is not None and would - UNREAD_NOTICE <= now
        return RetentionVerdict(RetentionStatus.UNREAD if near else RetentionStatus.KEPT, category)
    due_at = ends(category, started)
    if due_at is None or due_at > now:
        return RetentionVerdict(RetentionStatus.KEPT, category)
    return RetentionVerdict(RetentionStatus.DUE if _finished(progress) else RetentionStatus.UNFINISHED, category)


def drill_over(facts: ReportFacts, received_at: datetime, life: Lifecycle, progress: Progress, now: datetime) -> bool:
    """Return whether a drill that nobody took back has waited for so long that nobody will acknowledge it any more.

    One that was brought back begins anew, or the next day would withdraw it again.
    """
    stands = life.withdrawal is None and life.erased_at is None
    since = max(received_at, life.reinstated_at or received_at)
    return facts.synthetic and stands and first_seen(progress) is None and since + DRILL_LASTS <= now


def first_seen(progress: Progress) -> datetime | None:
    """The first acknowledgement of all."""
    return progress.first_seen_at or (progress.work.acknowledged_at if progress.work else None)


def started_at(received_at: datetime, progress: Progress) -> datetime | None:
    """When a report's time began: at its first acknowledgement, by whatever clock, but not before it was received."""
    seen = first_seen(progress)
    return None if seen is None else max(seen, received_at)


def _finished(progress: Progress) -> bool:
    owned, work = progress.ownership, progress.work
    if owned is None:
        return False
    mine = work is not None and work.ownership == owned.ownership
    return owned.ended is EndReason.CLOSED or (mine and work is not None and work.closed_at is not None)
