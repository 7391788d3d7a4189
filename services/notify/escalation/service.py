"""Sends what is due, records what came of it, and never stops. Any number of processes share the work."""

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Final

from services.notify import metrics
from services.notify.cases.models import Case, DueCase, EntryKind, next_due, rescheduled
from services.notify.cases.repository import CaseStore, Change, records_of
from services.notify.cases.rules import expire
from services.notify.channels.breaker import NOT_SENT
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation import rules as policy
from services.notify.escalation.delivery import (
    BatchedAlert,
    ClaimedCase,
    Delivery,
    DeliveryAttempt,
    DeliveryResult,
    PreSendCheck,
    RecipientDirectory,
    batched_alerts,
    delivery_attempts,
    goes_alone,
)
from services.notify.escalation.repository import RecentAlertStore
from services.notify.escalation.rules import AttemptResult, Plan, RecentAlerts, record, record_notice
from services.notify.settings import NotifySettings
from services.notify.team.models import CenterDuty
from services.notify.team.repository import CenterStore, nominal
from shared import log, spans
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import Event
from shared.events.vocabulary import Urgency
from shared.jobs import Skipped
from shared.mongo import SLICE
from shared.outbox import Relay
from shared.spans import SpanKind

_LOG = log.get(__name__)
_ROUNDS = 20


RECORD_SHARE: Final = 0.1
"""What of a lease is kept for writing down what was sent: were it over by then, another process would send it again."""


def _lease_left(case: Case, now: datetime, lease_s: float) -> float:
    return lease_s if case.wake_at is None else min((case.wake_at - now).total_seconds(), lease_s)


class HeldCases:
    """Cases that this process wrote down as due and leased to itself in the same write: nobody need claim them.

    If it dies, the lease ends and others claim them, like any claimed case.
    """

    def __init__(self, holder: str, lease_s: float, room: int) -> None:
        """``room``: twice as many may be held, and as many critical ones besides; the rest is claimed."""
        self._holder = holder
        self._lease = timedelta(seconds=lease_s)
        self._room = room
        self._unsure: dict[str, None] = {}
        """Leased by a write whose answer has not come."""
        self._in_hand: set[str] = set()
        self._critical: deque[ClaimedCase] = deque()
        self._ordinary: deque[ClaimedCase] = deque()
        self._deferred: list[tuple[datetime, Case]] = []

    @property
    def deferred(self) -> int:
        """How many wait for a batch."""
        return len(self._deferred)

    @property
    def next_batch(self) -> datetime | None:
        """When the first of them is to be sent."""
        return min((until for until, _ in self._deferred), default=None)

    def hold(self, cases: Sequence[Case], now: datetime) -> list[Case]:
        """The same cases in the same order, those due now leased as far as there is room, critical ones first."""
        leased: dict[str, Case] = {}
        for case in sorted(cases, key=lambda one: one.urgency is not Urgency.CRITICAL):
            due = next_due(case)
            room = self._room * (3 if case.urgency is Urgency.CRITICAL else 2) - len(self._in_hand) - len(leased)
            if due is None or due > now or case.lease_by is not None or room <= 0 or case.report_id in self._in_hand:
                continue
            held = {"wake_at": now + self._lease, "lease_by": self._holder}
            leased[case.report_id] = case.model_copy(update=held)
        if len(self._unsure) > _UNSURE:
            self._unsure.clear()  # of batches that another process has taken over: their leases end
        self._unsure.update(dict.fromkeys(leased))
        return [leased.get(case.report_id, case) for case in cases]

    def begin(self, case: Case, at: float) -> bool:
        """Take a case in hand that is written, as of ``at``, with this process's lease; False where it is not."""
        if case.lease_by != self._holder or case.report_id not in self._unsure:
            return False
        del self._unsure[case.report_id]
        self._in_hand.add(case.report_id)
        self._queue(case).append(ClaimedCase(case, None, seen_at=at))
        return True

    def _queue(self, case: Case) -> deque[ClaimedCase]:
        return self._critical if case.urgency is Urgency.CRITICAL else self._ordinary

    def take(self, now: datetime, size: int, *, least_s: float, critical: bool) -> list[ClaimedCase]:
        """Take what is to be sent now: critical cases, or the others. One whose lease nearly ends is left."""
        if critical:
            found = [self._critical.popleft() for _ in range(min(size, len(self._critical)))]
        else:
            ready = [one for one in self._deferred if one[0] <= now]
            ready, more = ready[:size], ready[size:]
            self._deferred = [*more, *(one for one in self._deferred if one[0] > now)]
            found = [ClaimedCase(case, None, waited=True) for _, case in ready]
            some = min(size - len(found), len(self._ordinary))
            found += [self._ordinary.popleft() for _ in range(some)]
        late = [item for item in found if _lease_left(item.case, now, inf) <= least_s]
        self.done(late, ())
        return [item for item in found if item not in late]

    def put_back(self, work: Sequence[ClaimedCase], now: datetime) -> None:
        """Return cases of which nothing was sent: the next pass takes them again, as long as their leases last."""
        for item in work:
            self._in_hand.add(item.case.report_id)
            if item.waited:
                self._deferred.append((now, item.case))
            else:
                self._queue(item.case).append(ClaimedCase(item.case, None))

    def done(self, work: Sequence[ClaimedCase], waiting: Sequence[ClaimedCase]) -> None:
        """A pass is over; what waits for a batch is kept in memory."""
        for item in waiting:
            if item.deferred_until is not None:
                self._in_hand.add(item.case.report_id)
                self._deferred.append((item.deferred_until, item.case))
        kept = {item.case.report_id for item in waiting}
        self._in_hand.difference_update(item.case.report_id for item in work if item.case.report_id not in kept)


