"""What is looked at every few seconds: the oldest waiting case, at the same cost however many wait; who is alive."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

import pytest

from services.notify.auditor.repository import FindingStore
from services.notify.cases.models import Case, waiting_key
from services.notify.cases.repository import CaseStore, Change, Saved
from services.notify.cases.rules import Accepted, Actor, acknowledge
from services.notify.escalation.jobs import SILENT_LOOKS, FarTimers, OldestWaiting, StoreGauges, WorkerLiveness
from services.notify.escalation.repository import WorkerStore
from services.notify.escalation.rules import Rules
from services.notify.escalation.service import EscalationWorker
from shared.errors import TransientError
from shared.events.vocabulary import Urgency
from shared.jobs import Skipped
from shared.metrics import REGISTRY
from shared.mongo import SLICE
from tests.support.clock import ManualClock, StillClock, agreeing
from tests.unit.notify.escalation.test_rules import case_of
from tests.unit.notify.samples import NOW, report_id

HOUR = timedelta(hours=1)


class Waiting:
    """A store of waiting cases, by rank and when they were received; counts what a look has to read."""

    def __init__(self, *cases: tuple[int, datetime]) -> None:
        self.cases = set(cases)
        self.read = 0

    async def first_waiting(self, rank: int, since: datetime | None, until: datetime | None) -> datetime | None:
        low = f"0{rank}:" if since is None else waiting_key(rank, since)
        high = f"0{rank}:~" if until is None else waiting_key(rank, until)
        found = sorted(at for one, at in self.cases if one == rank and low < f"{waiting_key(rank, at)}000:id" < high)
        self.read += len(found)
        return found[0] if found else None


async def test_the_case_that_has_waited_longest_is_found_without_reading_all_that_wait() -> None:
    many = [(2, NOW - HOUR + timedelta(seconds=number)) for number in range(3000)]
    store = Waiting(*many, (1, NOW - timedelta(minutes=5)))
    oldest = OldestWaiting(cast("CaseStore", store))
    assert await oldest.look(NOW) == NOW - HOUR
    store.read = 0
    assert await oldest.look(NOW) == NOW - HOUR
    store.cases -= set(many[:1200])
    assert await oldest.look(NOW) == NOW - HOUR + timedelta(seconds=1200)
    store.cases -= set(many)
    assert await oldest.look(NOW) == NOW - timedelta(minutes=5)
    store.cases.clear()
    assert await oldest.look(NOW) is None
    assert store.read < len(many)


async def test_an_older_case_that_comes_back_is_the_oldest_again() -> None:
    store = Waiting((0, NOW - HOUR))
    oldest = OldestWaiting(cast("CaseStore", store))
    assert await oldest.look(NOW) == NOW - HOUR
    store.cases.add((0, NOW - 9 * HOUR))
    assert await oldest.look(NOW) == NOW - 9 * HOUR
    store.cases = {(0, NOW + timedelta(seconds=3))}
    assert await oldest.look(NOW + timedelta(seconds=5)) == NOW + timedelta(seconds=3)


class Workers:
    """A store of the numbers of processes, and of what each holds."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.holds: dict[str, int] = {}
        self.away = False

    async def beat(self, worker: str) -> dict[str, int]:
        if self.away:
            raise TransientError("store: away")
        self.numbers[worker] = self.numbers.get(worker, 0) + 1
        return dict(self.numbers)

    async def forget(self, workers: list[str]) -> None:
        for worker in workers:
            del self.numbers[worker]

    async def release(self, worker: str, now: datetime, lease_s: float) -> int:
        assert (now, lease_s) == (NOW, 60)
        return self.holds.pop(worker, 0)


class Alerts:
    """The alerts of a process: who was woken, and whether it is alone."""

    def __init__(self, worker: str, woken: list[str]) -> None:
        self._worker = worker
        self._woken = woken
        self.alone = list[bool]()

    def wake(self) -> None:
        self._woken.append(self._worker)

    def note_alone(self, *, alone: bool) -> None:
        self.alone.append(alone)


def liveness_of(store: Workers, worker: str, released: list[str], alerts: Alerts | None = None) -> WorkerLiveness:
    workers, cases = cast("WorkerStore", store), cast("CaseStore", store)
    woken = cast("EscalationWorker", alerts or Alerts(worker, released))
    return WorkerLiveness(workers, cases, worker, 60, woken, ManualClock(NOW))


