"""Who works when: weeks, public holidays with their alternatives, midnight; what each person has; handing over."""

from datetime import date, datetime

import pytest
from pydantic import ValidationError

from services.notify.cases.models import CaseState
from services.notify.cases.rules import severe_of
from services.notify.team.models import SHIFTS, Rota, Shift
from services.notify.team.rules import added, holiday, loads, next_up, on_duty, removed, to_hand_over, turns
from shared.clock import SEOUL
from shared.events.vocabulary import Urgency
from shared.severity import SEVERE_PER_PERSON
from tests.unit.notify.cases.samples import KIM, acknowledged, waiting
from tests.unit.notify.samples import NOW

DAY = Shift(subject="kim", days=(0, 1, 2, 3, 4), holidays=False, start="09:00", end="18:00")
NIGHT = Shift(subject="lee", days=tuple(range(7)), holidays=True, start="18:00", end="09:00")
ROTA = Rota(center_id="jeju", rev=3, shifts=(DAY, NIGHT))


def seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2026-11-25T09:00", ["kim"]),
        ("2026-11-25T17:59", ["kim"]),
        ("2026-11-25T18:00", ["lee"]),
        ("2026-11-26T03:00", ["lee"]),
        ("2026-11-28T12:00", []),  # a Saturday
        ("2026-09-25T12:00", []),  # Chuseok, a Friday
        ("2026-10-05T12:00", []),  # the alternative day of National Foundation Day, a Monday
        ("2026-10-05T20:00", ["lee"]),
        ("2026-06-03T12:00", []),  # local elections
    ],
)
def test_who_works_by_the_rota(moment: str, who: list[str]) -> None:
    assert [turn.subject for turn in on_duty(ROTA, seoul(moment), holiday)] == who


def test_holidays_have_names_in_both_languages() -> None:
    assert holiday(date(2026, 9, 25)) == "추석"
    assert holiday(date(2026, 9, 25), "en") == "Chuseok"
    assert holiday(date(2026, 11, 25)) is None


def test_who_comes_next_is_found_over_a_long_holiday() -> None:
    rota = Rota(center_id="jeju", rev=1, shifts=(DAY,))
    # From the Wednesday before Chuseok: Thursday to Saturday are holidays, Sunday is free.
    found = next_up(rota, seoul("2026-09-23T18:00"), holiday)
    assert [(turn.subject, turn.begins) for turn in found] == [("kim", seoul("2026-09-28T09:00"))]
    assert next_up(Rota(center_id="jeju", rev=0), seoul("2026-09-23T18:00"), holiday) == []


def test_a_shift_round_the_clock_lasts_a_day() -> None:
    whole = DAY.model_copy(update={"start": "09:00", "end": "09:00"})
    (turn,) = turns(Rota(center_id="jeju", rev=1, shifts=(whole,)), date(2026, 11, 25), holiday)
    assert (turn.ends - turn.begins).days == 1


def test_a_rota_changes_by_whole_shifts() -> None:
    assert added(ROTA, DAY).rev == 4
    assert removed(ROTA, 0).shifts == (NIGHT,)
    with pytest.raises(IndexError):
        removed(ROTA, 2)
    with pytest.raises(ValueError, match="never"):
        added(ROTA, DAY.model_copy(update={"days": ()}))
    with pytest.raises(ValueError, match="too many"):
        added(ROTA.model_copy(update={"shifts": (DAY,) * SHIFTS}), DAY)
    with pytest.raises(ValidationError):
        Shift(subject="kim", days=(0,), holidays=False, start="24:00", end="09:00")


def test_what_each_person_has_and_what_is_handed_over() -> None:
    cases = [
        waiting(),
        acknowledged(urgency=Urgency.CRITICAL, sort_key="20"),
        acknowledged(unread=True, urgency=Urgency.NORMAL, sort_key="10"),
        acknowledged(contacted_at=NOW, sort_key="22"),
        acknowledged(contacted_at=NOW, deletions=(), sort_key="22"),
        acknowledged(sort_key="32"),
    ]
    found = {load.subject: load for load in loads(cases, {"kim": "Kim", "lee": "Lee"})}
    assert (found[KIM].cases, found[KIM].unread, found[KIM].uncontacted) == (4, 1, 2)
    assert found["lee"].cases == 0
    assert {heading: len(part) for heading, part in to_hand_over(cases).items()} == {
        "waiting": 1,
        "new": 1,
        "uncontacted": 1,
        "offered": 0,
        "deletion": 1,
    }


def test_a_person_is_full_on_the_page_exactly_where_a_severe_case_more_is_refused() -> None:
    severe = [acknowledged(urgency=Urgency.CRITICAL, sort_key="20") for _ in range(SEVERE_PER_PERSON - 1)]
    closed = acknowledged(urgency=Urgency.CRITICAL, state=CaseState.ENDED, unread=True, sort_key="10")
    (load,) = loads([*severe, closed], {KIM: "Kim"})
    assert (load.severe, load.full, load.unread) == (severe_of([*severe, closed], KIM), False, 1)
    (load,) = loads([*severe, severe[0]], {KIM: "Kim"})
    assert load.full


def test_a_drill_is_in_nobodys_count() -> None:
    real = acknowledged(assignee=KIM)
    drill = acknowledged(assignee=KIM, synthetic=True, unread=True)
    (load,) = loads([real, drill], {KIM: "Kim"})
    assert (load.cases, load.unread, load.uncontacted) == (1, 0, 1)
