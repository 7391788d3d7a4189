"""Which alerts are due to which endpoints, the check right before each is sent, and the way through its channel."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Final

from services.notify.cases.models import CENTRAL_DESK, Case, Target
from services.notify.cases.repository import CaseStore
from services.notify.channels.apprise import AppriseChannel
from services.notify.channels.breaker import CIRCUIT_OPEN, SPARED, TOO_LATE, Breaker
from services.notify.channels.email import MailChannel, Send
from services.notify.channels.messages import ASK_OF, Alert, Ask, alert_hook, alert_mail, alert_text
from services.notify.channels.webhook import WebhookChannel
from services.notify.console.broadcaster import Hub
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import Endpoint, Left, Notice, Plan, Result, Sent
from services.notify.settings import NotifySettings
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.vocabulary import AlertChannel

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


class Directory:
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


@dataclass(slots=True)
class Work:
    """One claimed case on its way through a pass."""

    case: Case
    plan: Plan | None
    notice: Notice | None = None
    results: list[Result] = field(default_factory=list)
    noticed: Result | None = None
    wanted: list[Endpoint] = field(default_factory=list)
    """Where the ladder's rung is to be told now."""
    later: datetime | None = None
    """When what was left for a bundle goes."""

    @property
    def planned(self) -> Plan:
        """What the ladder says; only asked for where there is something."""
        if self.plan is None:
            raise RuntimeError("nothing was planned for this case")
        return self.plan

    @property
    def left(self) -> Left:
        """What was wanted and came to nothing yet: left for a bundle, too late, or no store to look at before."""
        tried = {result.endpoint for result in self.results}
        return Left(tuple((e.target, e.key) for e in self.wanted if e.key not in tried), self.later)

    @property
    def settles(self) -> bool:
        """Whether there is something to write down: something came of it, waits for a bundle, or nothing was wanted.

        Nothing is wanted where an endpoint that was to be tried again is there no more.
        """
        return bool(self.results) or self.later is not None or not self.wanted

    def wait_until(self, later: datetime) -> None:
        """Something of it is left for a bundle that goes then."""
        self.later = later if self.later is None else min(self.later, later)


@dataclass(frozen=True, slots=True)
class Letter:
    """One alert to one endpoint and what it is for: a rung of the ladder (``target``), or the offer (none)."""

    item: Work
    target: Target | None
    endpoint: Endpoint
    alert: Alert


@dataclass(frozen=True, slots=True)
class Parcel:
    """Letters that go to one endpoint as one message."""

    endpoint: Endpoint
    letters: tuple[Letter, ...]


def letters(work: Sequence[Work], directory: Directory) -> list[Letter]:
    """Every alert that is due. Whoever has no endpoint at all is noted in the work as not reached."""
    made: list[Letter] = []
    for item in work:
        if item.plan is not None:
            made += _of_ladder(item, item.plan, directory)
        if item.notice is not None:
            made += _of_offer(item, item.notice, directory)
    return made


def _of_ladder(item: Work, made: Plan, directory: Directory) -> list[Letter]:
    chosen, nowhere = policy.reached_by(made, directory.of(made.center_id))
    for target in nowhere:
        alert_id = policy.alert_id(item.case.report_id, made, target)
        item.results.append(Result(target, alert_id, ok=False, channel=AlertChannel.NONE))
    item.wanted = chosen
    return [
        Letter(
            item,
            endpoint.target,
            endpoint,
            _alert(item.case, policy.alert_id(item.case.report_id, made, endpoint.target), ASK_OF[made.cause]),
        )
        for endpoint in chosen
    ]


def _of_offer(item: Work, notice: Notice, directory: Directory) -> list[Letter]:
    mails = [
        endpoint
        for endpoint in directory.of(notice.to_center_id)
        if endpoint.target is notice.target and endpoint.channel is AlertChannel.EMAIL
    ]
    if not mails:
        item.noticed = Result(notice.target, notice.alert_id, ok=False, reason="no_channel", channel=AlertChannel.NONE)
    return [Letter(item, None, mails[0], _alert(item.case, notice.alert_id, Ask.OFFER))] if mails else []


