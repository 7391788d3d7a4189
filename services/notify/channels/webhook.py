"""Webhooks, signed as Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks (spec, v1).

The id of a message is the same whenever it is sent again: ``webhook-id`` is what a receiver tells doubles by.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import httpx

from services.notify.settings import WebhookWithSecret
from shared.clock import Clock

_SECRET: Final = "whsec_"  # noqa: S105  # the prefix every secret has
_OK: Final = range(200, 300)


def signed(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message. ``secret`` is ``whsec_`` and base64, as the specification has it."""
    key = base64.b64decode(secret.removeprefix(_SECRET))
    content = f"{message_id}.{timestamp}.".encode() + body
    made = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{made}"}


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
        headers = signed(hook.secret.get_secret_value(), message_id, stamp, body)
        client = self._client = self._client or httpx.AsyncClient(timeout=self._timeout_s, trust_env=False)
        try:
            async with client.stream(
                "POST", hook.url, content=body, headers={**headers, "content-type": "application/json"}
            ) as answer:
                status = answer.status_code
        except httpx.TimeoutException:
            return "timeout"
        except httpx.ConnectError:
            return "connect"
        except httpx.HTTPError as error:
            return f"error_{type(error).__name__}"
        return None if status in _OK else f"http_{status}"

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
