"""A critical case's first alert waits for nothing: no bundle, no page of others, no channel that is busy with them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from pymongo.errors import OperationFailure

from services.notify.cases.models import Case, DueCase
from services.notify.cases.projection import fold
from services.notify.cases.repository import CaseStore, Change, Saved
from services.notify.channels.email import MailChannel, reserved_of
from services.notify.channels.messages import Mail
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation import rules as policy
from services.notify.escalation.delivery import (
    BatchedAlert,
    ClaimedCase,
    Delivery,
    DeliveryAttempt,
    PreSendCheck,
    RecipientDirectory,
    batched_alerts,
    delivery_attempts,
)
from services.notify.escalation.rules import ALWAYS, GAP, MOST, RecentAlerts
from services.notify.escalation.service import ASK_EVERY, RECORD_SHARE, EscalationWorker, HeldCases
from services.notify.settings import NotifySettings
from shared.errors import TransientError
from tests.support.clock import ManualClock
from tests.support.waiting import eventually
from tests.unit.notify.escalation.test_delivery import settings_of
from tests.unit.notify.escalation.test_rules import STAFFED
from tests.unit.notify.samples import NOW, TRACE, event, report_id

FULL = RecentAlerts((NOW,) * (MOST + 1))
ROOM = 10
LIMIT_S = 10.0


def case_of(number: int, urgency: str = "high", center: str = "gwangju") -> Case:
    case = fold(None, event("report.routed", number, urgency=urgency, center=center), TRACE, ALWAYS, NOW)
    assert case is not None
    return case


def busy(channel: MailChannel) -> int:
    """How many connections have a mail in hand."""
    return len(channel._all) - len(channel._free)


def claimed(case: Case) -> ClaimedCase:
    return ClaimedCase(case, policy.plan(case, STAFFED, NOW))


def test_a_critical_case_goes_alone_and_first_where_others_are_bundled_or_wait() -> None:
    work = [claimed(case_of(n)) for n in range(3)] + [claimed(case_of(n, "critical")) for n in (3, 4)]
    due = delivery_attempts(work, RecipientDirectory(settings_of()))
    made = batched_alerts(due, {due[0].endpoint.key: FULL}, NOW)
    assert [[a.item.case.report_id for a in one.delivery_attempts] for one in made] == [[report_id(3)], [report_id(4)]]
    assert [item.deferred_until for item in work] == [NOW + GAP] * 3 + [None] * 2
    made = batched_alerts(due, {due[0].endpoint.key: RecentAlerts((NOW,) * MOST)}, NOW)
    assert [len(one.delivery_attempts) for one in made] == [1, 1, 3]


def test_what_repeats_for_a_critical_case_is_bundled_and_never_waits() -> None:
    cases = [case_of(n, "critical") for n in range(7)]
    later = NOW + timedelta(minutes=2)
    work = []
    for case in cases:
        made = policy.plan(case, STAFFED, NOW)
        assert made is not None
        told = [policy.AttemptResult(target, f"{target}", ok=True) for target in made.targets]
        after, _ = policy.record(case, made, told, ALWAYS, NOW)
        work.append(ClaimedCase(after, policy.plan(after, STAFFED, later)))
    due = delivery_attempts(work, RecipientDirectory(settings_of()))
    full = {attempt.endpoint.key: RecentAlerts((later,) * (MOST + 1)) for attempt in due}
    made_now = batched_alerts(due, full, later)
    assert {len(one.delivery_attempts) for one in made_now} == {7}
    assert [item.deferred_until for item in work] == [None] * 7


def test_a_case_held_by_the_process_is_taken_once_and_critical_ones_before_others() -> None:
    held = HeldCases("me:1", 60, ROOM)
    cases = [case_of(n) for n in range(3)] + [case_of(3, "critical")]
    written = held.hold(cases, NOW)
    assert [case.report_id for case in written] == [case.report_id for case in cases]
    assert {(case.lease_by, case.wake_at) for case in written} == {("me:1", NOW + timedelta(seconds=60))}
    assert [held.begin(case, 0) for case in written] == [True] * 4
    assert [held.begin(case, 0) for case in written] == [False] * 4, "read again from a store that is behind"
    assert [item.case.report_id for item in held.take(NOW, 10, least_s=10, critical=True)] == [report_id(3)]
    assert len(held.take(NOW, 10, least_s=10, critical=False)) == 3
    assert held.take(NOW, 10, least_s=10, critical=False) == []


def test_no_more_is_held_than_there_is_room_for_and_room_is_kept_for_what_is_critical() -> None:
    held = HeldCases("me:1", 60, ROOM)
    many = held.hold([case_of(n) for n in range(50)], NOW)
    assert sum(case.lease_by is not None for case in many) == 2 * ROOM
    assert [held.begin(case, 0) for case in many].count(True) == 2 * ROOM
    more = held.hold([case_of(50), case_of(51, "critical")], NOW)
    assert [case.lease_by for case in more] == [None, "me:1"]
    again = case_of(0)
    assert held.hold([again], NOW) == [again], "in hand already: whoever holds it may be sending"


def test_a_lease_that_is_nearly_over_is_left_to_whoever_claims_it_then() -> None:
    held = HeldCases("me:1", 60, ROOM)
    (case,) = held.hold([case_of(1)], NOW)
    assert held.begin(case, 0)
    assert held.take(NOW + timedelta(seconds=51), 10, least_s=10, critical=False) == []
    assert [one.lease_by for one in held.hold([case_of(1)], NOW)] == ["me:1"], "it is not in hand any more"


class Stored:
    """The store of a worker that claims a page once."""

    def __init__(self, page: Sequence[Case] = ()) -> None:
        self.page = list(page)
        self.cases: dict[str, Case] = {}
        self.looks = self.claims = self.saves = self.asked = 0

    async def due(self, now: datetime, limit: int, *, critical: bool = False) -> list[DueCase]:
        del now
        self.looks += 1
        return [DueCase(case.report_id, case.center_id, NOW) for case in self.page[:limit] if not critical]

    async def claim(self, _: str, __: float, report_ids: Sequence[str], *___: object) -> list[Case]:
        self.claims += 1
        page = [case for case in self.page if case.report_id in report_ids]
        self.page = [case for case in self.page if case not in page]
        self.cases.update({case.report_id: case for case in page})
        return page

    async def save(self, changes: Sequence[Change], now: datetime) -> Saved:
        del now
        self.saves += len(changes)
        return Saved(frozenset())

    async def load(self, report_ids: Sequence[str], skipped: object = None) -> dict[str, Case]:
        del skipped
        return {one: self.cases[one] for one in report_ids if one in self.cases}

    async def alert_states(self, report_ids: Sequence[str]) -> dict[str, tuple[int | None, str | None]]:
        self.asked += 1
        return dict.fromkeys(report_ids, (1, None))


class Quiet:
    """Centres nobody has said anything about, places told of nothing or of too much, a relay nobody hears."""

    def __init__(self, recent: RecentAlerts | None = None) -> None:
        self.recent = recent
        self.away: Exception | None = None
        self.forgets = False
        self.busy: asyncio.Event | None = None
        self.saves = self.asked = 0

    async def all(self) -> dict[str, Any]:
        self.asked += 1
        if self.busy is not None:
            await self.busy.wait()
        if self.away is not None:
            raise self.away
        return {}

    async def load(self, keys: Iterable[str]) -> dict[str, RecentAlerts]:
        if self.forgets:
            raise TransientError("store: away")
        return dict.fromkeys(keys, self.recent) if self.recent is not None else {}

    def note(self, keys: Sequence[str], now: datetime) -> None:
        pass

    def enqueue(self, *_: object) -> None:
        pass


def worker_of(
    stored: Stored,
    delivery: Any,
    clock: ManualClock,
    settings: NotifySettings,
    recent: RecentAlerts | None = None,
    quiet: Any = None,
) -> EscalationWorker:
    quiet = quiet or cast("Any", Quiet(recent))
    cases = cast("Any", stored)
    return EscalationWorker(cases, quiet, quiet, delivery, ConsoleBroadcaster(), quiet, clock, settings, "me")


async def test_in_a_burst_of_two_hundred_the_critical_cases_alert_is_the_next_to_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, settings = ManualClock(NOW), settings_of(smtp_connections=4)
    sent: list[str] = []
    stuck = asyncio.Event()

    async def send(_: object, mail: Mail) -> None:
        if not mail.to.startswith("jeju"):
            await stuck.wait()
        sent.append(mail.to)

    monkeypatch.setattr("services.notify.channels.email._Connection.send", send)
    channel = MailChannel(settings, clock)
    delivery = Delivery(settings, channel, clock)
    lease = {"wake_at": NOW + timedelta(seconds=60), "lease_by": "me:claim"}
    centers = ("gwangju", "busan", "daegu", "ulsan")
    burst = [case_of(n, center=centers[n % 4]).model_copy(update=lease) for n in range(200)]
    stored = Stored(burst)
    worker = worker_of(stored, delivery, clock, settings)
    others = asyncio.create_task(worker.send_due())
    await eventually(lambda: busy(channel) == settings.smtp_connections - reserved_of(settings.smtp_connections))
    worker.begin(worker.hold([case_of(999, "critical", center="jeju")], NOW))
    assert worker.urgent_held.is_set()
    async with asyncio.timeout(30):
        await worker.send_held_urgent()
    assert sent == ["jeju@duty.ieum.example"]
    stuck.set()
    await others
    await delivery.close()
    assert len(sent) > 1


class Stuck(Stored):
    """A store that has hundreds of cases that are due, and from then on answers nothing."""

    def __init__(self, page: Sequence[Case] = ()) -> None:
        super().__init__(page)
        self.silent = asyncio.Event()
        self.back = asyncio.Event()
        self.asked_due = 0

    async def _answer(self) -> None:
        if self.silent.is_set():
            await self.back.wait()

    async def due(self, now: datetime, limit: int, *, critical: bool = False) -> list[DueCase]:
        self.asked_due += 1
        await self._answer()
        return await super().due(now, limit, critical=critical)

    async def claim(self, *given: Any) -> list[Case]:
        await self._answer()
        return await super().claim(*given)

    async def save(self, changes: Sequence[Change], now: datetime) -> Saved:
        await self._answer()
        return await super().save(changes, now)

    async def alert_states(self, report_ids: Sequence[str]) -> dict[str, tuple[int | None, str | None]]:
        await self._answer()
        return await super().alert_states(report_ids)


async def test_behind_hundreds_of_due_cases_and_a_store_that_stands_still_each_critical_case_is_mailed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("service.URGENT_WAIT_S", "delivery.URGENT_FRESH_S"):
        monkeypatch.setattr(f"services.notify.escalation.{name}", 0.01)
    clock, settings = ManualClock(NOW), settings_of(smtp_connections=4, poll_s=0.05)
    sent: list[str] = []

    async def send(_: object, mail: Mail) -> None:
        sent.append(mail.to)

    monkeypatch.setattr("services.notify.channels.email._Connection.send", send)
    delivery = Delivery(settings, MailChannel(settings, clock), clock)
    lease = {"wake_at": NOW + timedelta(seconds=60), "lease_by": "me:claim"}
    stored = Stuck([case_of(n, center="busan").model_copy(update=lease) for n in range(600)])
    worker = worker_of(stored, delivery, clock, settings)
    others = asyncio.create_task(worker.send_due())
    await eventually(lambda: sent)
    stored.silent.set()
    worker.begin(worker.hold([case_of(9000, "critical", center="jeju")], NOW))
    urgent = asyncio.create_task(worker.send_held_urgent())
    for number, center in enumerate(("jeju", "gwangju", "daegu", "ulsan"), 9000):
        if number > 9000:
            worker.begin(worker.hold([case_of(number, "critical", center=center)], NOW))
        await eventually(lambda to=center: f"{to}@duty.ieum.example" in sent)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        await clock.advance(2)  # nothing is recorded yet, and what was known of the others is no longer fresh
    assert not urgent.done(), "that they were told is written down as soon as the store is back"
    stored.back.set()
    await asyncio.gather(urgent, others)
    await delivery.close()
    assert stored.saves == 604


class Told:
    """A delivery that says of every message that it was taken."""

    def __init__(self) -> None:
        self.deadlines: list[float] = []
        self.messages: list[int] = []
        self.looks: list[Callable[[int], Awaitable[list[DeliveryAttempt]]]] = []

    async def send(self, batches: Sequence[Any], deadline: float, wanted: Any) -> list[Any]:
        self.deadlines.append(deadline)
        self.looks.append(wanted)
        self.messages += [len(batch.delivery_attempts) for batch in batches]
        return [cast("Any", _Done(batch.delivery_attempts)) for batch in batches]


class _Done:
    reason = None

    def __init__(self, told: Any) -> None:
        self.told = told


async def test_what_waits_for_a_bundle_waits_in_hand_and_is_written_once_when_it_was_told() -> None:
    clock, settings, stored, told = ManualClock(NOW), settings_of(), Stored(), Told()
    worker = worker_of(stored, told, clock, settings, recent=FULL)
    worker.begin(worker.hold([case_of(1), case_of(2)], NOW))
    await worker.send_due()
    assert (told.messages, stored.saves, worker.deferred) == ([], 0, 2)
    await clock.advance(GAP.total_seconds())
    await worker.send_due()
    assert (told.messages, stored.saves, worker.deferred) == ([2], 2, 0)


async def test_what_is_sent_is_written_down_before_the_lease_ends() -> None:
    """The last message is begun so early that it and the record after it fit: nobody else sends it meanwhile."""
    clock, settings, stored, told = ManualClock(NOW), settings_of(lease_s=60), Stored(), Told()
    worker = worker_of(stored, told, clock, settings, recent=FULL)
    kept_s = RECORD_SHARE * 60
    worker.begin(worker.hold([case_of(1, "critical")], NOW))
    await worker.send_held_urgent()
    assert told.deadlines == [60 - kept_s]
    worker.begin(worker.hold([case_of(2, "critical")], NOW))
    await clock.advance(60 - kept_s - settings.smtp_timeout_s)
    await worker.send_held_urgent()
    assert len(told.deadlines) == 1, "too late: whoever claims it then sends it"


@pytest.mark.parametrize(("lease_s", "in_hand"), [(33, 0), (34, 1)])
async def test_what_waits_for_a_bundle_waits_in_hand_only_where_its_lease_outlasts_sending_and_recording(
    lease_s: float, in_hand: int
) -> None:
    stored, told = Stored(), Told()
    worker = worker_of(stored, told, ManualClock(NOW), settings_of(lease_s=lease_s, smtp_timeout_s=10), recent=FULL)
    worker.begin(worker.hold([case_of(1)], NOW))
    await worker.send_due()
    assert (worker.deferred, stored.saves) == (in_hand, 1 - in_hand)


async def test_what_was_due_before_goes_on_while_a_surge_always_leaves_something_in_hand() -> None:
    lease = {"wake_at": NOW + timedelta(seconds=60), "lease_by": "me:claim"}
    stored, told = Stored([case_of(999, center="jeju").model_copy(update=lease)]), Told()
    worker = worker_of(stored, told, ManualClock(NOW), settings_of(claim_size=2))
    for number in range(ASK_EVERY):
        worker.begin(worker.hold([case_of(2 * number), case_of(2 * number + 1)], NOW))
        assert await worker.pass_once() > 0
    assert (stored.claims, stored.page) == (1, [])
    assert await worker.pass_once() == 2, "what was held meanwhile is still in hand"


async def test_what_was_just_written_or_read_is_not_asked_for_again_before_it_is_told() -> None:
    lease = {"wake_at": NOW + timedelta(seconds=60), "lease_by": "me:claim"}
    stored, told, clock = Stored([case_of(1).model_copy(update=lease)]), Told(), ManualClock(NOW)
    worker = worker_of(stored, told, clock, settings_of())
    worker.begin(worker.hold([case_of(9)], NOW))
    await clock.advance(settings_of().gather_s + 0.05)
    await worker.send_due()
    for look in told.looks:
        assert len(await look(0)) == 1
    assert (len(told.looks), stored.asked) == (2, 0)
    await clock.advance(1)
    for look in told.looks:
        assert len(await look(0)) == 1
    assert stored.asked == 2, "a second later somebody may have answered"


async def test_a_page_is_of_few_centers_whole_messages_of_each_and_one_look_is_enough_for_many_pages() -> None:
    lease = {"wake_at": NOW + timedelta(seconds=60), "lease_by": "me:claim"}
    centers = ("gwangju", "busan", "daegu", "ulsan")
    burst = [case_of(n, center=centers[n % 4]).model_copy(update=lease) for n in range(400)]
    stored, told = Stored(burst), Told()
    worker = worker_of(stored, told, ManualClock(NOW), settings_of(claim_size=100))
    while await worker.pass_once():
        pass
    assert told.messages == [50] * 8
    assert (stored.claims, stored.saves) == (4, 400)
    assert stored.looks == 2, "one finds all, one finds nothing more"


async def test_an_idle_process_asks_once_for_all_kinds_until_something_is_due() -> None:
    stored, clock = Stored(), ManualClock(NOW)
    worker = worker_of(stored, Told(), clock, settings_of(poll_s=1.0))
    await worker.send_due()
    await worker.send_urgent()
    assert stored.looks == 1
    cast("CaseStore", stored).on_written([case_of(1, "critical")])  # as due; there was no room to hold it
    await worker.send_urgent()
    assert stored.looks == 2
    await worker.send_due()
    await clock.advance(1)
    await worker.send_urgent()
    assert stored.looks == 4, "the other alerter may be at a long page"


class Timed(Stored):
    """A store that answers what is due by then."""

    async def due(self, until: datetime, limit: int, *, critical: bool = False) -> list[DueCase]:
        del critical
        self.looks += 1
        found = [(case.wake_at, case) for case in self.page if case.wake_at is not None and case.wake_at <= until]
        found.sort(key=lambda one: one[0])
        return [DueCase(case.report_id, case.center_id, at) for at, case in found[:limit]]


def due_in(number: int, seconds: float, urgency: str = "high") -> Case:
    return case_of(number, urgency).model_copy(update={"wake_at": NOW + timedelta(seconds=seconds)})


async def woken(worker: EscalationWorker) -> None:
    async with asyncio.timeout(LIMIT_S):
        await worker.due.wait()
        await worker.urgent_due.wait()


async def test_a_process_that_is_alone_asks_seldom_and_is_woken_for_what_becomes_due_until_then() -> None:
    stored, clock = Timed([due_in(1, 0.05), due_in(2, 4.9), due_in(3, 60)]), ManualClock(NOW)
    worker = worker_of(stored, Told(), clock, settings_of(poll_s=1.0))
    assert worker.pace_s() == 1.0
    worker.note_alone(alone=True)
    assert worker.pace_s() == 5.0
    await worker.send_due()
    assert (stored.looks, stored.claims) == (1, 0), "asked once, and nothing is due yet"
    await woken(worker)
    await clock.advance(0.05)
    await worker.send_due()
    assert stored.claims == 1
    worker.note_alone(alone=False)
    assert worker.pace_s() == 1.0, "another process may die with what it wrote"


async def test_a_critical_step_that_becomes_due_behind_a_long_page_of_others_wakes_who_sends_it() -> None:
    stored, clock = Timed([due_in(1, 0.05, "critical")]), ManualClock(NOW)
    worker = worker_of(stored, Told(), clock, settings_of(poll_s=1.0))
    worker.note_alone(alone=True)
    await worker.send_urgent()
    await woken(worker)
    await clock.advance(0.05)
    await worker.send_urgent()
    assert stored.claims == 1


async def test_what_this_process_writes_is_looked_for_when_it_is_due() -> None:
    stored, clock = Timed(), ManualClock(NOW)
    worker = worker_of(stored, Told(), clock, settings_of(poll_s=1.0))
    worker.note_alone(alone=True)
    await worker.send_due()
    await worker.send_urgent()
    assert (stored.looks, worker.due.is_set()) == (1, False)

    written = cast("CaseStore", stored).on_written
    written([due_in(1, 60)])  # a look comes before
    written([due_in(2, 9)])
    written([due_in(3, 0.05)])
    await woken(worker)

    stored.page = [due_in(4, 0, "critical")]
    worker.due.clear()
    worker.urgent_due.clear()
    written(stored.page)
    assert (worker.due.is_set(), worker.urgent_due.is_set()) == (True, True)
    await worker.send_urgent()
    assert stored.claims == 1


async def test_what_is_written_while_the_store_says_that_nothing_is_due_is_looked_for_once_more() -> None:
    stored, clock = Stuck(), ManualClock(NOW)
    worker = worker_of(stored, Told(), clock, settings_of(poll_s=1.0))
    worker.note_alone(alone=True)
    stored.silent.set()
    look = asyncio.create_task(worker.send_due())
    await eventually(lambda: stored.asked_due == 1)
    cast("CaseStore", stored).on_written([case_of(1, "critical")])
    stored.back.set()
    await look
    await worker.send_urgent()
    await worker.send_due()
    assert stored.looks == 3, "the first answer knew nothing of it"


class Unanswered(Stored):
    """A store that takes the first claim and whose answer is lost; it shows nothing as due that is claimed."""

    def __init__(self, page: Sequence[Case] = ()) -> None:
        super().__init__(page)
        self.leases: list[str] = []
        self.released: list[str] = []

    async def due(self, now: datetime, limit: int, *, critical: bool = False) -> list[DueCase]:
        found = await super().due(now, limit, critical=critical)
        return found if self.released == self.leases else []

    async def claim(self, lease: str, *given: Any) -> list[Case]:
        if not self.leases:
            self.leases.append(lease)
            raise TransientError("store: no answer")
        return await super().claim(lease, *given)

    async def release(self, holder: str, *_: object) -> int:
        self.released.append(holder)
        return 1


async def test_what_a_claim_took_whose_answer_was_lost_waits_only_for_the_next_look() -> None:
    lease = {"wake_at": NOW + timedelta(seconds=60), "lease_by": "me:claim"}
    stored, told = Unanswered([case_of(1).model_copy(update=lease)]), Told()
    worker = worker_of(stored, told, ManualClock(NOW), settings_of())
    with pytest.raises(TransientError):
        await worker.send_due()
    await worker.send_due()
    assert (told.messages, len(stored.released)) == ([1], 1), "not until its lease ends"
    assert stored.released[0].startswith("me:")


async def test_what_waits_for_a_batch_is_sent_when_that_is_due() -> None:
    stored, clock = Timed(), ManualClock(NOW)
    worker = worker_of(stored, Told(), clock, settings_of(poll_s=60.0), recent=FULL)
    worker.begin(worker.hold([case_of(1)], NOW))
    await worker.send_due()
    assert worker.deferred == 1
    await clock.advance(GAP.total_seconds() - 0.05)
    cast("CaseStore", stored).on_written([due_in(2, 0)])  # a look comes between
    worker.due.clear()
    worker.urgent_due.clear()
    await worker.send_due()
    assert worker.deferred == 1
    looks = stored.looks
    async with asyncio.timeout(LIMIT_S):
        await worker.due.wait()
    await clock.advance(0.05)
    await worker.send_due()
    assert (worker.deferred, stored.saves) == (0, 1)
    assert (stored.looks, worker.urgent_due.is_set()) == (looks, False), "what is held needs no question to the store"


async def test_a_pass_that_asked_nothing_lets_no_step_wait_for_the_look_after_it() -> None:
    stored, clock = Timed([due_in(1, 1.4)]), ManualClock(NOW)
    worker = worker_of(stored, Told(), clock, settings_of(poll_s=1.0))
    await worker.send_due()
    await worker.send_due()  # a case that it held woke it: the next pass is as much later
    assert stored.looks == 1
    async with asyncio.timeout(LIMIT_S):
        await worker.due.wait()


def test_no_center_keeps_another_waiting_by_having_more() -> None:
    due = [DueCase(f"a{n}", "gwangju", NOW) for n in range(120)]
    due += [DueCase("b0", "busan", NOW), DueCase("c0", "jeju", NOW)]
    taken, left = policy.claim_together(due, 51)
    assert [one.report_id for one in taken] == [*(f"a{n}" for n in range(50)), "b0"]
    taken, left = policy.claim_together(left, 51)
    assert [one.report_id for one in taken] == ["c0", *(f"a{n}" for n in range(50, 100))]
    assert policy.claim_together(left, 51) == (left, [])
    assert len(left) == 20


@pytest.mark.parametrize("rule", ["plan", "record"])
async def test_a_case_that_a_rule_cannot_handle_keeps_no_other_from_being_told(
    monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    right = getattr(policy, rule)

    def faulty(case: Case, *given: Any) -> Any:
        if case.report_id == report_id(2):
            raise LookupError("a case nobody thought of")
        return right(case, *given)

    monkeypatch.setattr(f"services.notify.escalation.service.{'policy.plan' if rule == 'plan' else 'record'}", faulty)
    stored, told = Stored(), Told()
    worker = worker_of(stored, told, ManualClock(NOW), settings_of())
    worker.begin(worker.hold([case_of(number) for number in (1, 2, 3)], NOW))
    await worker.send_due()
    assert stored.saves == 2


async def test_where_recent_alerts_cannot_be_read_messages_go_all_the_same() -> None:
    stored, told, quiet = Stored(), Told(), Quiet()
    quiet.forgets = True
    worker = worker_of(stored, told, ManualClock(NOW), settings_of(), quiet=quiet)
    worker.begin(worker.hold([case_of(1)], NOW))
    await worker.send_due()
    assert (told.messages, stored.saves) == ([1], 1)


async def test_what_could_not_be_planned_while_the_store_was_away_is_told_as_soon_as_it_is_back() -> None:
    stored, told, quiet = Stored(), Told(), Quiet()
    clock = ManualClock(NOW)
    worker = worker_of(stored, told, clock, settings_of(), quiet=quiet)
    worker.begin(worker.hold([case_of(1), case_of(2, "critical")], NOW))
    quiet.away = TransientError("store: away")
    with pytest.raises(TransientError):
        await worker.send_due()
    quiet.away = None
    await clock.advance(10)
    await worker.send_held_urgent()
    assert stored.saves == 1
    await worker.send_due()
    assert (stored.saves, sum(told.messages)) == (2, 2)


async def test_a_critical_alert_hardly_waits_for_a_busy_store_to_say_again_who_is_on_duty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.notify.escalation.service.CENTERS_FRESH_S", -1.0)
    monkeypatch.setattr("services.notify.escalation.service.URGENT_WAIT_S", 3600.0)
    monkeypatch.setattr("services.notify.escalation.service.URGENT_ASK_S", 0.0)
    stored, told, quiet = Stored(), Told(), Quiet()
    worker = worker_of(stored, told, ManualClock(NOW), settings_of(), quiet=quiet)
    worker.begin(worker.hold([case_of(1, "critical")], NOW))
    await worker.send_held_urgent()
    quiet.busy = asyncio.Event()
    worker.begin(worker.hold([case_of(2, "critical")], NOW))
    async with asyncio.timeout(30):
        await worker.send_held_urgent()
    assert stored.saves == 2
    quiet.busy.set()
    quiet.busy = asyncio.Event()
    quiet.saves += 1  # somebody here has just said who is on duty: that is waited for
    worker.begin(worker.hold([case_of(3, "critical")], NOW))
    sending = asyncio.create_task(worker.send_held_urgent())
    await eventually(lambda: quiet.asked == 3)
    for _ in range(100):
        await asyncio.sleep(0)
    assert stored.saves == 2
    quiet.busy.set()
    await sending
    assert stored.saves == 3


async def test_of_centres_just_read_only_a_late_answer_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("services.notify.escalation.service.CENTERS_FRESH_S", -1.0)
    monkeypatch.setattr("services.notify.escalation.service.URGENT_ASK_S", 3600.0)
    stored, told, quiet = Stored(), Told(), Quiet()
    worker = worker_of(stored, told, ManualClock(NOW), settings_of(), quiet=quiet)
    logged = []
    for number, away in enumerate((None, OperationFailure("Authentication failed.", 18))):
        quiet.away = away
        worker.begin(worker.hold([case_of(number, "critical")], NOW))
        await worker.send_held_urgent()
        logged.append("alerts.centers_not_read" in "".join(capsys.readouterr()))
    quiet.away, quiet.busy = None, asyncio.Event()
    monkeypatch.setattr("services.notify.escalation.service.URGENT_ASK_S", 0.0)
    worker.begin(worker.hold([case_of(2, "critical")], NOW))
    await worker.send_held_urgent()
    logged.append("alerts.centers_not_read" in "".join(capsys.readouterr()))
    quiet.busy.set()
    assert (logged, stored.saves) == ([False, True, False], 3)


@pytest.mark.parametrize("error", [TransientError("store: away"), OperationFailure("internal error", 1)])
async def test_whatever_the_store_answers_about_centres_a_critical_alert_goes(error: Exception) -> None:
    stored, told, quiet = Stored(), Told(), Quiet()
    worker = worker_of(stored, told, ManualClock(NOW), settings_of(), quiet=quiet)
    quiet.away = error
    worker.begin(worker.hold([case_of(1, "critical")], NOW))
    async with asyncio.timeout(30):
        await worker.send_held_urgent()
    assert (stored.saves, sum(told.messages)) == (1, 1)


async def test_an_urgent_mail_has_the_next_connection_that_becomes_free() -> None:
    channel = MailChannel(settings_of(smtp_connections=2), ManualClock(NOW))
    order: list[str] = []
    enter = {name: asyncio.Event() for name in ("calm", "urgent")}

    async def mail(name: str, *, urgent: bool, until: asyncio.Event) -> None:
        async with channel.turn(urgent=urgent):
            order.append(name)
            await until.wait()

    first = [asyncio.create_task(mail(name, urgent=name == "urgent", until=enter[name])) for name in enter]
    await eventually(lambda: busy(channel) == 2)
    waiting = [
        asyncio.create_task(mail("calm later", urgent=False, until=enter["urgent"])),
        asyncio.create_task(mail("urgent later", urgent=True, until=enter["urgent"])),
    ]
    await asyncio.sleep(0)
    enter["calm"].set()
    await eventually(lambda: len(order) == 3)
    assert order[2] == "urgent later"
    enter["urgent"].set()
    await asyncio.gather(*first, *waiting)
    assert (busy(channel), order[3]) == (0, "calm later")


async def test_a_mail_that_is_cancelled_while_it_waits_keeps_no_connection() -> None:
    channel = MailChannel(settings_of(smtp_connections=1), ManualClock(NOW))
    async with channel.turn():
        waits = [asyncio.create_task(channel.send_one(cast("Any", None), 0)) for _ in range(2)]
        await asyncio.sleep(0)
        waits[0].cancel()
        await asyncio.gather(waits[0], return_exceptions=True)
        waits[1].cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    assert busy(channel) == 0


class Asked:
    """A broadcaster that gave nothing out, and a store that is asked how cases are: slow, or away."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = asyncio.Event()
        self.away = False

    def given(self, _: str) -> None:
        return None

    async def alert_states(self, report_ids: Sequence[str]) -> dict[str, tuple[int | None, str | None]]:
        self.asked += 1
        await self.answers.wait()
        if self.away:
            raise TransientError("store: away")
        return dict.fromkeys(report_ids, (1, None))


