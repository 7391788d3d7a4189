import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from fastapi import FastAPI
from uvicorn.server import ServerState

from shared.errors import FatalError
from shared.settings import SettingsError
from shared.web.form_body import MAX_BYTES
from shared.web.middleware import EdgeMiddleware
from shared.web.serve import PatientProtocol, bind, config_of, serve
from tests.support.waiting import DEADLINE_S
from tests.unit.shared.web.small_site import build
from tools.local.ports import free_port


async def _answering(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


def test_a_taken_port_is_named_with_its_setting_and_a_way_out() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            bind("127.0.0.1", port, setting="SMALL_PORT")
    assert caught.value.code == 78
    assert f"setting SMALL_PORT: port {port} on 127.0.0.1 is taken" in str(caught.value)
    assert "example: SMALL_PORT=" in str(caught.value)


def test_an_address_that_is_not_ours_names_the_host_setting() -> None:
    with pytest.raises(SettingsError, match="IEUM_HOST"):
        bind("192.0.2.1", 0, setting="SMALL_PORT")


async def test_the_second_part_of_an_answer_does_not_wait_for_the_first_to_be_acknowledged() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(
            writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
        )
        writer.close()

    listener = bind("127.0.0.1", 0, setting="SMALL_PORT")
    async with await asyncio.start_server(look, sock=listener), asyncio.timeout(DEADLINE_S):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await accepted == 1
        writer.close()


async def test_it_serves_until_cancelled_and_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    port = free_port()
    running = asyncio.create_task(serve(build(), "127.0.0.1", port))
    await _answering(port)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as http:
        answer = await http.get("/health/live")
        chunked = await http.post("/api/v1/raw", content=_endless())
    assert answer.status_code == 200
    assert "server" not in answer.headers
    assert chunked.status_code == 413
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_server_that_ends_while_the_rest_runs_ends_the_process() -> None:
    """A task that is cancelled ends no group of tasks."""
    port = free_port()

    async def end_it() -> None:
        await _answering(port)
        [server] = [task for task in asyncio.all_tasks() if task.get_name() == "http"]
        server.cancel()

    async def process() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.Event().wait(), name="the rest of the process")
            tasks.create_task(serve(build(), "127.0.0.1", port), name="http-server")
            tasks.create_task(end_it())

    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(process(), DEADLINE_S)
    assert caught.group_contains(FatalError, match="ended by itself")


