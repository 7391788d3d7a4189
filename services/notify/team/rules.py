"""Decide who is on duty; rotas, how much each person has, and a center's own numbers. Pure; times are Korean."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from statistics import median
from typing import Final

import holidays

from services.notify.cases.attention import is_open
from services.notify.cases.models import Case, CaseState, DeletionState
from services.notify.cases.rules import severe_of
from services.notify.escalation.rules import contacted
from services.notify.team.models import SHIFTS, CenterDuty, Counted, Rota, Shift
from shared.clock import SEOUL, seoul_date
from shared.events.centers import CenterChanged
from shared.events.vocabulary import CenterState, EndReason, HarmType
from shared.identity.roles import Action
from shared.severity import SEVERE_PER_PERSON
from shared.web.language import Language


def agreed(state: CenterState, staff_on_duty: int) -> CenterState | None:
    """Return the centre's state from both words: no one on duty is a state too. None if they contradict each other.

    A closed centre is closed however many people are there.
    """
    if state is CenterState.CLOSED:
        return state
    if staff_on_duty == 0:
        return CenterState.UNSTAFFED
    return None if state is CenterState.UNSTAFFED else state


def duty_action(state: CenterState) -> Action:
    """Return what somebody must be allowed to do who says this of a centre."""
    return Action.CENTERS_CLOSE if state is CenterState.CLOSED else Action.CENTERS_DUTY


def set_duty(
    center: CenterDuty, state: CenterState, staff_on_duty: int, cases_per_person: int | None, now: datetime
) -> tuple[CenterDuty, CenterChanged | None]:
    """The centre as its staff now say it is, and the event; none where that is known already.

    Raises ``ValueError`` where state and number contradict each other (``agreed``): whoever asks is told before.
    """
    fits = agreed(state, staff_on_duty)
    if fits is None:
        raise ValueError(f"{state} with {staff_on_duty} on duty")
    carried = cases_per_person if cases_per_person is not None else center.cases_per_person
    said = {"state": fits, "staff_on_duty": staff_on_duty, "cases_per_person": carried}
    if center.rev and said == center.model_dump(include=set(said)):
        return center, None
    version = center.center_version + 1
    after = center.model_copy(update={**said, "center_version": version, "rev": center.rev + 1, "changed_at": now})
    event = CenterChanged(
        center_id=center.center_id,
        center_version=version,
        state=fits,
        staff_on_duty=staff_on_duty,
        cases_per_person=carried,
        changed_at=now,
    )
    return after, event


_LANGUAGES = {"ko": "ko", "en": "en_US"}


@lru_cache(maxsize=32)
def _of_year(year: int, language: str) -> holidays.HolidayBase:
    return holidays.country_holidays("KR", years=year, language=language)


def holiday(day: date, language: Language = "ko") -> str | None:
    """The name of a public holiday; None for any other day. Elections that are called later are not foreseen."""
    found: str | None = _of_year(day.year, _LANGUAGES[language]).get(day)
    return found


Holiday = Callable[[date], str | None]


@dataclass(frozen=True, slots=True)
class Turn:
    """One shift on one day."""

    subject: str
    begins: datetime
    ends: datetime


def turns(rota: Rota, day: date, holiday: Holiday) -> list[Turn]:
    """The shifts that begin on a day, the earliest first."""
    found = [_turn(shift, day) for shift in rota.shifts if _takes_place(shift, day, holiday)]
    return sorted(found, key=lambda turn: (turn.begins, turn.ends, turn.subject))


def on_duty(rota: Rota, moment: datetime, holiday: Holiday) -> list[Turn]:
    """Return who works at a moment, by the rota."""
    today = seoul_date(moment)
    near = [*turns(rota, today - timedelta(days=1), holiday), *turns(rota, today, holiday)]
    return [turn for turn in near if turn.begins <= moment < turn.ends]


def next_up(rota: Rota, moment: datetime, holiday: Holiday) -> list[Turn]:
    """Those who come next: all whose shift begins at the first beginning within a week."""
    today = seoul_date(moment)
    for ahead in range(8):
        later = [turn for turn in turns(rota, today + timedelta(days=ahead), holiday) if turn.begins > moment]
        if later:
            return [turn for turn in later if turn.begins == later[0].begins]
    return []


def added(rota: Rota, shift: Shift) -> Rota:
    """The rota with one shift more. Raises ``ValueError`` where it is full or the shift never takes place."""
    if len(rota.shifts) >= SHIFTS or not (shift.days or shift.holidays):
        raise ValueError("too many shifts, or one that never takes place")
    return rota.model_copy(update={"shifts": (*rota.shifts, shift), "rev": rota.rev + 1})


def removed(rota: Rota, index: int) -> Rota:
    """The rota without one of its shifts. Raises ``IndexError`` where there is none."""
    if not 0 <= index < len(rota.shifts):
        raise IndexError(index)
    left = tuple(shift for at, shift in enumerate(rota.shifts) if at != index)
    return rota.model_copy(update={"shifts": left, "rev": rota.rev + 1})


def _takes_place(shift: Shift, day: date, holiday: Holiday) -> bool:
    return shift.holidays if holiday(day) is not None else day.weekday() in shift.days


def _turn(shift: Shift, day: date) -> Turn:
    start, end = time.fromisoformat(shift.start), time.fromisoformat(shift.end)
    last = day if end > start else day + timedelta(days=1)
    return Turn(shift.subject, datetime.combine(day, start, SEOUL), datetime.combine(last, end, SEOUL))


@dataclass(frozen=True, slots=True)
class Load:
    """One person's open cases."""

    subject: str
    cases: int
    severe: int
    unread: int
    uncontacted: int

    @property
    def full(self) -> bool:
        """Whether another severe case needs a lead's word."""
        return self.severe >= SEVERE_PER_PERSON


