"""Select the alerts due to each endpoint, check each right before it is sent, and send it through its channel."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from math import inf
from typing import Final

from services.notify.cases.models import CENTRAL_DESK, Case, Target
from services.notify.cases.repository import CaseStore
from services.notify.channels.apprise import AppriseChannel
from services.notify.channels.breaker import CIRCUIT_OPEN, SPARED, TOO_LATE, Breaker
from services.notify.channels.email import MailChannel, Send
from services.notify.channels.messages import ASK_OF, Alert, Ask, alert_hook, alert_mail, alert_text
from services.notify.channels.webhook import WebhookChannel
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import AttemptResult, Deferred, Endpoint, OfferNotice, Plan, RecentAlerts
from services.notify.settings import NotifySettings
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.vocabulary import AlertChannel, Urgency

ANY_CENTER = "*"


def address(settings: NotifySettings, center_id: str, target: Target) -> str:
    """The mail address of one of a centre's desks, or of the central night desk; empty where there is none."""
    if target is Target.CENTRAL:
        return settings.central_address
    templates = {
        Target.DUTY: settings.duty_address,
        Target.COLLEAGUES: settings.colleagues_address,
        Target.LEAD: settings.lead_address,
    }
    return templates[target].replace("{center}", center_id)


class RecipientDirectory:
    """The endpoints of every centre, as the settings have them."""

    def __init__(self, settings: NotifySettings) -> None:
        self._settings = settings
        self.of = cache(self._of)

    def _of(self, center_id: str) -> tuple[Endpoint, ...]:
        """Every endpoint of a centre, ``central``'s night desk among them."""
        return tuple(endpoint for target in Target for endpoint in self._to(center_id, target))

    def _to(self, center_id: str, target: Target) -> list[Endpoint]:
        place = f"{CENTRAL_DESK if target is Target.CENTRAL else center_id}/{target}"
        found = []
        to = address(self._settings, center_id, target)
        if to:
            found.append(Endpoint(f"email:{place}", target, AlertChannel.EMAIL, to))
        for channel, names in (
            (AlertChannel.WEBHOOK, self._settings.webhooks),
            (AlertChannel.APPRISE, self._settings.apprise_urls),
        ):
            name = place if place in names else f"{ANY_CENTER}/{target}"
            if name in names:
                found.append(Endpoint(f"{channel}:{place}", target, channel, name))
        return found


