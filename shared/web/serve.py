"""Serving an app until asked to stop. Signals belong to the process, not to the server."""

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Generator
from email.utils import formatdate
from functools import lru_cache, partial

import httptools
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.errors import FatalError
from shared.settings import SettingsError

_GRACE_SECONDS = 5
"""How long running answers may take to end; open streams are cut after it."""

_KEEP_ALIVE_SECONDS = 30
_HEAD_SECONDS = 20
"""How long a connection may be open, or go on sending, without a whole request head. Bodies have their own time."""
_HEAD_BYTES = 65_536
"""Most that a head may have. Of one that is not whole, or of what follows a body in pieces, so many may come behind the
piece it begins in (at most 256 KB): the parser keeps all of it."""
_TARGET_BYTES = 8192
"""Most that an address may have, as RFC 9110 (section 4.1) asks for at least. A page reads the query and writes it anew
for each language: 60 KB of it took a hundred times as long as the page itself."""
_MOST_HEADERS = 100
_WAITING = 20
"""Most requests of one connection that wait for the answer to the one before them. Browsers and clients send none: a
quarter of a megabyte of short ones took thirty of memory."""
_TAKING_SECONDS = 60
"""How often is looked whether a caller takes an answer that waits for them."""
_TAKEN_BYTES = 30_000
"""Least that must have been taken by then, or all that waits: 500 bytes a second, as a body may bring (``middleware``).
"""
_BACKLOG = 2048


class _OneProtocolParser(httptools.HttpRequestParser):
    """httptools' parser, for a server that never changes the protocol: it passes over an offer to (``Upgrade``).

    httptools itself takes what follows such a head for the other protocol: the body is lost. Java's HTTP client offers
    HTTP/2 with every request without TLS (https://github.com/Kludex/uvicorn/issues/2722).
    """

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        super().__init__(protocol)
        self._protocol = protocol
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # as uvicorn feeds it
        """Parse; after a head with an offer begin anew as if it had none.

        With another parser: this one takes nothing more where the connection is to close after the request.
        """
        parser = self
        while True:
            try:
                httptools.HttpRequestParser.feed_data(parser, data)
            except httptools.HttpParserUpgrade as offer:
                if not parser.is_offered():
                    raise  # CONNECT
                data = parser._head_without_offer() + data[offer.args[0] :]
                parser = self._protocol.parser = _OneProtocolParser(self._protocol)
            else:
                return

    def is_offered(self) -> bool:
        """Whether the head that was just read offers another protocol."""
        return self.should_upgrade() and any(name == b"upgrade" for name, _ in self._protocol.headers)

    def _head_without_offer(self) -> bytes:
        first = b"%b %b HTTP/%b" % (self.get_method(), self._protocol.url, self.get_http_version().encode())
        kept = (b"%b: %b" % header for header in self._protocol.headers if header[0] != b"upgrade")
        return b"\r\n".join((first, *kept, b"", b""))


