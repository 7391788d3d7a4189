"""A stream's source is closed whoever ends it, and nothing that is silent goes on for ever."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from shared.web.event_stream import EventStream, comment, event
from tests.support.waiting import eventually

A_LONG_TIME = 3600.0


class Reader:
    """The other end of one answer."""

    def __init__(self, *, takes: bool = True) -> None:
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self._takes = takes
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if not self._takes and message["type"] == "http.response.body":
            await asyncio.Event().wait()
        self.sent.append(message)

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.sent[1:]]


class Source:
    """Says hello and waits; then fails, or ends."""

    def __init__(self) -> None:
        self.ends = asyncio.Event()
        self.error: Exception | None = None
        self.closed = False

    async def events(self) -> AsyncGenerator[bytes]:
        try:
            yield event("hello", b"{}")
            await self.ends.wait()
            if self.error is not None:
                raise self.error
            yield comment("over")
        finally:
            self.closed = True


def answer(source: Source, reader: Reader, **times: float) -> "asyncio.Task[None]":
    given = {"heartbeat_s": A_LONG_TIME, "send_timeout_s": A_LONG_TIME} | times
    made = EventStream(source.events(), 200, **given)
    return asyncio.create_task(made({"type": "http"}, reader.receive, reader.send))


async def test_messages_go_as_they_come_and_the_answer_ends_with_its_source() -> None:
    source, reader = Source(), Reader()
    running = answer(source, reader)
    await eventually(lambda: reader.bodies == [b"event: hello\ndata: {}\n\n"])
    head = dict(reader.sent[0]["headers"])
    assert head[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert (head[b"cache-control"], head[b"x-accel-buffering"]) == (b"no-store", b"no")
    source.ends.set()
    await running
    assert reader.bodies[1:] == [b": over\n\n", b""]
    assert [message.get("more_body") for message in reader.sent] == [None, True, True, False]
    assert source.closed


async def test_a_reader_who_leaves_ends_the_source() -> None:
    source, reader = Source(), Reader()
    running = answer(source, reader)
    await eventually(lambda: reader.bodies)
    reader.gone.set()
    await running
    assert source.closed
    assert len(reader.bodies) == 1


async def test_a_silent_stream_says_now_and_then_that_it_is_there() -> None:
    source, reader = Source(), Reader()
    running = answer(source, reader, heartbeat_s=0.001)
    await eventually(lambda: reader.bodies.count(b"event: ping\ndata: {}\n\n") > 2)
    source.ends.set()
    await running
    assert reader.bodies[-1] == b""


async def test_a_reader_who_takes_nothing_is_let_go() -> None:
    source, reader = Source(), Reader(takes=False)
    with pytest.raises(TimeoutError):
        await answer(source, reader, send_timeout_s=0.001)
    assert source.closed


async def test_what_the_source_raises_is_raised_as_it_is() -> None:
    source, reader = Source(), Reader()
    source.error = LookupError("gone")
    source.ends.set()
    with pytest.raises(LookupError):
        await answer(source, reader)
    assert source.closed


async def test_an_answer_that_is_cancelled_ends_its_source() -> None:
    source, reader = Source(), Reader()
    running = answer(source, reader)
    await eventually(lambda: reader.bodies)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert source.closed
