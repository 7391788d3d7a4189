"""The dead-man signal to the world outside: a watcher elsewhere calls somebody when it stops.

Whatever watches from within falls silent together with what it watches: a machine room without power mails nobody. So
the auditor knocks at an address outside once a minute, as long as it sees everything and whatever it had to say was
taken. The knock says nothing: no body, no counts. That it is missing is the alarm, and the watcher's own to give.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import httpx

from services.notify.auditor import metrics
from shared import log
from shared.tls import trusted_authorities

_LOG = log.get(__name__)
EVERY_S: Final = 60.0
TIMEOUT_S: Final = 10.0


class Heartbeat:
    """Knocks at one address. Its answer does not matter beyond having come; redirects are not followed."""

    def __init__(self, url: str, well: Callable[[], str | None]) -> None:
        """``well`` says why nothing should be sent now, or None."""
        self._url = url
        self._well = well

    async def beat(self) -> bool:
        """Knock once, unless something is wrong; whether it was heard."""
        reason = self._well()
        if reason is not None:
            metrics.HEARTBEATS.labels("withheld").inc()
            _LOG.warning("auditor.heartbeat_withheld", reason=reason)
            return False
        try:
            # Streamed, so that an answer without end is not read; httpx limits each read, and not all of them together.
            # Never logged: whoever knows the address can knock.
            async with (
                asyncio.timeout(TIMEOUT_S),
                httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, verify=trusted_authorities()) as http,
                http.stream("POST", self._url) as answer,
            ):
                failure = None if answer.is_success else f"http_{answer.status_code}"
        except (TimeoutError, httpx.HTTPError) as error:
            failure = type(error).__name__
        metrics.HEARTBEATS.labels("sent" if failure is None else "failed").inc()
        if failure is not None:
            _LOG.warning("auditor.heartbeat_failed", error=failure)
        return failure is None