@dataclass(slots=True, eq=False)
class ClaimedCase:
    """One claimed case on its way through a pass."""

    case: Case
    plan: Plan | None
    notice: OfferNotice | None = None
    results: list[AttemptResult] = field(default_factory=list)
    noticed: AttemptResult | None = None
    wanted: list[Endpoint] = field(default_factory=list)
    """Endpoints to tell the escalation's step now."""
    deferred_until: datetime | None = None
    """When what was left for a bundle goes."""
    waited: bool = False
    """It was left for a bundle already, in the hands of this process."""
    seen_at: float | None = None
    """When the store was known to have the case as it is here (monotonic)."""

    @property
    def planned(self) -> Plan:
        """The escalation's plan; only asked for if there is one."""
        if self.plan is None:
            raise RuntimeError("nothing was planned for this case")
        return self.plan

    @property
    def left(self) -> Deferred:
        """Alerts still wanted: deferred for a batch, too late, or without a store to check first."""
        tried = {result.endpoint for result in self.results}
        return Deferred(tuple((e.target, e.key) for e in self.wanted if e.key not in tried), self.deferred_until)

    @property
    def settles(self) -> bool:
        """Whether there is something to write down: something came of it, waits for a batch, or nothing was wanted.

        Nothing is wanted where an endpoint that was to be tried again is there no more.
        """
        return bool(self.results) or self.deferred_until is not None or not self.wanted

    def defer_until(self, deferred_until: datetime) -> None:
        """Something of it is deferred for a batch that goes then."""
        self.deferred_until = (
            deferred_until if self.deferred_until is None else min(self.deferred_until, deferred_until)
        )


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One alert to one endpoint and what it is for: a step of the escalation (``target``), or the offer (none)."""

    item: ClaimedCase
    target: Target | None
    endpoint: Endpoint
    alert: Alert


@dataclass(frozen=True, slots=True)
class BatchedAlert:
    """Alerts that go to one endpoint as one message."""

    endpoint: Endpoint
    delivery_attempts: tuple[DeliveryAttempt, ...]

    @property
    def urgent(self) -> bool:
        """Whether a critical case is in it: it goes before what can wait."""
        return any(_critical(attempt) for attempt in self.delivery_attempts)


def delivery_attempts(work: Sequence[ClaimedCase], directory: RecipientDirectory) -> list[DeliveryAttempt]:
    """Every alert that is due. Whoever has no endpoint at all is noted in the work as not reached."""
    made: list[DeliveryAttempt] = []
    for item in work:
        if item.plan is not None:
            made += _of_escalation(item, item.plan, directory)
        if item.notice is not None:
            made += _of_offer(item, item.notice, directory)
    return made


def _of_escalation(item: ClaimedCase, made: Plan, directory: RecipientDirectory) -> list[DeliveryAttempt]:
    chosen, nowhere = policy.endpoints_for(made, directory.of(made.center_id))
    for target in nowhere:
        alert_id = policy.alert_id(item.case.report_id, made, target)
        item.results.append(AttemptResult(target, alert_id, ok=False, channel=AlertChannel.NONE))
    item.wanted = chosen
    return [
        DeliveryAttempt(
            item,
            endpoint.target,
            endpoint,
            _alert(item.case, policy.alert_id(item.case.report_id, made, endpoint.target), ASK_OF[made.cause]),
        )
        for endpoint in chosen
    ]


def _of_offer(item: ClaimedCase, notice: OfferNotice, directory: RecipientDirectory) -> list[DeliveryAttempt]:
    """One message: by mail where the desk has an address, else by what it has, else to the lead."""
    places = directory.of(notice.to_center_id)
    found = [one for target in (notice.target, Target.LEAD) for one in places if one.target is target]
    if not found:
        item.noticed = AttemptResult(
            notice.target, notice.alert_id, ok=False, reason="no_channel", channel=AlertChannel.NONE
        )
    return [DeliveryAttempt(item, None, found[0], _alert(item.case, notice.alert_id, Ask.OFFER))] if found else []


def _alert(case: Case, alert_id: str, ask: Ask) -> Alert:
    return Alert(
        alert_id=alert_id,
        ask=ask,
        alias=case.alias,
        urgency=case.urgency,
        received_at=case.received_at,
        path=f"/cases/{case.report_id}",
    )


def batched_alerts(
    due: Sequence[DeliveryAttempt], sent: Mapping[str, RecentAlerts], now: datetime
) -> list[BatchedAlert]:
    """The messages to send now. What a place that had many is to get later is noted in the work.

    An offer always goes alone: it asks for something else, and there are few. So does the first alert of a critical
    case, which waits for nothing. Nothing is left twice: in a surge more cases than one pass takes wait at a place, and
    each pass would close it for the next one.
    """
    made: list[BatchedAlert] = []
    places: dict[str, list[DeliveryAttempt]] = defaultdict(list)
    for attempt in due:
        if goes_alone(attempt):
            made.append(BatchedAlert(attempt.endpoint, (attempt,)))
        else:
            places[attempt.endpoint.key].append(attempt)
    for key, waiting in places.items():
        before = sent.get(key, RecentAlerts())
        goes = any(_was_deferred(attempt) or _critical(attempt) for attempt in waiting)
        deferred_until = None if goes else policy.deferred_until(before, now)
        # A full bundle need not wait for more: in a surge nobody waits for the sake of fewer messages.
        held = len(waiting) % policy.BATCH_SIZE if deferred_until is not None else 0
        ready = waiting[: len(waiting) - held]
        made += [BatchedAlert(waiting[0].endpoint, tuple(some)) for some in policy.batches(ready, before, now)]
        if deferred_until is not None:
            for attempt in waiting[len(ready) :]:
                attempt.item.defer_until(deferred_until)
    return sorted(made, key=lambda batch: not batch.urgent)


def goes_alone(attempt: DeliveryAttempt) -> bool:
    """Return whether it goes at once in a message of its own, whatever else its place has got."""
    return attempt.target is None or _first_critical(attempt)


def _critical(attempt: DeliveryAttempt) -> bool:
    return attempt.target is not None and attempt.item.case.urgency is Urgency.CRITICAL


def _first_critical(attempt: DeliveryAttempt) -> bool:
    return _critical(attempt) and (attempt.item.planned.step, attempt.item.planned.round) == (1, 1)


def _was_deferred(attempt: DeliveryAttempt) -> bool:
    escalation = attempt.item.case.escalation
    return attempt.item.waited or (escalation is not None and escalation.was_deferred)


FRESH_S: Final = 0.25
"""How old a look at the store may be when a message goes; a read per message would halve the pace of a surge. Longer
than new cases gather (``gather_s``): what this process has just written need not be read before it is told."""
LONGEST_FRESH_S: Final = 2.0
"""A look that takes longer than ``FRESH_S`` counts for as long as it took, and at most so long: were it stale when its
answer comes, a slow store would be asked once for every message, by all of them at the same time."""
URGENT_FRESH_S: Final = 1.0
"""How old it may be when a critical case's alert goes, and how long that waits for a new one. An alert that somebody
has just answered costs them a glance; one that waits behind a slow store may be seen by nobody."""


_LOOK_AHEAD: Final = 100


class PreSendCheck:
    """A newer state that this process gave out counts at once; the store is asked at most every quarter of a second."""

    def __init__(
        self, batched_alerts: Sequence[BatchedAlert], cases: CaseStore, broadcaster: ConsoleBroadcaster, clock: Clock
    ) -> None:
        self._batches = batched_alerts
        self._cases = cases
        self._broadcaster = broadcaster
        self._clock = clock
        items = [attempt.item for batch in batched_alerts for attempt in batch.delivery_attempts]
        self._seen = {
            item.case.report_id: (_alert_state(item.case), item.seen_at) for item in items if item.seen_at is not None
        }
        """A case that was just read or written need not be asked for once more."""
        self._fresh_s = FRESH_S
        self._gave_up_at = -inf
        """When the store last had no answer for what is critical."""
        self._looking = asyncio.Lock()

    async def __call__(self, index: int) -> list[DeliveryAttempt]:
        """Return the alerts of message ``index`` that may go.

        While the store is away nothing may, and the next claim sends it: only what is critical goes as it was known.
        """
        batch = self._batches[index]
        wanted = [attempt for attempt in batch.delivery_attempts if self._wanted_as_shown(attempt)]
        unknown_goes = False
        try:
            if not batch.urgent:
                await self._look_again(index, wanted, 0.0)
            elif not (unknown_goes := self._clock.monotonic() - self._gave_up_at < URGENT_FRESH_S):
                async with asyncio.timeout(URGENT_FRESH_S):
                    await self._look_again(index, wanted, URGENT_FRESH_S)
        except (TransientError, TimeoutError):
            if not batch.urgent:
                return []
            self._gave_up_at, unknown_goes = self._clock.monotonic(), True
        return [
            attempt
            for attempt in wanted
            if self._wanted_as_shown(attempt) and self._wanted_as_stored(attempt, otherwise=unknown_goes)
        ]

    def _wanted_as_shown(self, attempt: DeliveryAttempt) -> bool:
        given = self._broadcaster.given(attempt.item.case.report_id)
        return given is None or given.rev <= attempt.item.case.rev or _wanted(attempt, _alert_state(given))

    def _wanted_as_stored(self, attempt: DeliveryAttempt, *, otherwise: bool) -> bool:
        known = self._seen.get(attempt.item.case.report_id)
        return otherwise if known is None else _wanted(attempt, known[0])

    def _stale(self, attempt: DeliveryAttempt, fresh_s: float) -> bool:
        known = self._seen.get(attempt.item.case.report_id)
        return known is None or self._clock.monotonic() - known[1] > max(self._fresh_s, fresh_s)

    async def _look_again(self, index: int, wanted: Sequence[DeliveryAttempt], fresh_s: float) -> None:
        """Ask the store where what is known of a message is stale; one question at a time answers for many."""
        if not any(self._stale(attempt, fresh_s) for attempt in wanted):
            return
        async with self._looking:
            if any(self._stale(attempt, fresh_s) for attempt in wanted):
                await self._look(index)

    async def _look(self, index: int) -> None:
        ahead: dict[str, None] = {}
        for batch in self._batches[index:]:
            if ahead and len(ahead) + len(batch.delivery_attempts) > _LOOK_AHEAD:
                break
            ahead |= dict.fromkeys(attempt.item.case.report_id for attempt in batch.delivery_attempts)
        asked = self._clock.monotonic()
        states = await self._cases.alert_states(list(ahead))
        answered = self._clock.monotonic()
        self._fresh_s = min(max(FRESH_S, answered - asked), LONGEST_FRESH_S)
        # Where the answer took long, its age is counted from when it came.
        at = asked if answered - asked < FRESH_S else answered
        self._seen.update((report_id, (state, at)) for report_id, state in states.items())


def _alert_state(case: Case) -> tuple[int | None, str | None]:
    return (
        case.escalation.run if case.escalation is not None else None,
        case.offer.offer_id if case.offer is not None else None,
    )


def _wanted(attempt: DeliveryAttempt, state: tuple[int | None, str | None]) -> bool:
    run, offer_id = state
    if attempt.target is None:
        return attempt.item.notice is not None and offer_id == attempt.item.notice.offer_id
    return run == attempt.item.planned.run


_LOG = log.get(__name__)
AT_ONCE: Final = 16
"""Messages on their way at the same time; mails wait for a free connection besides."""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Result of a message: ``told`` are the attempts that were still wanted; ``reason``: why it was not taken."""

    told: tuple[DeliveryAttempt, ...]
    reason: str | None


