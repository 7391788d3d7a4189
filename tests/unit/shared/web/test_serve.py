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

from shared.settings import SettingsError
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


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200 ok"), head
    return await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b"x" * 100