async def test_what_a_process_held_that_died_is_given_back_and_what_a_living_one_holds_is_not() -> None:
    store, released = Workers(), list[str]()
    one, other = (liveness_of(store, name, released) for name in ("one", "other"))
    store.numbers["dead"] = 7
    store.holds = {"dead": 3, "one": 2, "other": 1}
    for _ in range(SILENT_LOOKS):
        await one.look()
        await other.look()
        assert store.holds["dead"] == 3
    await one.look()
    assert store.holds == {"one": 2, "other": 1}
    assert released == ["one"]
    for _ in range(3 * SILENT_LOOKS):
        await one.look()
        await other.look()
    assert store.holds == {"one": 2, "other": 1}
    assert set(store.numbers) == {"one", "other"}


async def test_while_the_store_is_away_nobody_is_gone() -> None:
    store = Workers()
    one, other = (liveness_of(store, name, []) for name in ("one", "other"))
    store.holds = {"other": 1}
    await one.look()
    await other.look()
    for _ in range(SILENT_LOOKS - 1):
        await one.look()
    store.away = True
    for _ in range(3 * SILENT_LOOKS):
        with pytest.raises(TransientError):
            await one.look()
    store.away = False
    await one.look()
    await other.look()
    assert store.holds == {"other": 1}
    await other.stop()
    assert store.holds == {}
    assert set(store.numbers) == {"one"}


async def test_a_process_is_alone_while_the_store_says_that_no_other_sends_alerts() -> None:
    store, alerts = Workers(), Alerts("one", [])
    one, other = liveness_of(store, "one", [], alerts), liveness_of(store, "other", [])
    await one.look()
    await other.look()
    await one.look()
    await other.stop()
    await one.look()
    store.away = True
    with pytest.raises(TransientError):
        await one.look()
    assert alerts.alone == [True, False, True, False]


SILENCE = "ieum_notify_auditor_silence_seconds"


def value_of(gauge: str) -> float:
    """The gauge as the metrics endpoint shows it."""
    value = REGISTRY.get_sample_value(gauge)
    assert value is not None
    return value


class Store:
    """One case that waits, an auditor that looked, and whether the store answers."""

    def __init__(self) -> None:
        self.away = False
        self.looked: datetime | None = NOW
        self.count = 0

    async def first_waiting(self, *_: object) -> datetime | None:
        self._asked()
        return NOW - timedelta(seconds=90)

    async def last_look(self) -> datetime | None:
        self._asked()
        return self.looked

    async def backlog(self, _: datetime) -> int:
        self._asked()
        return self.count

    async def unconfirmed(self, _: datetime) -> int:
        self._asked()
        return self.count

    def _asked(self) -> None:
        if self.away:
            raise TransientError("away")


async def test_what_is_told_in_seconds_grows_on_while_the_store_is_away() -> None:
    store, clock = Store(), ManualClock(NOW)
    gauges = StoreGauges(cast("CaseStore", store), cast("FindingStore", store), clock)

    def told() -> tuple[float, float]:
        return value_of("ieum_notify_oldest_unacknowledged_case_age_seconds"), value_of(SILENCE)

    await gauges.look()
    assert told() == (90, 0)
    store.away = True
    await clock.advance(45)
    with pytest.raises(TransientError):
        await gauges.look()
    assert told() == (135, 45)
    store.away, store.looked = False, None
    await gauges.look()
    assert told() == (135, 45), "never looked: since the start, as after a restore, where it looks within seconds"


async def test_a_look_that_came_back_with_a_backup_counts_from_the_start() -> None:
    store, clock = Store(), ManualClock(NOW)
    store.looked = NOW - timedelta(days=1)
    gauges = StoreGauges(cast("CaseStore", store), cast("FindingStore", store), clock)
    await clock.advance(20)
    await gauges.look()
    assert value_of(SILENCE) == 20


async def test_a_restart_of_notify_does_not_hide_a_silent_auditor() -> None:
    store, clock = Store(), ManualClock(NOW)
    store.looked = NOW - timedelta(minutes=2)
    gauges = StoreGauges(cast("CaseStore", store), cast("FindingStore", store), clock)
    await gauges.look()
    assert value_of(SILENCE) == 120
    await clock.advance(20)
    assert value_of(SILENCE) == 140


async def test_an_auditor_of_whom_nothing_was_read_yet_is_silent_since_the_start() -> None:
    store, clock = Store(), ManualClock(NOW)
    gauges = StoreGauges(cast("CaseStore", store), cast("FindingStore", store), clock)
    await clock.advance(31)
    assert value_of(SILENCE) == 31
    store.away = True
    with pytest.raises(TransientError):
        await gauges.look()
    assert value_of(SILENCE) == 31