def _alert(case: Case, alert_id: str, ask: Ask) -> Alert:
    return Alert(
        alert_id=alert_id,
        ask=ask,
        alias=case.alias,
        urgency=case.urgency,
        received_at=case.received_at,
        path=f"/cases/{case.report_id}",
    )


def parcels(due: Sequence[Letter], sent: Mapping[str, Sent], now: datetime) -> list[Parcel]:
    """The messages to send now. What a place that had many is to get later is noted in the work.

    An offer always goes alone: it asks for something else, and there are few. Nothing is left twice: in a surge more
    cases than one pass takes wait at a place, and each pass would close it for the next one.
    """
    made = [Parcel(letter.endpoint, (letter,)) for letter in due if letter.target is None]
    places: dict[str, list[Letter]] = defaultdict(list)
    for letter in due:
        if letter.target is not None:
            places[letter.endpoint.key].append(letter)
    for key, waiting in places.items():
        before = sent.get(key, Sent())
        waited = any(_gathered(letter) for letter in waiting)
        later = None if waited else policy.gathers_until(before, now)
        # A full bundle need not wait for more: in a surge nobody waits for the sake of fewer messages.
        held = len(waiting) % policy.BUNDLE_SIZE if later is not None else 0
        ready = waiting[: len(waiting) - held]
        made += [Parcel(waiting[0].endpoint, tuple(some)) for some in policy.bundles(ready, before, now)]
        if later is not None:
            for letter in waiting[len(ready) :]:
                letter.item.wait_until(later)
    return made


def _gathered(letter: Letter) -> bool:
    ladder = letter.item.case.ladder
    return ladder is not None and ladder.gathered


FRESH_S: Final = 0.1
"""How old a look at the store may be when a message goes; a read per message would halve the pace of a surge."""


_LOOK_AHEAD: Final = 100


class LastLook:
    """A newer state that this process gave out counts at once; the store is asked at most every tenth of a second."""

    def __init__(self, parcels: Sequence[Parcel], cases: CaseStore, hub: Hub, clock: Clock) -> None:
        self._parcels = parcels
        self._cases = cases
        self._hub = hub
        self._clock = clock
        self._seen: dict[str, tuple[tuple[int | None, str | None], float]] = {}

    async def __call__(self, index: int) -> list[Letter]:
        """What of parcel ``index`` may go. While the store is away nothing may: the next claim sends it."""
        wanted = [letter for letter in self._parcels[index].letters if self._by_hub(letter)]
        if not wanted:
            return []
        if any(self._stale(letter) for letter in wanted):
            try:
                await self._look(index)
            except TransientError:
                return []
        return [letter for letter in wanted if self._by_store(letter)]

    def _by_hub(self, letter: Letter) -> bool:
        given = self._hub.given(letter.item.case.report_id)
        return given is None or given.rev <= letter.item.case.rev or _wanted(letter, _standing(given))

    def _stale(self, letter: Letter) -> bool:
        known = self._seen.get(letter.item.case.report_id)
        return known is None or self._clock.monotonic() - known[1] > FRESH_S

    def _by_store(self, letter: Letter) -> bool:
        known = self._seen.get(letter.item.case.report_id)
        return known is not None and _wanted(letter, known[0])

    async def _look(self, index: int) -> None:
        ahead: dict[str, None] = {}
        for parcel in self._parcels[index:]:
            if ahead and len(ahead) + len(parcel.letters) > _LOOK_AHEAD:
                break
            ahead |= dict.fromkeys(letter.item.case.report_id for letter in parcel.letters)
        at = self._clock.monotonic()
        for report_id, standing in (await self._cases.standing(list(ahead))).items():
            self._seen[report_id] = (standing, at)