def check_of(asked: Asked, cases: Sequence[Case], clock: ManualClock) -> PreSendCheck:
    due = delivery_attempts([claimed(case) for case in cases], RecipientDirectory(settings_of()))
    batches = [BatchedAlert(attempt.endpoint, (attempt,)) for attempt in due]
    return PreSendCheck(batches, cast("Any", asked), cast("Any", asked), clock)


async def test_a_slow_store_is_asked_once_for_many_messages_and_not_again_for_each() -> None:
    asked, clock = Asked(), ManualClock(NOW)
    check = check_of(asked, [case_of(n) for n in range(20)], clock)
    looks = [asyncio.create_task(check(index)) for index in range(16)]
    await eventually(lambda: asked.asked)
    await clock.advance(5)  # so long the answer takes
    asked.answers.set()
    assert [len(one) for one in await asyncio.gather(*looks)] == [1] * 16
    await clock.advance(1)
    assert len(await check(17)) == 1
    assert asked.asked == 1
    await clock.advance(2)
    assert len(await check(18)) == 1
    assert asked.asked == 2, "an answer is not good for ever"


async def test_while_the_store_is_away_or_silent_what_is_critical_goes_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, clock = Asked(), ManualClock(NOW)
    asked.away = True
    asked.answers.set()
    check = check_of(asked, [case_of(1), case_of(2, "critical")], clock)
    assert [len(await check(index)) for index in range(2)] == [0, 1]
    monkeypatch.setattr("services.notify.escalation.delivery.URGENT_FRESH_S", 0.01)
    silent = check_of(Asked(), [case_of(1, "critical")], clock)
    async with asyncio.timeout(30):
        assert len(await silent(0)) == 1


def test_of_few_connections_one_is_kept_for_what_is_urgent() -> None:
    assert [reserved_of(number) for number in (1, 2, 3, 4, 8, 32)] == [0, 1, 1, 1, 2, 8]