def loads(cases: Iterable[Case], colleagues: Mapping[str, str]) -> list[Load]:
    """Return everyone's load at a centre, also of those without a case; the fullest first. Drills are not counted."""
    open_cases = [case for case in cases if is_open(case) and not case.synthetic]
    people = {*colleagues, *(case.assignee for case in open_cases if case.assignee is not None)}
    found = [_load(subject, [case for case in open_cases if case.assignee == subject]) for subject in people]
    return sorted(found, key=lambda load: (-load.severe, -load.cases, colleagues.get(load.subject, load.subject)))


def to_hand_over(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """Return what the next shift must know of, each case once, under the first heading that fits."""
    found: dict[str, list[Case]] = {"waiting": [], "new": [], "uncontacted": [], "offered": [], "deletion": []}
    for case in cases:
        heading = _heading(case)
        if heading is not None:
            found[heading].append(case)
    return found


def _load(subject: str, cases: list[Case]) -> Load:
    return Load(
        subject=subject,
        cases=len(cases),
        severe=severe_of(cases, subject),
        unread=sum(case.unread for case in cases),
        uncontacted=sum(not contacted(case) for case in cases),
    )


def _heading(case: Case) -> str | None:
    if not is_open(case):
        return None
    if case.state is CaseState.WAITING:
        return "waiting"
    if case.unread:
        return "new"
    if not contacted(case):
        return "uncontacted"
    if case.offered_to is not None:
        return "offered"
    open_requests = any(one.state is not DeletionState.REMOVED for one in case.deletions)
    return "deletion" if open_requests else None


MONTHS: Final = 12
"""How far back the page goes, the running month included."""


@dataclass(slots=True)
class Month:
    """Reports received in a month of Korea's calendar that the centre owns now."""

    name: str
    """``2026-11``."""
    reports: int = 0
    answered: int = 0
    reached: int = 0
    closed: int = 0
    withdrawn: int = 0
    harms: Counter[HarmType] = field(default_factory=Counter)
    """A report counts once in each of its kinds."""
    waits: list[float] = field(default_factory=list)
    """Seconds from the report to this centre's answer, of those that were answered."""

    @property
    def half_answered_within(self) -> float | None:
        """The middle of those times, in seconds; None where nobody has answered any."""
        return median(self.waits) if self.waits else None


def first_month(now: datetime) -> datetime:
    """The first moment that counts."""
    local = now.astimezone(SEOUL)
    months = local.year * 12 + local.month - MONTHS
    return local.replace(year=months // 12, month=months % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


def by_month(cases: Iterable[Counted], now: datetime) -> list[Month]:
    """Every month of the span, the running one first; one without reports is there with zeros."""
    begin = first_month(now)
    names = [
        f"{(begin.year * 12 + begin.month - 1 + n) // 12}-{(begin.month - 1 + n) % 12 + 1:02}" for n in range(MONTHS)
    ]
    found = {name: Month(name) for name in reversed(names)}
    for case in cases:
        month = found.get(f"{case.received_at.astimezone(SEOUL):%Y-%m}")
        if month is not None:
            _count(month, case)
    return list(found.values())


def _count(month: Month, case: Counted) -> None:
    month.reports += 1
    month.harms.update(case.harm_types)
    month.reached += case.contacted_at is not None
    month.closed += case.ended is EndReason.CLOSED
    month.withdrawn += case.ended is EndReason.WITHDRAWN
    if case.acknowledged_at is not None:
        month.answered += 1
        month.waits.append(max(0.0, (case.acknowledged_at - case.received_at).total_seconds()))


def kinds(months: Iterable[Month]) -> list[tuple[HarmType, int]]:
    """Reports of all months by kind of harm, the most frequent first; kinds without any are left out."""
    total: Counter[HarmType] = Counter()
    for month in months:
        total.update(month.harms)
    return sorted(total.items(), key=lambda one: (-one[1], one[0]))