async def _refuse_by_head(status: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a request by its head, which nothing of ours has read, and end the connection."""
    del scope, receive
    headers = [(b"connection", b"close"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, and an end to connections on which no request arrives or no answer is taken.

    uvicorn itself waits for ever for the first byte and for the last line of a head, however long it is, and for a
    caller who takes nothing of an answer; its keep-alive time ends with the first byte of whatever comes. It never
    changes to another protocol.
    """

    head_seconds: float = _HEAD_SECONDS
    taking_seconds: float = _TAKING_SECONDS
    _head: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _in_head = False
    _kept = 0
    """Bytes that came since the parser last gave something on: as many as it may keep."""
    parser: _OneProtocolParser

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        """A caller is there: the time for a head begins."""
        super().connection_made(transport)
        self.parser = _OneProtocolParser(self)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Something came. While no request is being answered it must become one in time."""
        self.server_state.default_headers = _date_headers(int(time.time()))
        self._kept += len(data)
        super().data_received(data)
        if self._kept > _HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()
        if self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()

    def on_message_begin(self) -> None:
        """A request begins. Raises ``ValueError`` where too many wait already: uvicorn reads no further."""
        if len(self.pipeline) >= _WAITING:
            self.transport.abort()
            raise ValueError("too many requests wait")
        self._in_head, self._kept = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head. One behind a body in pieces is none (RFC 9110, section 6.5.1).

        A proxy that passes it on has not looked at it: it could name another caller than the proxy did.
        """
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request's head is whole."""
        self._in_head, self._kept = False, 0
        self._stop_waiting()
        head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head_bytes > _HEAD_BYTES or len(self.headers) > _MOST_HEADERS:
            self.app = partial(_refuse_by_head, 431)
        elif sum(name == b"host" for name, _ in self.headers) > 1:
            self.app = partial(_refuse_by_head, 400)
        elif len(self.url) > _TARGET_BYTES:
            self.app = partial(_refuse_by_head, 414)
        if not self.parser.is_offered():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body came."""
        self._kept = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole, unless its head has an offer: then it comes again without."""
        self._kept = 0
        if not self.parser.is_offered():
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has left, or was left."""
        self._stop_waiting()
        self._stop_looking()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More of an answer waits than the caller takes."""
        super().pause_writing()
        self._look_whether_taken()

    def resume_writing(self) -> None:
        """The caller took most of what waited."""
        super().resume_writing()
        self._stop_looking()
        if self.cycle.response_complete:
            self._look_whether_taken()

    def on_response_complete(self) -> None:
        """An answer is whole, and part of it may still wait for the caller, also where the connection is to close."""
        super().on_response_complete()
        self._look_whether_taken()

    def _look_whether_taken(self) -> None:
        self._stop_looking()
        if waits := self.transport.get_write_buffer_size():
            self._taking = self.loop.call_later(self.taking_seconds, self._leave_unless_taken, waits)

    def _leave_unless_taken(self, waited: int) -> None:
        self._taking = None
        waits = self.transport.get_write_buffer_size()
        if waits > max(0, waited - _TAKEN_BYTES):
            self.transport.abort()  # closing would wait for the caller
        else:
            self._look_whether_taken()

    def _stop_looking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _refuse_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _await_head(self) -> None:
        if not self.transport.is_closing():
            self._head = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


@lru_cache(maxsize=1)
def _date_headers(second: int) -> list[tuple[bytes, bytes]]:
    """The header ``Date`` (RFC 9110, section 6.6.1), which uvicorn writes once a second whether anybody asks or not."""
    return [(b"date", formatdate(second, usegmt=True).encode())]


class _Server(uvicorn.Server):
    """uvicorn's server, told when to stop: uvicorn's own looks ten times a second whether it should."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._asked = asyncio.Event()

    def stop(self) -> None:
        """Let running answers end, then end."""
        self.should_exit = True
        self._asked.set()

    async def main_loop(self) -> None:
        """Wait until asked to stop."""
        await self._asked.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(app: FastAPI, host: str, port: int) -> None:
    """Serves until cancelled, then lets running answers end (at most 5 s) and stops.

    Raises CancelledError after a graceful stop by cancellation, SettingsError (exit 78) when the port is taken, and
    FatalError when the server ended by itself: a process that answers no request must not run on.
    """
    listener = bind(host, port, setting=f"{getattr(app.state, 'service', 'service').upper()}_PORT")
    server = _Server(config_of(app))
    running = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        await asyncio.wait([running])
    except asyncio.CancelledError:
        server.stop()
        await running
        raise
    finally:
        listener.close()
    error = None if running.cancelled() else running.exception()
    raise FatalError("the HTTP server ended by itself") from error


def config_of(app: FastAPI) -> uvicorn.Config:
    """Configure the server. A caller's address is believed from a header only if a trusted proxy wrote it."""
    trusted: str = getattr(app.state, "trusted_proxies", "")
    return uvicorn.Config(
        app,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def bind(host: str, port: int, *, setting: str) -> socket.socket:
    """A listening socket. Raises SettingsError that names the port, the setting and what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by its number: of other sockets asyncio does not know that they are TCP, and leaves Nagle's algorithm
    # on. The second part of each answer then waits for the acknowledgement of the first, 40 ms on a kept connection.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            why = f"port {port} on {host} is taken; stop the program that uses it, or choose another"
        elif error.errno == errno.EACCES:
            why = f"port {port} on {host} may not be opened by this user; choose one above 1023"
        else:
            why = f"cannot listen on {host} port {port} ({error.strerror}); check IEUM_HOST as well"
        raise SettingsError([f"setting {setting}: {why}; example: {setting}={port + 100 if port else 8001}"]) from None
    listener.setblocking(False)
    return listener
