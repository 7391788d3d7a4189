"""Queues notices before what they tell of is done, and sends them at least once.

A crash in between may tell of what was not done after all; none is lost.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final, cast

import aiosmtplib

from services.identity.accounts.models import Account, RefusedError
from services.identity.accounts.rules import is_mail_address
from services.identity.credentials import Vault
from services.identity.metrics import NOTICES
from services.identity.notices.messages import message
from services.identity.notices.models import KEPT, MAIL_FIELD, Language, Notice, Queued
from services.identity.notices.repository import NoticeStore
from services.identity.settings import IdentitySettings
from shared import log
from shared.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.rate_limit import RateLimit, RateLimiter
from shared.smtp import smtp_options

_log = log.get(__name__)

DELIVER_S: Final = 15.0
"""How often the queue is looked at for what was not taken or another process queued; what this one queues wakes it."""
EACH: Final = RateLimit(capacity=6, per_second=6 / 3600)
"""For one account and kind: who signs in from new devices all day fills no mailbox, and hides no changed factor."""
SETTLES: Final = timedelta(seconds=3)
"""Sent not before then: what it tells of may be refused at the last moment, and is taken back."""
_AT_ONCE: Final = 20
_FIRST: Final = timedelta(seconds=30)
_LONGEST: Final = timedelta(minutes=15)
_REFUSED_FOR_GOOD: Final = 500


class Notices:
    """Mails to the people accounts belong to."""

    def __init__(self, settings: IdentitySettings, store: NoticeStore, vault: Vault, clock: Clock) -> None:
        """Queues nothing if no mail server is set."""
        self._settings = settings
        self._store = store
        self._vault = vault
        self._clock = clock
        self._each = RateLimiter(EACH, clock)
        self.queued: Final = asyncio.Event()
        """A notice was queued here."""

    @asynccontextmanager
    async def about(self, account: Account, notice: Notice) -> AsyncIterator[None]:
        """Tell the account's person of what is done inside, unless that is refused. Raises ``TransientError``."""
        queued = await self._queue(account, notice)
        try:
            yield
        except RefusedError:
            if queued:
                with suppress(TransientError):
                    await self._store.remove(queued)
            raise

    @property
    def sends(self) -> bool:
        """Whether a mail server is set."""
        return bool(self._settings.smtp_host)

    def address_of(self, account: Account) -> str:
        """Return the address of an account's notices; empty if its person gave none, or it cannot be read."""
        return self._opened(account.subject, account) if account.mail is not None else ""

    async def deliver(self) -> None:
        """Send what is due. Raises ``TransientError`` where the mail server took something not; it is tried again."""
        now, failed = self._clock.now(), 0
        for queued in await self._store.due(now, _AT_ONCE):
            wait = min(_FIRST * 2 ** min(queued.tries, 10), _LONGEST)
            # Claimed before it is sent: another process, or this one after a crash, sends it again only then.
            if await self._store.postpone(queued, now + wait):
                outcome = await self._sent(queued)
                if outcome != "failed" or now - queued.at >= KEPT:
                    await self._store.remove(queued.id)
                    outcome = "given_up" if outcome == "failed" else outcome
                failed += outcome == "failed"
                NOTICES.labels(queued.notice.value, outcome).inc()
        if failed:
            raise TransientError(f"the mail server did not take {failed} notices to staff")

    async def _queue(self, account: Account, notice: Notice) -> str:
        if account.mail is None or not self._settings.smtp_host:
            NOTICES.labels(notice.value, "no_address").inc()
            return ""
        if not self._each.try_acquire(f"{account.subject} {notice.value}"):
            NOTICES.labels(notice.value, "rate_limited").inc()
            return ""
        now = self._clock.now()
        queued = Queued(
            id=secrets.token_urlsafe(15),
            subject=account.subject,
            notice=notice,
            language=cast("Language", account.language or "ko"),
            to=account.mail,
            at=now,
            due_at=now + SETTLES,
        )
        await self._store.add(queued)
        self.queued.set()
        return queued.id

    async def _sent(self, queued: Queued) -> str:
        """Send it and return the result: ``sent``, ``failed`` (try again), ``refused`` or ``unreadable``."""
        settings = self._settings
        to = self._opened(queued.subject, queued)
        if not to:
            return "unreadable"
        if not is_mail_address(to):
            # Kept by an earlier build, which took what a header reads as several addresses or as a group.
            return "refused"
        address = f"{settings.public_urls.get('identity', '').rstrip('/')}/account"
        try:
            async with asyncio.timeout(settings.smtp_timeout_s):
                await aiosmtplib.send(
                    message(queued, sender=settings.mail_from, to=to, address=address),
                    **smtp_options(settings),
                    timeout=settings.smtp_timeout_s,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return "refused" if all(one.code >= _REFUSED_FOR_GOOD for one in error.recipients) else "failed"
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            # The server's words may hold the address.
            _log.warning("notices.not_sent", notice=queued.notice.value, error=type(error).__name__)
            return "failed"
        return "sent"

    def _opened(self, subject: str, kept: Account | Queued) -> str:
        sealed = kept.mail if isinstance(kept, Account) else kept.to
        if sealed is None:
            return ""
        try:
            return self._vault.decrypt(subject, MAIL_FIELD, sealed).decode()
        except PermanentError:
            _log.error("notices.address_unreadable", subject=subject)
            return ""
