"""Where a drill's report comes from, when the next is due, and what came of it. Pure; ``now`` is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

from services.notify.cases.models import Case, EntryKind, StoredModel
from shared import centers
from shared.clock import SEOUL, seoul_date

WINDOW: Final = timedelta(minutes=15)
"""So long a drill waits for somebody to take it: by then a critical case has escalated to everybody."""
SUBMISSION_LASTS: Final = timedelta(minutes=2)
"""A drill whose report was not accepted by then is submitted again, by whichever process sees it, with the same key."""
_BEGINS, _ENDS = time(10, 0), time(18, 0)
"""Hours in Seoul in which drills of the calendar begin: nobody is called at night for one that was missed."""
_APART: Final = timedelta(minutes=10)
"""From one to the next, also of those that are caught up with: no two centres learn from each other's telephone."""
_SATURDAY: Final = 5


class Drill(StoredModel):
    """One drill. What came after the acceptance is read from the case it made."""

    drill_id: str
    center_id: str
    by: str
    """The person who pressed the button; ``schedule`` if none did."""
    started_at: datetime
    tried_at: datetime
    accepted_at: datetime | None = None
    report_id: str | None = None
    refused: str | None = None
    """Short code of why intake did not take the report the last time."""
    over: bool = False


class Stage(StrEnum):
    """How far a drill came."""

    ACCEPTED = "accepted"
    ROUTED = "routed"
    TOLD = "told"
    TAKEN = "taken"


class Verdict(StrEnum):
    """Result of a drill."""

    RUNNING = "running"
    PASSED = "passed"
    UNANSWERED = "unanswered"
    """Staff were alerted, and none of them acknowledged it in time."""
    NOT_TOLD = "not_told"
    ELSEWHERE = "elsewhere"
    """Another centre got it, since this one was closed or full: nobody was drilled here."""
    NOT_ROUTED = "not_routed"
    NOT_ACCEPTED = "not_accepted"


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """Seconds from the start to each stage that was reached, and the verdict."""

    seconds: dict[Stage, float]
    verdict: Verdict


_STAGE_OF: Final = {
    EntryKind.ROUTED: Stage.ROUTED,
    EntryKind.SENT: Stage.TOLD,
    EntryKind.ACKNOWLEDGED: Stage.TAKEN,
}


def outcome(drill: Drill, case: Case | None, now: datetime) -> DrillOutcome:
    """Return the result of a drill so far."""
    reached = {Stage.ACCEPTED: drill.accepted_at} if drill.accepted_at is not None else {}
    entries = case.entries if case is not None else ()
    elsewhere = any(one.kind is EntryKind.ROUTED and one.center_id != drill.center_id for one in entries)
    for one in entries:
        # Whoever was told or answered at another centre is not whom the drill is for.
        if one.kind in _STAGE_OF and one.center_id == drill.center_id and not elsewhere:
            reached.setdefault(_STAGE_OF[one.kind], one.at)
    seconds = {stage: max((at - drill.started_at).total_seconds(), 0.0) for stage, at in reached.items()}
    return DrillOutcome(seconds, Verdict.ELSEWHERE if elsewhere else _verdict(drill, reached, now))


def _verdict(drill: Drill, reached: dict[Stage, datetime], now: datetime) -> Verdict:
    taken = reached.get(Stage.TAKEN)
    if taken is not None and taken - drill.started_at <= WINDOW:
        return Verdict.PASSED
    if now - drill.started_at <= WINDOW:
        return Verdict.RUNNING
    if Stage.TOLD in reached:
        return Verdict.UNANSWERED
    if Stage.ROUTED in reached:
        return Verdict.NOT_TOLD
    return Verdict.NOT_ROUTED if Stage.ACCEPTED in reached else Verdict.NOT_ACCEPTED


def report(center_id: str, now: datetime) -> dict[str, Any]:
    """A synthetic report whose home is this centre: critical, and nothing in it of anybody."""
    division, district = place_of(center_id, seoul_date(now))
    where = {"division": division, **({"district": district} if district is not None else {})}
    deadline = (now + timedelta(hours=6)).isoformat()
    return {"role": "third_party", "harm_types": ["other"], "threat_deadline": deadline, "synthetic": True, **where}


def place_of(center_id: str, day: date) -> tuple[str, str | None]:
    """A division, with a district where that is needed to tell, whose home is this centre. KeyError: there is none."""
    for division in centers.divisions_on(day):
        if centers.home_center(division.slug, None, day) == center_id:
            return division.slug, None
        for district in centers.districts_of(division.slug):
            if centers.home_center(division.slug, district.code, day) == center_id:
                return division.slug, district.code
    raise KeyError(center_id)


def scheduled(now: datetime) -> dict[str, str]:
    """The centres of this month's drills by drill id, in their order: one a centre, on the first weekday from ten."""
    return {f"{now.astimezone(SEOUL):%Y-%m}-{center_id}": center_id for center_id in centers.CENTER_IDS}


def next_scheduled(begun: Mapping[str, datetime], now: datetime) -> tuple[str, str] | None:
    """The drill of the calendar to begin now, as (drill id, centre); ``begun``: when those of this month began.

    What was missed on the first weekday is caught up with on weekdays until the month ends.
    """
    local = now.astimezone(SEOUL)
    works = local.weekday() < _SATURDAY and _BEGINS <= local.time() < _ENDS
    if not works or any(now - at < _APART for at in begun.values()):
        return None
    return next(((drill_id, center) for drill_id, center in scheduled(now).items() if drill_id not in begun), None)
