"""Anything else by Apprise URL: messengers, text messages, push services (https://github.com/caronc/apprise)."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pydantic import SecretStr

REFUSED: Final = "refused"
"""Apprise says only whether a service took it."""
BAD_URL: Final = "bad_url"
BUSY: Final = "busy"
"""Every thread hangs at a service that does not answer; tried again like any failure."""
THREADS: Final = 8
"""At most so many texts are on their way; a service that hangs keeps no other part of the process waiting."""
URGENT_ONLY: Final = 2
"""So many of the threads are for urgent texts alone."""


class AppriseChannel:
    """Sends short texts. Apprise and what it needs are loaded with the first text: most deployments have none.

    Apprise blocks, so it has threads of its own: the shared pool of the process also hashes and resolves names.
    """

    def __init__(self, urls: Mapping[str, SecretStr], timeout_s: float) -> None:
        """``urls`` by the name an endpoint has for them."""
        self._urls = urls
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")
        self._running = 0

    async def send(self, name: str, subject: str, body: str, *, urgent: bool = False) -> str | None:
        """None, or a short code. A text that hangs keeps its thread until it ends; when all hang, none is begun."""
        if self._running >= (THREADS if urgent else THREADS - URGENT_ONLY):
            return BUSY
        self._running += 1
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, _notify, self._urls[name].get_secret_value(), subject, body
        )
        work.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(work)
        except TimeoutError:
            return "timeout"

    def _ended(self, work: "asyncio.Future[str | None]") -> None:
        self._running -= 1
        if not work.cancelled():
            work.exception()  # after a timeout nobody else asks for it

    def close(self) -> None:
        """Begin nothing more; a thread that hangs ends with the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _notify(url: str, subject: str, body: str) -> str | None:
    from apprise import Apprise  # noqa: PLC0415  # 30 MB that only a deployment with such a channel should pay for

    service = Apprise()
    if not service.add(url):
        return BAD_URL
    return None if service.notify(title=subject, body=body) else REFUSED
