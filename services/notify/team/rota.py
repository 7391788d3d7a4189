"""A rota: shifts that come back every week, and who works at a moment. Pure; times are Korean.

On a public holiday only the shifts that are meant for holidays take place, whatever the day of the week. A shift that
spans midnight belongs to the day it begins on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from pydantic import Field

from services.notify.cases.basics import Model
from services.notify.cases.models import SEOUL

SHIFTS: Final = 60
"""Of one centre at most: three people have a handful each."""

Holiday = Callable[[date], str | None]


class Shift(Model):
    """When somebody works, every week."""

    subject: str
    days: tuple[int, ...]
    """Days of the week, 0 for Monday."""
    holidays: bool
    """Whether it takes place on every public holiday as well; without this it takes place on none."""
    start: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    end: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    """The same as ``start``: round the clock."""


class Rota(Model):
    """A centre's shifts."""

    center_id: str = Field(alias="_id")
    rev: int
    shifts: tuple[Shift, ...] = ()


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
    """Who works at a moment, by the rota."""
    today = moment.astimezone(SEOUL).date()
    near = [*turns(rota, today - timedelta(days=1), holiday), *turns(rota, today, holiday)]
    return [turn for turn in near if turn.begins <= moment < turn.ends]


def next_up(rota: Rota, moment: datetime, holiday: Holiday) -> list[Turn]:
    """Those who come next: all whose shift begins at the first beginning within a week."""
    today = moment.astimezone(SEOUL).date()
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