@pytest.mark.parametrize("trusted", ["", "127.0.0.1"])
async def test_an_address_in_a_header_counts_only_from_a_trusted_proxy(trusted: str) -> None:
    port = free_port()
    running = asyncio.create_task(serve(build(IEUM_TRUSTED_PROXIES=trusted), "127.0.0.1", port))
    await _answering(port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as http:
        answer = await http.get("/api/v1/caller", headers={"x-forwarded-for": "203.0.113.9"})
    assert answer.json() == {"host": "203.0.113.9" if trusted else "127.0.0.1"}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@asynccontextmanager
async def _served(app: FastAPI) -> AsyncIterator[int]:
    port = free_port()
    running = asyncio.create_task(serve(app, "127.0.0.1", port))
    await _answering(port)
    try:
        yield port
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


WHOLE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /api/v1/raw HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n"


async def _connected(port: int, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which this has come before the server takes it: its time for a head may be short."""
    plain = socket.create_connection(("127.0.0.1", port))
    plain.sendall(sent)
    return await asyncio.open_connection(sock=plain)


@pytest.mark.parametrize(
    ("before", "sent"),
    [(b"", b""), (b"", b"\r\n"), (b"", b"G"), (b"", WHOLE[:-2]), (WHOLE, b"G"), (POST + b"abcd", WHOLE[:-2])],
)
async def test_a_connection_without_a_whole_request_ends(
    before: bytes, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "head_seconds", 0.05)
    async with _served(build()) as port, asyncio.timeout(60):
        reader, writer = await _connected(port, before or sent)
        if before:
            assert b"200 OK" in await reader.readuntil(b"\r\n")
            writer.write(sent)
        await reader.read()  # whatever was left of an answer, and then the end
        assert reader.at_eof()
        writer.close()


async def test_a_request_that_is_being_read_or_answered_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "head_seconds", 0.05)
    async with _served(build()) as port, asyncio.timeout(60):
        reader, writer = await _connected(port, POST + b"ab")
        idle, other = await asyncio.open_connection("127.0.0.1", port)
        await idle.read()  # the time for a head has passed for one that came later
        writer.write(b"cd")
        assert b"200 OK" in await reader.readuntil(b"\r\n")
        for one in (writer, other):
            one.close()


async def test_a_body_that_comes_too_slowly_is_408_and_the_connection_ends() -> None:
    app = build()
    [edge] = [one for one in app.user_middleware if getattr(one.cls, "__name__", "") == EdgeMiddleware.__name__]
    edge.kwargs["body_s"] = 0.05
    async with _served(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"ab")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"too_slow"' in answer
        writer.close()


@pytest.mark.parametrize("headers", [[], [(b"sec-fetch-site", b"same-origin")]])
@pytest.mark.parametrize(("path", "status"), [("/api/v1/raw", 408), ("/desk/chairs/5", 401)])
async def test_a_caller_who_leaves_before_the_body_is_whole_is_no_fault_of_ours(
    path: str, status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    came: list[Any] = [{"type": "http.request", "body": b"a=", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return came.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    form = (b"content-type", b"application/x-www-form-urlencoded")
    asked = {"type": "http", "method": "POST", "path": path, "scheme": "http", "query_string": b"", "root_path": ""}
    scope = asked | {"headers": [(b"host", b"127.0.0.1"), form, *headers], "client": None, "server": ("127.0.0.1", 80)}
    await build()(scope, receive, send)
    assert sent[0]["status"] == status


async def test_a_body_that_keeps_coming_has_longer_than_one_of_which_nothing_comes() -> None:
    app = build()
    [edge] = [one for one in app.user_middleware if getattr(one.cls, "__name__", "") == EdgeMiddleware.__name__]
    edge.kwargs.update(body_s=0.2, body_bytes_per_s=0.01)
    async with _served(app) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"ab")
        await writer.drain()
        silent, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(POST)
        assert (await silent.read()).startswith(b"HTTP/1.1 408 ")  # the time for a body has passed for one begun later
        writer.write(b"cd")
        assert b"200 OK" in await reader.readuntil(b"\r\n")
        for one in (writer, other):
            one.close()


OFFERED = POST.replace(b"content", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\ncontent") + b"abcd"
"""As Java's HTTP client begins without TLS."""
IN_CHUNKS = OFFERED.replace(b"content-length: 4", b"transfer-encoding: chunked")[:-4] + b"4\r\nabcd\r\n0\r\n\r\n"


async def test_the_body_of_a_request_that_offers_another_protocol_arrives() -> None:
    async with _served(build()) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(OFFERED)
        assert await _answer(reader) == b'{"bytes":4}'
        writer.write(OFFERED + IN_CHUNKS + POST + b"abcd" + WHOLE)  # the connection goes on as any other
        assert [await _answer(reader) for _ in range(3)] == [b'{"bytes":4}'] * 3
        assert b"200 OK" in await reader.readuntil(b"\r\n")
        writer.close()


CLOSING = OFFERED.replace(b"Connection: ", b"Connection: close, ")
OF_1_0 = OFFERED.replace(b"HTTP/1.1", b"HTTP/1.0")


def _got(offer: bytes) -> bytes:
    """The same offer with a request that has no body."""
    return offer.replace(b"POST /api/v1/raw", b"GET /health/live").replace(b"content-length: 4\r\n", b"")[:-4]


@pytest.mark.parametrize(
    "offer", [CLOSING, OF_1_0, _got(CLOSING), _got(OF_1_0)], ids=["close", "1.0", "get", "get 1.0"]
)
async def test_an_offer_on_a_connection_that_will_close_is_answered(offer: bytes) -> None:
    async with _served(build()) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(offer)
        answer = await reader.read()
        assert answer.lower().startswith(b"http/1.1 200 ok"), answer
        assert answer.endswith(b'{"bytes":4}') == offer.startswith(b"POST")
        writer.close()


@pytest.mark.parametrize("whole", [OFFERED, IN_CHUNKS, CLOSING, OF_1_0], ids=["length", "chunks", "close", "1.0"])
async def test_it_arrives_wherever_the_network_cuts_the_request(whole: bytes) -> None:
    bodies: list[bytes] = []
    config, state = config_of(build()), ServerState()
    config.load()

    async def app(scope: object, receive: Callable[[], Awaitable[dict[str, Any]]], send: object) -> None:
        message = await receive()
        bodies.append(message["body"])
        while message["more_body"]:
            message = await receive()
            bodies[-1] += message["body"]

    config.loaded_app = app
    for cut in range(1, len(whole)):
        protocol = PatientProtocol(config, state, {})
        protocol.connection_made(Mock(spec=asyncio.Transport))
        protocol.data_received(whole[:cut])
        protocol.data_received(whole[cut:])
        await asyncio.gather(*state.tasks)
        protocol.connection_lost(None)
    assert bodies == [b"abcd"] * (len(whole) - 1)


class _Line(Mock):
    """A connection: what was written to it, how much of it waits, and how it ended."""

    def __init__(self) -> None:
        super().__init__(spec=asyncio.Transport)
        self.sent, self.waits, self.ended = b"", 0, ""
        self.write.side_effect = self._sent
        self.get_write_buffer_size.side_effect = lambda: self.waits
        self.is_closing.side_effect = lambda: bool(self.ended)
        self.close.side_effect = lambda: setattr(self, "ended", self.ended or "closed")
        self.abort.side_effect = lambda: setattr(self, "ended", "aborted")

    def _sent(self, data: bytes) -> None:
        self.sent += data

    def _get_child_mock(self, /, **kw: Any) -> Mock:
        return Mock(**kw)


class _Timers(Mock):
    """A loop whose timers are run by hand."""

    def __init__(self) -> None:
        super().__init__(wraps=asyncio.get_running_loop())
        self.planned: list[Mock] = []
        self.call_later.side_effect = self._plan

    def _plan(self, seconds: float, work: Callable[..., None], *arguments: object) -> Mock:
        del seconds
        timer = Mock(run=lambda: work(*arguments))
        timer.cancel.side_effect = lambda: self.planned.remove(timer) if timer in self.planned else None
        self.planned.append(timer)
        return timer

    def run(self) -> None:
        """Let the time of every timer pass."""
        planned, self.planned = self.planned, []
        for timer in planned:
            timer.run()

    def _get_child_mock(self, /, **kw: Any) -> Mock:
        return Mock(**kw)


def _protocol(app: Callable[..., Awaitable[None]]) -> tuple[PatientProtocol, _Line, _Timers]:
    config = config_of(build())
    config.load()
    config.loaded_app = app
    line, timers = _Line(), _Timers()
    protocol = PatientProtocol(config, ServerState(), {}, _loop=timers)
    protocol.connection_made(line)
    return protocol, line, timers


async def _no_answer(scope: object, receive: object, send: object) -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    "begin",
    [b"", b"GET /", WHOLE[:-2] + b"x-a: ", WHOLE[:-2] + b"x-a: b\r\n", IN_CHUNKS[:-2] + b"x-a: "],
    ids=["blank", "address", "value", "lines", "behind a body"],
)
async def test_what_the_parser_keeps_has_an_end(begin: bytes) -> None:
    protocol, line, _ = _protocol(_no_answer)
    protocol.data_received(begin)
    more = b"x-b: c\r\n" if begin.endswith(b"b\r\n") else b"\r\n" if not begin else b"a"
    pieces = 0
    while not line.is_closing() and pieces < 70:
        protocol.data_received(more * (1024 // len(more)))
        pieces += 1
    assert (line.ended, pieces > 60) == ("closed", True)
    assert line.sent.startswith(b"HTTP/1.1 431 ") is not begin.startswith(b"POST")  # an answer is on its way there
    for task in protocol.tasks:
        task.cancel()


@pytest.mark.parametrize(
    "large", [b"GET /%b HTTP/1.1\r\n\r\n", WHOLE[:-2] + b"x-a: %b\r\n\r\n"], ids=["address", "line"]
)
async def test_a_large_head_that_comes_at_once_is_read_by_nobody(large: bytes) -> None:
    heard: list[Any] = []

    async def app(scope: Any, receive: object, send: object) -> None:
        heard.append(scope["path"])

    protocol, line, _ = _protocol(app)
    protocol.data_received(large % (b"a" * 70_000))
    await asyncio.gather(*protocol.tasks)
    assert (heard, line.ended) == ([], "closed")
    assert line.sent.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize(("length", "read"), [(8192, True), (8193, False)])
async def test_an_address_of_more_than_8_kilobytes_is_read_by_nobody(length: int, *, read: bool) -> None:
    heard: list[Any] = []

    async def app(scope: Any, receive: object, send: Any) -> None:
        heard.append(scope["path"])
        await _short_answer(scope, receive, send)

    protocol, line, _ = _protocol(app)
    protocol.data_received(b"GET /?%b HTTP/1.1\r\n\r\n" % (b"a" * (length - 2)))
    await asyncio.gather(*protocol.tasks)
    assert (heard, line.ended) == ((["/"], "") if read else ([], "closed"))
    assert line.sent.startswith(b"HTTP/1.1 200 " if read else b"HTTP/1.1 414 ")


async def test_a_large_body_and_some_requests_behind_it_are_no_large_head() -> None:
    protocol, line, _ = _protocol(_no_answer)
    protocol.data_received(POST.replace(b"length: 4", b"length: 1000000"))
    for _ in range(100):
        protocol.data_received(b"a" * 10_000)
    protocol.data_received(WHOLE * 20)
    assert not line.ended
    for task in protocol.tasks:
        task.cancel()


async def test_a_connection_that_sends_many_requests_before_one_is_answered_ends() -> None:
    protocol, line, _ = _protocol(_no_answer)
    protocol.data_received(WHOLE)
    protocol.data_received(WHOLE * 10_000)
    assert line.ended == "aborted"
    assert len(protocol.pipeline) == 20
    for task in protocol.tasks:
        task.cancel()


async def test_a_line_behind_a_body_in_pieces_is_no_header() -> None:
    # A proxy has written who the caller is into the head; what follows the body it only passed on.
    heard: list[Any] = []

    async def app(scope: dict[str, Any], receive: object, send: object) -> None:
        heard.extend(scope["headers"])

    protocol, _, _ = _protocol(app)
    pieces = b"POST / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.9\r\ntransfer-encoding: chunked\r\n\r\n"
    protocol.data_received(pieces + b"1\r\na\r\n0\r\nX-Forwarded-For: 127.0.0.1\r\nCookie: a=b\r\n\r\n")
    await asyncio.gather(*protocol.tasks)
    assert [value for name, value in heard if name == b"x-forwarded-for"] == [b"203.0.113.9"]
    assert b"cookie" not in dict(heard)


async def _short_answer(scope: object, receive: object, send: Callable[[Any], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize("close", [b"", b"connection: close\r\n"], ids=["kept open", "closed"])
async def test_who_takes_nothing_of_an_answer_is_left(close: bytes) -> None:
    protocol, line, timers = _protocol(_short_answer)
    protocol.data_received(WHOLE[:-2] + close + b"\r\n")
    line.waits = 100_000
    await asyncio.gather(*protocol.tasks)
    timers.run()
    timers.run()
    assert line.ended == "aborted"


async def test_who_takes_nothing_while_an_answer_is_made_is_left() -> None:
    protocol, line, timers = _protocol(_no_answer)
    protocol.data_received(WHOLE)
    line.waits = 100_000
    protocol.pause_writing()
    timers.run()
    assert line.ended == "aborted"
    for task in protocol.tasks:
        task.cancel()


async def test_who_takes_an_answer_slowly_gets_all_of_it() -> None:
    protocol, line, timers = _protocol(_short_answer)
    protocol.data_received(WHOLE)
    await asyncio.sleep(0)
    line.waits = 100_000
    protocol.pause_writing()
    await asyncio.gather(*protocol.tasks, return_exceptions=True)
    for line.waits in (70_000, 40_000, 10_000, 0):
        timers.run()
        assert line.ended != "aborted"
    assert not timers.planned


async def test_who_took_what_waited_is_not_left_while_the_rest_is_made() -> None:
    protocol, line, timers = _protocol(_no_answer)
    protocol.data_received(WHOLE)
    line.waits = 100_000
    protocol.pause_writing()
    line.waits = 10_000
    protocol.resume_writing()
    assert not timers.planned
    assert not line.ended
    for task in protocol.tasks:
        task.cancel()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200 ok"), head
    return await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(2 * MAX_BYTES // 1000):
        yield b"x" * 1000


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Host: a\r\nHost: b\r\n", b"400"),
        (b"x-a: b\r\n" * 2000, b"431"),
        (b"Host: a\r\n" + b"x-a: b\r\n" * 50, b"200"),
    ],
    ids=["two hosts", "2,000 headers", "some headers"],
)
async def test_a_head_with_two_hosts_or_very_many_lines_is_refused(lines: bytes, status: bytes) -> None:
    protocol, line, _ = _protocol(_short_answer)
    protocol.data_received(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    await asyncio.gather(*protocol.tasks)
    assert line.sent.startswith(b"HTTP/1.1 " + status)
