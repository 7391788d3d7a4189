"""How an alert reaches people: e-mail over a few SMTP connections that stay open."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import aiosmtplib

from services.notify.channels.breaker import TOO_LATE
from services.notify.channels.messages import Mail
from services.notify.settings import NotifySettings
from shared.clock import Clock
from shared.smtp import smtp_options

_IDLE_S: Final = 20.0
"""A connection unused for longer may have been closed by the other side; a new one is safer than a lost alert."""

Send = Callable[[Mail, float], Awaitable[str | None]]
"""Sends one mail before a deadline; None, or why the server did not take it."""


def reserved_of(connections: int) -> int:
    """Return how many connections are for urgent mails alone: a quarter, and one of two or three."""
    return max(1, connections // 4) if connections > 1 else 0


class MailChannel:
    """Sends mails, several at a time, and says of each whether the server took it."""

    def __init__(self, settings: NotifySettings, clock: Clock) -> None:
        """No connection is opened until the first mail."""
        self._settings = settings
        self._clock = clock
        self._all = [_Connection(settings, clock) for _ in range(settings.smtp_connections)]
        self._free = list(self._all)
        self._reserved = reserved_of(len(self._all))
        """So many free ones only urgent mails may have: they never wait for a burst of others or a slow receiver."""
        self._waiting: dict[bool, deque[asyncio.Future[_Connection]]] = {True: deque(), False: deque()}
        """Mails that wait for a connection, in the order in which they came; by whether they are urgent."""

    async def send(self, mails: Sequence[Mail], deadline: float) -> list[str | None]:
        """Send all, several at a time; per mail None, or a short reason why the server did not take it.

        ``deadline`` is on the clock's monotonic scale: a mail not begun by then is not sent (reason ``too_late``).
        """
        return list(await asyncio.gather(*(self.send_one(mail, deadline) for mail in mails)))

    async def send_one(self, mail: Mail, deadline: float) -> str | None:
        """Send one, as soon as a connection is free."""
        async with self.turn() as send:
            return await send(mail, deadline)

    @asynccontextmanager
    async def turn(self, *, urgent: bool = False) -> AsyncIterator[Send]:
        """Wait for a free connection and have it: whatever is decided inside is decided right before the mail goes.

        An urgent mail has any free one, or the next that becomes free.
        """
        turn: asyncio.Future[_Connection] = asyncio.get_running_loop().create_future()
        self._waiting[urgent].append(turn)
        self._hand_out()
        try:
            yield partial(self._one, await turn)
        finally:
            if not turn.cancelled():  # it was given a connection, in time or too late
                self._free.append(turn.result())
            self._hand_out()

    def _hand_out(self) -> None:
        for urgent, kept in ((True, 0), (False, self._reserved)):
            waiting = self._waiting[urgent]
            while waiting and (len(self._free) > kept or waiting[0].done()):
                turn = waiting.popleft()
                if not turn.done():
                    turn.set_result(self._free.pop())

    async def _one(self, connection: "_Connection", mail: Mail, deadline: float) -> str | None:
        if self._clock.monotonic() + self._settings.smtp_timeout_s > deadline:
            return TOO_LATE
        try:
            async with asyncio.timeout(self._settings.smtp_timeout_s):
                await connection.send(mail)
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as error:
            await connection.drop()
            return reason_of(error)
        return None

    async def close(self) -> None:
        """Close all connections, politely where that is quick."""
        for connection in self._all:
            await connection.drop()


def reason_of(error: Exception) -> str:
    """A short code for why a mail was not taken; never the server's words, which may hold an address."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=recipients):
            return f"recipient_refused_{min(refusal.code for refusal in recipients)}"
        case aiosmtplib.SMTPResponseException(code=code):
            return f"smtp_{code}"
        case aiosmtplib.SMTPConnectError() | ConnectionError():
            return "connect"
        case TimeoutError():
            return "timeout"
        case _:
            return f"error_{type(error).__name__}"


class _Connection:
    def __init__(self, settings: NotifySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client: aiosmtplib.SMTP | None = None
        self._used = 0.0

    async def send(self, mail: Mail) -> None:
        idle = self._clock.monotonic() - self._used > _IDLE_S
        if self._client is not None and (idle or not self._client.is_connected):
            await self.drop()
        client = self._client or await self._open()
        await client.sendmail(self._settings.mail_from, [mail.to], mail.content)
        self._used = self._clock.monotonic()

    async def _open(self) -> aiosmtplib.SMTP:
        settings = self._settings
        client = aiosmtplib.SMTP(
            **smtp_options(settings),
            timeout=settings.smtp_timeout_s,
        )
        await client.connect()
        self._client = client
        self._used = self._clock.monotonic()
        return client

    async def drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