class Delivery:
    """All channels behind one interface, each receiver behind a circuit breaker of its own."""

    def __init__(self, settings: NotifySettings, mail: MailChannel, clock: Clock) -> None:
        """``mail`` is shared with whoever else mails."""
        self._settings = settings
        self._clock = clock
        self._root = settings.public_urls["notify"].rstrip("/")
        self._mail = mail
        self._hooks = WebhookChannel(settings.webhooks, settings.smtp_timeout_s, clock)
        self._texts = AppriseChannel(settings.apprise_urls, settings.smtp_timeout_s)
        self._breakers: Mapping[str, Breaker] = defaultdict(lambda: Breaker(clock))

    async def send(
        self,
        batched_alerts: Sequence[BatchedAlert],
        deadline: float,
        wanted: Callable[[int], Awaitable[list[DeliveryAttempt]]],
    ) -> list[DeliveryResult]:
        """Send all. What cannot be begun before ``deadline`` (monotonic) is not sent: a lease must not end meanwhile.

        ``wanted`` says right before each which of its attempts should still go.
        """
        outcomes: list[DeliveryResult] = [DeliveryResult((), TOO_LATE)] * len(batched_alerts)
        work = iter(range(len(batched_alerts)))

        async def worker() -> None:
            for index in work:
                outcomes[index] = await self._alone(batched_alerts[index], partial(wanted, index), deadline)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(batched_alerts))):
                group.create_task(worker())
        return outcomes

    async def _alone(
        self, batch: BatchedAlert, wanted: Callable[[], Awaitable[list[DeliveryAttempt]]], deadline: float
    ) -> DeliveryResult:
        """Deliver one message. Whatever goes wrong with it is a failed delivery of this one, tried again as such."""
        try:
            return await self._one(batch, wanted, deadline)
        except Exception as error:  # a fault in a channel or in what it says must not end every other alert
            name = type(error).__name__
            _LOG.exception("delivery.raised", error=name, channel=batch.endpoint.channel.value)
            self._breakers[self._circuit(batch)].came_of(ok=False)
            return DeliveryResult(batch.delivery_attempts, f"error_{name}")

    async def _one(
        self, batch: BatchedAlert, wanted: Callable[[], Awaitable[list[DeliveryAttempt]]], deadline: float
    ) -> DeliveryResult:
        if batch.endpoint.channel is not AlertChannel.EMAIL:
            return await self._now(batch, wanted, deadline, None)
        if not await wanted():  # before the wait: no connection waits for the store
            return DeliveryResult((), SPARED)
        async with self._mail.turn(urgent=batch.urgent) as send:
            # And once more after it, or somebody could have answered meanwhile; mostly the first look is fresh enough.
            return await self._now(batch, wanted, deadline, send)

    async def _now(
        self,
        batch: BatchedAlert,
        wanted: Callable[[], Awaitable[list[DeliveryAttempt]]],
        deadline: float,
        send: Send | None,
    ) -> DeliveryResult:
        delivery_attempts = await wanted()
        if not delivery_attempts:
            return DeliveryResult((), SPARED)
        if self._clock.monotonic() + self._settings.smtp_timeout_s > deadline:
            return DeliveryResult((), TOO_LATE)
        breaker = self._breakers[self._circuit(batch)]
        if not breaker.may_try():
            return DeliveryResult(tuple(delivery_attempts), CIRCUIT_OPEN)
        reason = await self._through(batch, delivery_attempts, deadline, send)
        if reason == TOO_LATE:
            return DeliveryResult((), TOO_LATE)
        breaker.came_of(ok=reason is None or reason.startswith("recipient_refused"))
        return DeliveryResult(tuple(delivery_attempts), reason)

    @staticmethod
    def _circuit(batch: BatchedAlert) -> str:
        """All mail goes through one server; every other receiver stands for itself."""
        channel = batch.endpoint.channel
        return channel.value if channel is AlertChannel.EMAIL else f"{channel}:{batch.endpoint.where}"

    async def _through(
        self, batch: BatchedAlert, delivery_attempts: Sequence[DeliveryAttempt], deadline: float, send: Send | None
    ) -> str | None:
        alerts = [attempt.alert for attempt in delivery_attempts]
        ids = [alert.alert_id for alert in alerts]
        message_id = ids[0] if len(ids) == 1 else policy.batch_id(ids)
        now, where = self._clock.now(), batch.endpoint.where
        match batch.endpoint.channel:
            case AlertChannel.WEBHOOK:
                return await self._hooks.send(where, message_id, alert_hook(message_id, alerts, self._root, now))
            case AlertChannel.APPRISE:
                said = alert_text(alerts, self._root, now)
                return await self._texts.send(where, said.subject, said.body, urgent=batch.urgent)
            case _:
                mail = alert_mail(message_id, alerts, where, self._settings.mail_from, self._root, now)
                return await (send or self._mail.send_one)(mail, deadline)

    async def close(self) -> None:
        """Close every channel."""
        await self._mail.close()
        await self._hooks.close()
        self._texts.close()
