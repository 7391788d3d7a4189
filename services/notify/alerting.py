"""Sends what is due, records what came of it, and never stops. Any number of processes share the work."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.notify import instruments, policy
from services.notify.channels import NOT_SENT, SPARED, MailChannel
from services.notify.decisions import expire
from services.notify.hub import Hub
from services.notify.model import Case, Center, Target
from services.notify.policy import Plan, Result
from services.notify.projection import record, told
from services.notify.sending import LastLook, Letter, Work, letters
from services.notify.settings import NotifySettings
from services.notify.store.cases import CaseStore, Change, records_of
from services.notify.store.centers import CenterStore, nominal
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import Event
from shared.events.cases import CaseTransferExpired
from shared.outbox import Relay

_LOG = log.get(__name__)
_ROUNDS = 20
_BACKOFF_MAX_S = 10.0
_CHANNEL = "email"


class Alerter:
    """Claims due cases, mails, records. Doubles happen only if it dies between sending and recording: same alert id."""

    def __init__(
        self,
        cases: CaseStore,
        centers: CenterStore,
        channel: MailChannel,
        hub: Hub,
        relay: Relay,
        clock: Clock,
        settings: NotifySettings,
        worker: str,
    ) -> None:
        """``worker`` names this process in leases."""
        self._cases = cases
        self._centers = centers
        self._channel = channel
        self._hub = hub
        self._relay = relay
        self._clock = clock
        self._settings = settings
        self._rules = settings.rules
        self._worker = worker
        self._due = asyncio.Event()
        self.failing: str | None = None

    def wake(self) -> None:
        """Something may be due now."""
        self._due.set()

    async def run(self) -> None:
        """Work for ever. Trouble with store or broker is waited out; anything unexpected ends the process."""
        failures = 0
        while True:
            try:
                busy = await self.pass_once()
                failures, self.failing = 0, None
            except TransientError as error:
                failures += 1
                self.failing = str(error)
                _LOG.warning("alerts.waiting", reason=str(error), failures=failures)
                # Processes that fail together should not come back together.
                await asyncio.sleep(min(0.2 * 2**failures, _BACKOFF_MAX_S) * random.uniform(0.5, 1.0))  # noqa: S311  # spreading, not secrecy
                continue
            if not busy:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll_s):
                await self._due.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._settings.gather_s)
        self._due.clear()

    async def pass_once(self) -> int:
        """Claim one page of due cases and see it through; how many there were."""
        until = self._clock.monotonic() + self._settings.lease_s
        now = self._clock.now()
        claimed = await self._cases.claim(self._worker, self._settings.lease_s, self._settings.claim_size, now)
        if not claimed:
            return 0
        centers = await self._centers.all()
        work = [self._planned(case, centers, now) for case in claimed]
        await self._send(work, until)
        await self._keep_recording({item.case.report_id: item for item in work}, until)
        return len(claimed)

    @staticmethod
    def _planned(case: Case, centers: Mapping[str, Center], now: datetime) -> Work:
        made = policy.plan(case, centers.get(case.center_id) or nominal(case.center_id), now)
        receiver = centers.get(case.offered_to) if case.offered_to is not None else None
        return Work(case, made, policy.notice(case, receiver, now) if receiver is not None else None)

    async def _send(self, work: Sequence[Work], until: float) -> None:
        due = letters(work, self._settings, self._clock)
        wanted = LastLook(due, self._cases, self._hub, self._clock)
        reasons = await self._channel.send([letter.mail for letter in due], until, wanted)
        for letter, reason in zip(due, reasons, strict=True):
            if reason == SPARED:
                instruments.SPARED.inc()
            if reason not in NOT_SENT:
                self._came_of(letter, reason)
        self._judge([reason for reason in reasons if reason not in NOT_SENT])

    def _came_of(self, letter: Letter, reason: str | None) -> None:
        ok, item = reason is None, letter.item
        result = Result(letter.target or Target.DUTY, letter.alert_id, ok=ok, reason=reason or "")
        if letter.target is None:
            item.noticed = result
            instruments.OFFER_MAILS.labels("sent" if ok else "failed").inc()
            return
        item.results.append(result)
        self._count(item, ok=ok)

    @staticmethod
    def _judge(reasons: Sequence[str | None]) -> None:
        """Mails not taken are said aloud. Ready stays green: the console is needed all the more."""
        refused = Counter(reason for reason in reasons if reason is not None)
        if refused:
            _LOG.warning("alerts.mail_failed", failed=refused.total(), tried=len(reasons), reasons=dict(refused))

    def _count(self, item: Work, *, ok: bool) -> None:
        instruments.ALERTS.labels(_CHANNEL, str(item.planned.step), "sent" if ok else "failed").inc()
        if ok and item.case.alert_version == 0:
            age = (self._clock.now() - item.case.received_at).total_seconds()
            instruments.TO_ALERT.observe(max(age, 0.0))

    async def _keep_recording(self, work: dict[str, Work], until: float) -> None:
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

    async def _record(self, work: dict[str, Work]) -> None:
        """Write down what happened. A case that changed meanwhile (acknowledged, moved) is read again and told too."""
        left = {report_id: item.case for report_id, item in work.items()}
        for _ in range(_ROUNDS):
            now = self._clock.now()
            made = [self._change(case, work[report_id]) for report_id, case in left.items()]
            changes = [change for change in made if change is not None]
            saved = await self._cases.save(changes, now)
            self._tell([change for change in changes if change.case.report_id not in saved.lost], work, now)
            if not saved.lost:
                return
            left = await self._cases.load(sorted(saved.lost))
        raise TransientError("store: recording kept losing races")

    def _change(self, case: Case, item: Work) -> Change | None:
        """What this pass makes of a case as it now is: mails that were sent, an offer that ran out, the claim's end."""
        now = self._clock.now()
        after, events = case, list[Event]()
        if item.plan is not None and item.results:
            after, told_of = record(case, item.plan, item.results, self._rules, now)
            events += told_of
        if item.notice is not None and item.noticed is not None:
            after = told(after, item.notice, item.noticed, self._rules, now)
        over = expire(after, now)
        if over is not None and over.event is not None:
            after = over.case
            events.append(over.event)
        if case.lease_by is not None and case.lease_by == item.case.lease_by:
            # Whatever else became of it, the claim ends here.
            after = policy.rescheduled(after)
        elif after is case:
            return None
        return Change(after.model_copy(update={"rev": case.rev + 1}), case.rev, tuple(events))

    def _tell(self, changes: Sequence[Change], work: dict[str, Work], now: datetime) -> None:
        self._hub.publish(change.case for change in changes)
        for change in changes:
            if not change.events:
                continue
            # A case without an event before this can have no others pending: the relay need not read it.
            first = change.case.case_version == 0 and change.case.alert_version == len(change.events)
            records = records_of(change.events, now, change.case.traceparent) if first else None
            self._relay.offer(change.case.report_id, records)
            self._measure(change, work[change.case.report_id].plan)

    @staticmethod
    def _measure(change: Change, plan: Plan | None) -> None:
        if any(isinstance(event, CaseTransferExpired) for event in change.events):
            instruments.TRANSFERS.labels("expired").inc()
        if plan is not None and plan.nobody:
            instruments.NOBODY.inc()
        if plan is not None and plan.escalated:
            instruments.ESCALATED.labels(str(plan.step)).inc()