_UNSURE: Final = 10_000
ASK_EVERY: Final = 4
"""Of so many passes one asks the store first: in a surge this process always holds something."""


_DUE_SEEN: Final = 2000
"""One look for many claims: at cases that wait in a row, as after an outage, their time need not be asked each time."""
LOOK_AHEAD: Final = 5
"""So many times the usual pause a process that is alone does not ask: its last look told what becomes due until then,
and itself wrote what is new. What several write, each looks for at the usual pace: one of them may have died since."""
_DUE_FOR_S: Final = 5.0
"""Cases seen due longer ago are read again, with those that became due since."""


CENTERS_FRESH_S: Final = 1.0
"""How long what was read of the centers is good for, unless this process changes one."""
URGENT_ASK_S: Final = 0.1
"""So long a critical case waits for a busy store to say who is on duty, where that was read within
``CENTERS_KNOWN_S``."""
CENTERS_KNOWN_S: Final = 10.0
URGENT_WAIT_S: Final = 1.0
"""So long a critical case waits for a slow store to say who is on duty, and what its desks were told lately; then it
goes by what is known."""


@dataclass(frozen=True, slots=True)
class _Centers:
    """The centers as last read: when by the loop's clock, and after how many changes made by this process."""

    of: Mapping[str, CenterDuty]
    at: float
    saves: int


@dataclass(slots=True)
class _Due:
    cases: list[DueCase] = field(default_factory=list)
    seen_at: float = -inf


