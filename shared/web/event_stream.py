"""Server-sent events (HTML Living Standard, 9.2): an answer that goes on until its source ends or its reader leaves.

Two tasks a stream, and no timer but the heartbeat. ``sse-starlette`` takes four with a cancel scope each, which was
more than a third of the memory of an open console, and a timer that looks twice a second whether the process ends.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Collection, Hashable
from contextlib import aclosing
from typing import Annotated, Final

import orjson
from fastapi import Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

HEARTBEAT_S: Final = 15.0
"""Proxies close a connection on which nothing comes for longer, often after 30 or 60 seconds. It is an event, ``ping``:
a page has to hear it to tell a connection that is dead from a night in which nothing happens."""
SEND_TIMEOUT_S: Final = 10.0
"""A reader that takes nothing for this long is gone or frozen."""
_RETRY_MS: Final = (500, 2500)
Tab = Annotated[
    str,
    Query(
        max_length=64,
        description=(
            "A random name that the reader keeps for as long as it follows the stream, and gives again when it comes "
            "back: the stream it had before then ends and counts no more, though nobody noticed that its line is dead."
        ),
        examples=["Vd0yJxwXq3"],
    ),
]


def no_room(streams: Collection[tuple[Hashable, bool]], tab: Hashable, limit: int) -> bool:
    """Return whether as many streams are open as there may be, without the one that ``tab`` had before.

    ``streams`` are the tab of each, and whether it is ending. A ``tab`` that is empty or None had none.
    """
    staying = sum(not ending and (not tab or other != tab) for other, ending in streams)
    # One that is ending and takes nothing is there for as long as sending may take.
    return staying >= limit or len(streams) >= 2 * limit


def event(name: str, data: bytes) -> bytes:
    """One event as it goes over the wire. ``data`` is one line, as JSON is."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def hello() -> bytes:
    """The first event of a stream. Like the last, it says after how long a page that lost the stream comes back."""
    return _spread("hello", b"{}")


def reconnect(reason: str) -> bytes:
    """The last event of a stream, which the page is to open again."""
    return _spread("reconnect", orjson.dumps({"reason": reason}))


def _spread(name: str, data: bytes) -> bytes:
    # Pages that were sent away together should not come back together.
    retry_ms = random.randint(*_RETRY_MS)  # noqa: S311  # spreading, not secrecy
    return b"event: %b\ndata: %b\nretry: %d\n\n" % (name.encode(), data, retry_ms)


def comment(text: str) -> bytes:
    """Make a line that no script is told of."""
    return b": %b\n\n" % text.encode()


_PING: Final = event("ping", b"{}")


class EventStream(Response):
    """Sends each message of a source as it comes. The source is closed in any case."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        status_code: int = 200,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        send_timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        """``events`` are whole messages, as ``event`` and ``comment`` make them; OpenAPI shows ``status_code``."""
        self._events = events
        self._heartbeat_s = heartbeat_s
        self._send_timeout_s = send_timeout_s
        self.status_code = status_code
        self.background = None
        # nginx would hold messages back until a page of them has come.
        self.init_headers({"Cache-Control": "no-store", "Connection": "keep-alive", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises what the source raises, and ``TimeoutError`` where the reader takes nothing."""
        del scope
        streaming = asyncio.create_task(self._stream(send))
        watching = asyncio.create_task(self._beat_until_gone(receive, send))
        try:
            await asyncio.wait((streaming, watching), return_when=asyncio.FIRST_COMPLETED)
            ended = streaming if streaming.done() else watching
        finally:
            streaming.cancel()
            watching.cancel()
            await asyncio.gather(streaming, watching, return_exceptions=True)
        ended.result()

    async def _stream(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for message in events:
                await self._send(send, message)
                # Not kept until the next one comes: the first may be a whole list.
                del message
        await self._send(send, b"", more=False)

    async def _beat_until_gone(self, receive: Receive, send: Send) -> None:
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    while (await receive())["type"] != "http.disconnect":
                        pass
            except TimeoutError:
                await self._send(send, _PING)
            else:
                return

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self._send_timeout_s):
            await send({"type": "http.response.body", "body": body, "more_body": more})
