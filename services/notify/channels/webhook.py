"""Webhooks, signed as Standard Webhooks."""

import asyncio
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

import httpx

from services.notify.settings import WebhookWithSecret
from shared.clock import Clock
from shared.tls import trusted_authorities
from shared.webhooks import signed

_OK: Final = range(200, 300)


class WebhookChannel:
    """Posts to receivers. Follows no redirect: an alert goes where the deployment said and nowhere else."""

    def __init__(self, hooks: Mapping[str, WebhookWithSecret], timeout_s: float, clock: Clock) -> None:
        """``hooks`` by the name an endpoint has for them. Nothing is opened until the first message."""
        self._hooks = hooks
        self._timeout_s = timeout_s
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._names = cache(_thread)
        """The thread of each receiver, which asks for its name."""

    async def send(self, name: str, message_id: str, body: bytes) -> str | None:
        """None, or a short code of why the receiver did not take it; never its words."""
        hook = self._hooks[name]
        stamp = int(self._clock.now().timestamp())
        headers = signed([hook.secret.get_secret_value()], message_id, stamp, body)
        # A connection for each message: one that is kept may be closed by the receiver just as the next message goes.
        client = self._client = self._client or httpx.AsyncClient(
            timeout=self._timeout_s,
            trust_env=False,
            verify=trusted_authorities(),
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        try:
            # httpx limits each read: a receiver that sends a byte now and then would keep all other alerts waiting.
            async with asyncio.timeout(self._timeout_s):
                await self._look_up(name, httpx.URL(hook.url).host)
                async with client.stream(
                    "POST", hook.url, content=body, headers={**headers, "content-type": "application/json"}
                ) as answer:
                    status = answer.status_code
        except (TimeoutError, httpx.TimeoutException):
            return "timeout"
        except (socket.gaierror, httpx.ConnectError):
            return "connect"
        except httpx.HTTPError as error:
            return f"error_{type(error).__name__}"
        return None if status in _OK else f"http_{status}"

    async def _look_up(self, name: str, host: str) -> None:
        """Ask for the receiver's name before httpx does, in a thread of its own. Raises ``socket.gaierror``.

        httpx asks in threads that mails share; a name server that does not answer holds a thread long after the time
        for the message is over, and a handful of them would be all there are.
        """
        await asyncio.get_running_loop().run_in_executor(self._names(name), socket.getaddrinfo, host, None)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=f"webhook-{name}")
