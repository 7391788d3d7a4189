"""Hands messages to their channels, several at a time, and says of each what came of it."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from services.notify.channels import SPARED, TOO_LATE, AppriseChannel, Breaker, MailChannel, WebhookChannel
from services.notify.channels.email import Send
from services.notify.channels.reasons import CIRCUIT_OPEN
from services.notify.escalation import rules as policy
from services.notify.escalation.attempts import Letter, Parcel
from services.notify.escalation.messages import alert_hook, alert_mail, alert_text
from services.notify.settings import NotifySettings
from shared.clock import Clock
from shared.events.vocabulary import AlertChannel

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
