"""Webhooks, signed as Standard Webhooks."""

import asyncio
from collections.abc import Mapping
from typing import Final

import httpx

from services.notify.settings import WebhookWithSecret
from shared.clock import Clock
from shared.webhooks import signed

_OK: Final = range(200, 300)
_REST_BYTES: Final = 4096
_REST_S: Final = 0.1
"""So much of an answer, and for so long, is read after its status, which alone counts: a connection whose answer was
not read to its end cannot be used again, and making one takes more CPU than the message."""
_UNUSED_S: Final = 1.0
"""So long a connection is kept for the next message: shorter than receivers keep theirs (2 seconds and more)."""


class WebhookChannel:
    """Posts to receivers. Follows no redirect: an alert goes where the deployment said and nowhere else."""

    def __init__(self, hooks: Mapping[str, WebhookWithSecret], timeout_s: float, clock: Clock) -> None:
        """``hooks`` by the name an endpoint has for them. Nothing is opened until the first message."""
        self._hooks = hooks
        self._timeout_s = timeout_s
        self._clock = clock
        self._client: httpx.AsyncClient | None = None

    async def send(self, name: str, message_id: str, body: bytes) -> str | None:
        """None, or a short code of why the receiver did not take it; never its words."""
        hook = self._hooks[name]
        stamp = int(self._clock.now().timestamp())
        headers = signed([hook.secret.get_secret_value()], message_id, stamp, body)
        client = self._client = self._client or httpx.AsyncClient(
            timeout=self._timeout_s, trust_env=False, limits=httpx.Limits(keepalive_expiry=_UNUSED_S)
        )
        status: int | None = None
        try:
            # httpx limits each read: a receiver that sends a byte now and then would keep all other alerts waiting.
            async with (
                asyncio.timeout(self._timeout_s) as limit,
                client.stream(
                    "POST", hook.url, content=body, headers={**headers, "content-type": "application/json"}
                ) as answer,
            ):
                status = answer.status_code
                limit.reschedule(asyncio.get_running_loop().time() + _REST_S)
                await _pass_over(answer)
        except httpx.ConnectError:
            return "connect"
        except (TimeoutError, httpx.HTTPError) as error:
            if status is None:
                timeout = isinstance(error, TimeoutError | httpx.TimeoutException)
                return "timeout" if timeout else f"error_{type(error).__name__}"
        return None if status in _OK else f"http_{status}"

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


async def _pass_over(answer: httpx.Response) -> None:
    size = 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > _REST_BYTES:
            return