def _standing(case: Case) -> tuple[int | None, str | None]:
    return (
        case.ladder.run if case.ladder is not None else None,
        case.offer.offer_id if case.offer is not None else None,
    )


def _wanted(letter: Letter, standing: tuple[int | None, str | None]) -> bool:
    run, offer_id = standing
    if letter.target is None:
        return letter.item.notice is not None and offer_id == letter.item.notice.offer_id
    return run == letter.item.planned.run


AT_ONCE: Final = 16
"""Messages on their way at the same time; mails wait for a free connection besides."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one parcel: ``told`` are the letters that were still wanted, ``reason`` None where it was taken."""

    told: tuple[Letter, ...]
    reason: str | None


class Delivery:
    """All channels behind one door, each receiver behind a circuit breaker of its own."""

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
        self, parcels: Sequence[Parcel], deadline: float, wanted: Callable[[int], Awaitable[list[Letter]]]
    ) -> list[Outcome]:
        """Send all. What cannot be begun before ``deadline`` (monotonic) is not sent: a lease must not end meanwhile.

        ``wanted`` says right before each which of its letters should still go.
        """
        outcomes: list[Outcome] = [Outcome((), TOO_LATE)] * len(parcels)
        work = iter(range(len(parcels)))

        async def worker() -> None:
            for index in work:
                outcomes[index] = await self._one(parcels[index], partial(wanted, index), deadline)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(parcels))):
                group.create_task(worker())
        return outcomes

    async def _one(self, parcel: Parcel, wanted: Callable[[], Awaitable[list[Letter]]], deadline: float) -> Outcome:
        if parcel.endpoint.channel is not AlertChannel.EMAIL:
            return await self._now(parcel, wanted, deadline, None)
        async with self._mail.turn() as send:
            # The look comes after the wait for a connection, or somebody could have answered meanwhile.
            return await self._now(parcel, wanted, deadline, send)

    async def _now(
        self, parcel: Parcel, wanted: Callable[[], Awaitable[list[Letter]]], deadline: float, send: Send | None
    ) -> Outcome:
        letters = await wanted()
        if not letters:
            return Outcome((), SPARED)
        if self._clock.monotonic() + self._settings.smtp_timeout_s > deadline:
            return Outcome((), TOO_LATE)
        breaker = self._breakers[self._circuit(parcel)]
        if not breaker.may_try():
            return Outcome(tuple(letters), CIRCUIT_OPEN)
        reason = await self._through(parcel, letters, deadline, send)
        if reason == TOO_LATE:
            return Outcome((), TOO_LATE)
        breaker.came_of(ok=reason is None or reason.startswith("recipient_refused"))
        return Outcome(tuple(letters), reason)

    @staticmethod
    def _circuit(parcel: Parcel) -> str:
        """All mail goes through one server; every other receiver stands for itself."""
        channel = parcel.endpoint.channel
        return channel.value if channel is AlertChannel.EMAIL else f"{channel}:{parcel.endpoint.where}"

    async def _through(
        self, parcel: Parcel, letters: Sequence[Letter], deadline: float, send: Send | None
    ) -> str | None:
        alerts = [letter.alert for letter in letters]
        ids = [alert.alert_id for alert in alerts]
        message_id = ids[0] if len(ids) == 1 else policy.bundle_id(ids)
        now, where = self._clock.now(), parcel.endpoint.where
        match parcel.endpoint.channel:
            case AlertChannel.WEBHOOK:
                return await self._hooks.send(where, message_id, alert_hook(message_id, alerts, self._root, now))
            case AlertChannel.APPRISE:
                said = alert_text(alerts, self._root, now)
                return await self._texts.send(where, said.subject, said.body)
            case _:
                mail = alert_mail(message_id, alerts, where, self._settings.mail_from, self._root, now)
                return await (send or self._mail.send_one)(mail, deadline)

    async def close(self) -> None:
        """Close every channel."""
        await self._mail.close()
        await self._hooks.close()
