"""Anything else by Apprise URL: messengers, text messages, push services (https://github.com/caronc/apprise)."""

import asyncio
from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

REFUSED: Final = "refused"
"""Apprise says only whether a service took it."""
BAD_URL: Final = "bad_url"


class AppriseChannel:
    """Sends short texts. Apprise and what it needs are loaded with the first text: most deployments have none."""

    def __init__(self, urls: Mapping[str, SecretStr], timeout_s: float) -> None:
        """``urls`` by the name an endpoint has for them."""
        self._urls = urls
        self._timeout_s = timeout_s

    async def send(self, name: str, subject: str, body: str) -> str | None:
        """None, or a short code. Apprise blocks, so it has a thread; one that hangs is left behind after the limit."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.to_thread(_notify, self._urls[name].get_secret_value(), subject, body)
        except TimeoutError:
            return "timeout"


def _notify(url: str, subject: str, body: str) -> str | None:
    from apprise import Apprise  # noqa: PLC0415  # 30 MB that only a deployment with such a channel should pay for

    service = Apprise()
    if not service.add(url):
        return BAD_URL
    return None if service.notify(title=subject, body=body) else REFUSED