async def test_what_is_counted_is_unknown_until_the_store_answers_and_while_it_is_away() -> None:
    store, clock = Store(), ManualClock(NOW)
    gauges = StoreGauges(cast("CaseStore", store), cast("FindingStore", store), clock)

    def counted() -> list[float]:
        names = ("due_alerts", "unconfirmed_commands")
        return [value_of(f"ieum_notify_{name}") for name in names]

    assert all(math.isnan(one) for one in counted())
    store.count = 30
    await gauges.look()
    assert counted() == [30] * 2
    store.away = True
    with pytest.raises(TransientError):
        await gauges.look()
    assert all(math.isnan(one) for one in counted())
    store.away, store.count = False, 0
    await gauges.look()
    assert counted() == [0] * 2


class Sleeping:
    """A store of cases that are due some time."""

    def __init__(self, *cases: Case) -> None:
        self.cases = {case.report_id: case for case in cases}

        self.loaded: list[int] = []

    async def asleep_past(self, moment: datetime, *, critical: bool) -> dict[str, datetime]:
        found = [one for one in self.cases.values() if one.urgency is Urgency.CRITICAL or not critical]
        return {one.report_id: one.wake_at for one in found if one.wake_at is not None and one.wake_at > moment}

    async def load(self, report_ids: Sequence[str], _: Skipped) -> dict[str, Case]:
        self.loaded.append(len(report_ids))
        return {report_id: self.cases[report_id] for report_id in report_ids}

    async def save(self, changes: Sequence[Change], _: datetime) -> Saved:
        self.cases |= {change.case.report_id: change.case for change in changes}
        return Saved(frozenset())


@pytest.mark.parametrize("wrong", [timedelta(minutes=4), timedelta(hours=5)])
@pytest.mark.parametrize("behind", [timedelta(), timedelta(hours=1)])
async def test_cases_of_a_clock_that_was_ahead_are_claimed_now_by_a_process_whose_clock_is_right(
    behind: timedelta, wrong: timedelta
) -> None:
    ahead, right = case_of(now=NOW + wrong), case_of().model_copy(update={"report_id": report_id(2)})
    store, woken, clock = Sleeping(ahead, right), list[int](), ManualClock(NOW)
    timers = FarTimers(
        cast("CaseStore", store), agreeing(clock, ahead=-behind), Rules(), 60, lambda: woken.append(1), clock
    )
    assert await timers.look() == (0 if behind else 1)
    assert woken == ([] if behind else [1])
    assert store.cases[right.report_id] == right
    assert (store.cases[ahead.report_id].wake_at == NOW) is not bool(behind)
    assert await timers.look() == 0


async def test_one_that_is_due_too_late_is_found_behind_any_number_that_wait_for_their_first_contact() -> None:
    waiting = [
        case_of(now=NOW + timedelta(minutes=20)).model_copy(update={"report_id": report_id(number)})
        for number in range(1, 402)
    ]
    store, woken, clock = Sleeping(*waiting), list[int](), ManualClock(NOW)
    right = [_contacted_later(case) for case in waiting[:400]]
    store.cases |= {case.report_id: case for case in right}
    timers = FarTimers(cast("CaseStore", store), agreeing(clock), Rules(), 60, lambda: woken.append(1), clock)
    assert (await timers.look(), woken) == (1, [1])
    assert store.cases[waiting[400].report_id].wake_at == NOW
    assert max(store.loaded) <= SLICE
    store.loaded.clear()
    assert (await timers.look(), store.loaded) == (0, []), "what was found right is not read again"
    store.cases[right[7].report_id] = waiting[7]
    assert (await timers.look(), store.loaded) == (1, [1]), "until it is due at another time"


async def test_what_was_right_by_clocks_that_were_set_back_together_is_looked_at_again() -> None:
    """With a store on the same machine nothing else tells that a clock was ahead."""
    clock = StillClock(NOW + timedelta(hours=5))
    case = _contacted_later(case_of(now=clock.now()), clock.now())
    store = Sleeping(case)
    timers = FarTimers(cast("CaseStore", store), agreeing(clock), Rules(), 60, lambda: None, clock)
    assert await timers.look() == 0
    clock.jump(hours=-5)
    assert await timers.look() == 1
    assert store.cases[case.report_id].wake_at == NOW


def _contacted_later(case: Case, now: datetime = NOW) -> Case:
    """The case just acknowledged: half an hour is left for the first contact."""
    answer = acknowledge(case, Actor("kim", case.center_id), None, now, Rules())
    assert isinstance(answer, Accepted)
    return answer.case