class EscalationWorker:
    """Claims due cases, tells, records. Doubles happen only if it dies between sending and recording: same alert id."""

    def __init__(
        self,
        cases: CaseStore,
        centers: CenterStore,
        recent_alerts: RecentAlertStore,
        delivery: Delivery,
        broadcaster: ConsoleBroadcaster,
        relay: Relay,
        clock: Clock,
        settings: NotifySettings,
        worker: str,
    ) -> None:
        """``worker`` names this process in leases."""
        self._cases = cases
        self._centers = centers
        self._recent_alerts = recent_alerts
        self._delivery = delivery
        self._broadcaster = broadcaster
        self._relay = relay
        self._clock = clock
        self._settings = settings
        self._rules = settings.rules
        self._record_s = RECORD_SHARE * settings.lease_s
        self._directory = RecipientDirectory(settings)
        self._worker = worker
        self._held = HeldCases(f"{worker}:{secrets.token_hex(6)}", settings.lease_s, settings.claim_size)
        self.due: Final = asyncio.Event()
        """Something may be due now."""
        self.urgent_due: Final = asyncio.Event()
        """Something critical may be due now, that this process does not hold."""
        self.urgent_held: Final = asyncio.Event()
        """This process holds something critical that is due."""
        self._alone = False
        self._reminder: asyncio.TimerHandle | None = None
        """Wakes this process when the next step that it knows of is due."""
        self._batch_reminder: asyncio.TimerHandle | None = None
        """Wakes it when the next batch that it holds is to be sent, which needs no question to the store."""
        cases.on_written = self._written
        self._passes = 0
        self._due = {False: _Due(), True: _Due()}
        """Seen due and not claimed yet, by whether only critical cases were looked for."""
        self._nothing_due_until = -inf
        """Where a look found nothing due at all, as long as that holds; until something is written that is."""
        self._found_nothing_at = -inf
        """The same by the machine's clock, which jobs go by."""
        self._news = 0
        """How often something may have become due: a look that began before does not know of it."""
        self._known_centers: _Centers | None = None
        self._reading_centers = asyncio.Lock()
        self._unanswered: set[str] = set()
        """Leases of claims that failed: whatever they took nobody has in hand."""
        self._unreadable: set[str] = set()
        """Cases that were due and could not be read; nobody is alerted of them."""

    def hold(self, cases: Sequence[Case], now: datetime) -> list[Case]:
        """The same cases, which are about to be written; those due now are leased to this process if it has room."""
        return self._held.hold(cases, now)

    def begin(self, cases: Iterable[Case]) -> None:
        """Tell the held ones of these cases, which are written. What else is due the store told (``_written``)."""
        at = self._clock.monotonic()
        for case in cases:
            if self._held.begin(case, at):
                (self.urgent_held if case.urgency is Urgency.CRITICAL else self.due).set()

    def wake(self) -> None:
        """Look at once for what is due."""
        for due in self._due.values():
            due.seen_at = -inf
        self._look_soon(critical=True)

    def note_alone(self, *, alone: bool) -> None:
        """Take note whether no other process sends alerts."""
        self._alone = alone

    def pace_s(self) -> float:
        """Seconds from one look for what is due to the next."""
        return self._settings.poll_s * (LOOK_AHEAD if self._alone else 1)

    def _written(self, cases: Iterable[Case]) -> None:
        now = self._clock.now()
        for case in cases:
            if case.wake_at is None:
                continue
            if case.wake_at > now:
                self._remind(case.wake_at)
            else:
                self._look_soon(critical=case.urgency is Urgency.CRITICAL)

    def _remind(self, moment: datetime) -> None:
        """Look for what is due at this moment, unless a look comes before it anyway."""
        left_s = self._seconds_until(moment)
        at = self._loop_time() + left_s
        if left_s > 2 * self.pace_s() or (self._reminder is not None and self._reminder.when() <= at):
            return
        if self._reminder is not None:
            self._reminder.cancel()
        self._reminder = asyncio.get_running_loop().call_at(at, self._reminded)

    def _remind_of_batch(self, moment: datetime) -> None:
        """Go on with what this process holds at this moment."""
        if self._batch_reminder is not None:
            self._batch_reminder.cancel()
        self._batch_reminder = asyncio.get_running_loop().call_later(self._seconds_until(moment), self.due.set)

    def _seconds_until(self, moment: datetime) -> float:
        return max((moment - self._clock.now()).total_seconds(), 0.0)

    def _reminded(self) -> None:
        self._reminder = None
        self._look_soon(critical=True)

    def _look_soon(self, *, critical: bool) -> None:
        self.due.set()
        if critical:
            self.urgent_due.set()
        self._nothing_due_until = self._found_nothing_at = -inf
        self._news += 1

    @property
    def deferred(self) -> int:
        """How many cases this process holds back for a batch."""
        return self._held.deferred

    async def send_due(self) -> None:
        """Send everything that is due. Raises ``TransientError``, and ``SkippedError`` while a due case is unreadable.

        Such a case is claimed only once in each lease; the job says that it is there for as long as it is.
        """
        while await self.pass_once():
            pass
        if self._unreadable:
            still = Skipped("alerts")
            await self._cases.load(sorted(self._unreadable)[:SLICE], still)
            self._unreadable.intersection_update(still.references)
            still.raise_if_any()

    async def send_urgent(self) -> None:
        """Send what is due and critical and not held by this process. Raises ``TransientError``."""
        while work := await self._claim(self._clock.now(), self._settings.claim_size, critical=True):
            await self._see_through(work, urgent=True)

    async def send_held_urgent(self) -> None:
        """Send the critical cases this process holds, which needs no question to the store. Raises ``TransientError``.

        Each is seen through in a task of its own: none waits for a receiver of another one, or until that is recorded.
        What failed is raised when all is done.
        """
        under_way: set[asyncio.Task[None]] = set()
        failures: list[BaseException] = []
        try:
            while True:
                self.urgent_held.clear()
                while work := self._take(critical=True):
                    under_way.add(asyncio.create_task(self._see_through(work, urgent=True)))
                if not under_way:
                    break
                await self._held_or_done(under_way)
                done = {task for task in under_way if task.done()}
                under_way -= done
                failures += [error for task in done if (error := task.exception()) is not None]
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        if failures:
            raise failures[0]

    async def _held_or_done(self, under_way: Collection["asyncio.Task[None]"]) -> None:
        held = asyncio.create_task(self.urgent_held.wait())
        try:
            await asyncio.wait({held, *under_way}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            held.cancel()

    async def pass_once(self) -> int:
        """See one page of due cases through; how many there were.

        What this process holds comes first, without a question to the store; then what is claimed, and in every
        ``ASK_EVERY``-th pass first: however much comes in, what was due before it goes on.
        """
        self._passes += 1
        work = self._take(critical=False) if self._passes % ASK_EVERY else []
        work = work or await self._claim(self._clock.now(), self._settings.claim_size, critical=False)
        work = work or self._take(critical=False)
        if work:
            await self._see_through(work, urgent=False)
        elif (moment := self._held.next_batch) is not None:
            self._remind_of_batch(moment)
        return len(work)

    def _take(self, *, critical: bool) -> list[ClaimedCase]:
        least_s = self._settings.smtp_timeout_s + self._record_s
        return self._held.take(self._clock.now(), self._settings.claim_size, least_s=least_s, critical=critical)

    async def _see_through(self, work: list[ClaimedCase], *, urgent: bool) -> None:
        """Plan, send, write down."""
        now = self._clock.now()
        until = self._clock.monotonic() + min(_lease_left(item.case, now, self._settings.lease_s) for item in work)
        try:
            centers = await self._centers_now(urgent=urgent)
        except BaseException:
            self._held.put_back(work, now)  # nothing was told: nobody should wait until the leases end
            self.urgent_held.set()
            raise
        waiting: list[ClaimedCase] = []
        try:
            planned = self._planned(work, centers, now)
            await self._send(planned, until - self._record_s, urgent=urgent)
            waiting = [item for item in planned if self._may_wait(item)]
            kept = {item.case.report_id for item in waiting}
            done = {item.case.report_id: item for item in planned if item.case.report_id not in kept}
            await self._keep_recording(done, until)
        finally:
            self._held.done(work, waiting)

    async def _centers_now(self, *, urgent: bool) -> Mapping[str, CenterDuty]:
        """Return who is on duty where, as read within the last second; ``urgent``: or as read last."""
        if not urgent:
            return await self._read_centers()
        # Goes on when it takes too long for this alert: a slow store answers the next one.
        reading, known = asyncio.create_task(self._read_centers()), self._known_centers
        just_read = (
            known is not None and known.saves == self._centers.saves and self._loop_time() - known.at < CENTERS_KNOWN_S
        )
        try:
            async with asyncio.timeout(URGENT_ASK_S if just_read else URGENT_WAIT_S):
                return await asyncio.shield(reading)
        except Exception as error:  # whatever it is: a critical alert waits for nothing
            if not (just_read and isinstance(error, TimeoutError)):  # busy for a moment: no news
                _LOG.warning("alerts.centers_not_read", error=type(error).__name__)
            return self._known_centers.of if self._known_centers is not None else {}

    async def _read_centers(self) -> Mapping[str, CenterDuty]:
        async with self._reading_centers:
            known, saves, at = self._known_centers, self._centers.saves, self._loop_time()
            if known is None or known.saves != saves or at - known.at > CENTERS_FRESH_S:
                known = self._known_centers = _Centers(await self._centers.all(), at, saves)
            return known.of

    async def _claim(self, now: datetime, size: int, *, critical: bool) -> list[ClaimedCase]:
        """Claim what is due to a few centers, whole messages of each; what else was seen due is claimed next."""
        due = self._due[critical]
        if self._clock.monotonic() - due.seen_at < _DUE_FOR_S:
            claimed = await self._claim_seen(due, now, size)
            if claimed:
                return claimed
        if critical and self._clock.monotonic() < self._nothing_due_until:
            return []  # an idle process asks once, not for each kind
        if not critical and self._loop_time() - self._found_nothing_at < self.pace_s() / 2:
            return []  # nor after each case that it held
        for lease in list(self._unanswered):
            await self._cases.release(lease, now, self._settings.lease_s)
            self._unanswered.discard(lease)
        due.seen_at = at = self._clock.monotonic()
        pace_s, news = self.pace_s(), self._news
        # The next look is at most half a pause late, for a pass that asked nothing.
        seen = await self._cases.due(now + timedelta(seconds=1.5 * pace_s), _DUE_SEEN, critical=critical)
        due.cases = [one for one in seen if one.wake_at <= now]
        for later in seen[len(due.cases) :][:1]:
            self._remind(later.wake_at)
        if not critical and not due.cases and news == self._news:
            self._nothing_due_until, self._found_nothing_at = at + pace_s, self._loop_time()
        return await self._claim_seen(due, now, size)

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()

    async def _claim_seen(self, due: "_Due", now: datetime, size: int) -> list[ClaimedCase]:
        while due.cases:
            taken, due.cases = policy.claim_together(due.cases, size)
            if due.cases and due is self._due[False]:
                # Others of this process may help, and critical ones must not wait behind a page of what can.
                self.due.set()
                self.urgent_due.set()
            skipped, at = Skipped("alerts"), self._clock.monotonic()
            ids = [one.report_id for one in taken]
            lease = f"{self._worker}:{secrets.token_hex(6)}"
            try:
                claimed = await self._cases.claim(lease, self._settings.lease_s, ids, now, skipped)
            except TransientError:
                self._unanswered.add(lease)
                self._look_soon(critical=True)
                raise
            self._unreadable.update(skipped.references)
            if claimed:
                return [ClaimedCase(case, None, seen_at=at) for case in claimed]
        return []

    def _may_wait(self, item: ClaimedCase) -> bool:
        """Return whether a case that only waits for a batch is kept in memory, which saves two writes of it."""
        lease_ends, deferred_until = item.case.wake_at, item.deferred_until
        if deferred_until is None or lease_ends is None or item.results or item.notice is not None:
            return False
        least_s = 2 * self._settings.smtp_timeout_s + self._record_s
        return deferred_until + timedelta(seconds=least_s) < lease_ends

    def _planned(
        self, work: Sequence[ClaimedCase], centers: Mapping[str, CenterDuty], now: datetime
    ) -> list[ClaimedCase]:
        """Plan each case. One that the rules cannot handle is left out, said aloud, and comes again with its lease."""
        skipped = Skipped("alerts")
        planned: list[ClaimedCase] = []
        for item in work:
            with skipped.on_error(item.case.report_id):
                self._plan(item, centers, now)
                planned.append(item)
        return planned

    @staticmethod
    def _plan(item: ClaimedCase, centers: Mapping[str, CenterDuty], now: datetime) -> None:
        case = item.case
        item.plan = policy.plan(case, centers.get(case.center_id) or nominal(case.center_id), now)
        receiver = centers.get(case.offered_to) if case.offered_to is not None else None
        item.notice = policy.notice(case, receiver, now) if receiver is not None else None

    async def _send(self, work: Sequence[ClaimedCase], until: float, *, urgent: bool) -> None:
        due = delivery_attempts(work, self._directory)
        for item in work:
            for result in item.results:
                self._count(item, result)
        if not due:
            return
        keys = {attempt.endpoint.key for attempt in due if not goes_alone(attempt)}
        sent = await self._recent(keys, urgent=urgent)
        ready = batched_alerts(due, sent, self._clock.now())
        began = spans.now()
        outcomes = await self._delivery.send(
            ready, until, PreSendCheck(ready, self._cases, self._broadcaster, self._clock)
        )
        for batch, outcome in zip(ready, outcomes, strict=True):
            self._came_of(batch, outcome)
            _trace(outcome, began)
        self._judge([outcome.reason for outcome in outcomes if outcome.reason not in NOT_SENT])
        told_at = [attempt.endpoint.key for o in outcomes if o.reason is None for attempt in o.told]
        self._recent_alerts.note(told_at, self._clock.now())

    async def _recent(self, keys: Collection[str], *, urgent: bool) -> Mapping[str, RecentAlerts]:
        """Return the recent alerts of these places. Without them messages go that could have been batched, no more."""
        try:
            async with asyncio.timeout(URGENT_WAIT_S if urgent else None):
                return await self._recent_alerts.load(keys) if keys else {}
        except (TransientError, TimeoutError) as error:
            _LOG.warning("alerts.recent_not_read", reason=str(error))
            return {}

    def _came_of(self, batch: BatchedAlert, outcome: DeliveryResult) -> None:
        for attempt in outcome.told:
            self._result(attempt, outcome.reason)

    def _result(self, attempt: DeliveryAttempt, reason: str | None) -> None:
        ok, item = reason is None, attempt.item
        endpoint = attempt.endpoint
        made = AttemptResult(
            endpoint.target,
            attempt.alert.alert_id,
            ok=ok,
            reason=reason or "",
            channel=endpoint.channel,
            endpoint=endpoint.key,
        )
        if attempt.target is None:
            item.noticed = made
            metrics.OFFER_MAILS.labels("sent" if ok else "failed").inc()
            return
        item.results.append(made)
        self._count(item, made)

    @staticmethod
    def _judge(reasons: Sequence[str | None]) -> None:
        """Messages not taken are said aloud. Ready stays green: the console is needed all the more."""
        refused = Counter(reason for reason in reasons if reason is not None)
        if refused:
            _LOG.warning("alerts.not_taken", failed=refused.total(), tried=len(reasons), reasons=dict(refused))

    def _count(self, item: ClaimedCase, result: AttemptResult) -> None:
        outcome = "sent" if result.ok else "failed"
        metrics.ALERTS.labels(result.channel.value, str(item.planned.step), outcome).inc()
        if result.ok and _is_first_taken(item):
            age = (self._clock.now() - item.case.received_at).total_seconds()
            metrics.TO_ALERT.labels(item.case.urgency.value).observe(max(age, 0.0))

    async def _keep_recording(self, work: dict[str, ClaimedCase], until: float) -> None:
        """Record, and try again while the lease lasts: forgetting what was sent would send it twice."""
        pause = 0.1
        while True:
            try:
                return await self._record(work)
            except TransientError:
                if self._clock.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _record(self, work: dict[str, ClaimedCase]) -> None:
        """Write down what happened. A case that changed meanwhile (acknowledged, moved) is read again and told too."""
        left = {report_id: item.case for report_id, item in work.items()}
        for _ in range(_ROUNDS):
            now = self._clock.now()
            skipped, changes = Skipped("alerts"), list[Change]()
            for report_id, case in left.items():
                with skipped.on_error(report_id):  # it is told again when its lease ends; the others are not
                    change = self._change(case, work[report_id])
                    changes += [change] if change is not None else []
            saved = await self._cases.save(changes, now)
            self._tell([change for change in changes if change.case.report_id not in saved.lost], work, now)
            if not saved.lost:
                return
            left = await self._cases.load(sorted(saved.lost))
        raise TransientError("store: recording kept losing races")

    def _change(self, case: Case, item: ClaimedCase) -> Change | None:
        """Return the case after this pass: mails that were sent, an offer that ran out, the claim's end."""
        now = self._clock.now()
        after, events = case, list[Event]()
        if item.plan is not None and item.settles:
            after, told_of = record(case, item.plan, item.results, self._rules, now, item.left)
            events += told_of
        if item.notice is not None and item.noticed is not None:
            after = record_notice(after, item.notice, item.noticed, self._rules, now)
        over = expire(after, now) if after.offer is not None else None
        if over is not None and over.event is not None:
            after = over.case
            events.append(over.event)
        if case.lease_by is not None and case.lease_by == item.case.lease_by:
            # Whatever else became of it, the claim ends here.
            after = rescheduled(after)
        elif after is case:
            return None
        return Change(after.model_copy(update={"rev": case.rev + 1}), case, tuple(events))

    def _tell(self, changes: Sequence[Change], work: dict[str, ClaimedCase], now: datetime) -> None:
        self._broadcaster.publish(change.case for change in changes)
        for change in changes:
            if not change.events:
                continue
            # A case without an event before this can have no others pending: the relay need not read it.
            first = change.case.case_version == 0 and change.case.alert_version == len(change.events)
            records = records_of(change.events, now, change.case.traceparent) if first else None
            self._relay.enqueue(change.case.report_id, records)
            self._measure(change, work[change.case.report_id].plan)

    @staticmethod
    def _measure(change: Change, plan: Plan | None) -> None:
        if plan is None:
            return
        if plan.nobody:
            metrics.NOBODY.inc()
        if plan.overdue:
            metrics.OVERDUE.inc()
        if plan.escalated:
            metrics.ESCALATED.labels(str(plan.step)).inc()


def _is_first_taken(item: ClaimedCase) -> bool:
    """Whether the newest result is the first alert of its case that was taken, after however many that were refused."""
    before = any(entry.kind is EntryKind.SENT for entry in item.case.entries)
    return not before and sum(result.ok for result in item.results) == 1


def _trace(outcome: DeliveryResult, began: int) -> None:
    if not spans.enabled():
        return
    for attempt in outcome.told:
        # Neither to whom nor where.
        about = {"ieum.channel": attempt.endpoint.channel.value, "ieum.urgency": attempt.item.case.urgency.value}
        failed = outcome.reason is not None
        spans.record_child("alert", SpanKind.CLIENT, attempt.item.case.traceparent, began, about, failed=failed)
