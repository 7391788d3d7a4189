"""Callbacks go to the address that was checked, and not into private networks."""

import asyncio
import ipaddress
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.intake.callbacks.channel import CallbackChannel
from tests.support.waiting import DEADLINE_S

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class Receiver:
    """A server that keeps the heads it is sent."""

    def __init__(self, answer: bytes) -> None:
        self.heads: list[bytes] = []
        self._answer = answer

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self._answer)
        await writer.drain()
        writer.close()


async def sent(receiver: Receiver, channel: CallbackChannel) -> tuple[bool, str]:
    server = await asyncio.start_server(receiver, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await channel.send(f"http://127.0.0.1:{port}/hook", {"webhook-id": "one"}, b"{}")


async def test_an_answer_of_two_hundred_and_more_is_taken_and_a_redirect_is_not_followed() -> None:
    taken = Receiver(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert await sent(taken, CallbackChannel(LOOPBACK)) == (True, "204")
    assert b"webhook-id: one" in taken.heads[0]
    moved = Receiver(b"HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
    assert await sent(moved, CallbackChannel(LOOPBACK)) == (False, "307")
    assert len(moved.heads) == 1


async def test_nothing_is_sent_to_an_address_that_is_not_allowed() -> None:
    receiver = Receiver(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert await sent(receiver, CallbackChannel(())) == (False, "private_address")
    assert receiver.heads == []


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:10.0.0.1"]])
async def test_a_name_that_stands_for_a_private_address_is_refused(
    answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in answers]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    channel = CallbackChannel(())
    assert await channel.send("https://front.example.org/", {}, b"{}") == (False, "private_address")


async def test_it_connects_to_the_address_that_was_checked_by_the_name_that_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that stands for another address when it is asked a second time leads nowhere else."""
    asked: list[str] = []
    met: list[bytes] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]

    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(await reader.read(600))  # the first message of TLS, which names the server in clear
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        taken, _ = await CallbackChannel(LOOPBACK).send(f"https://front.example.org:{port}/", {}, b"{}")
    assert not taken
    assert asked.count("front.example.org") == 1
    assert b"front.example.org" in met[0]


async def test_a_name_server_that_does_not_answer_keeps_no_other_work_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Withdrawals are written down in threads of the loop."""
    answered, asked, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        loop.call_soon_threadsafe(asked.set)
        answered.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    channel = CallbackChannel(())
    loop.set_default_executor(ThreadPoolExecutor(1))
    waiting = asyncio.create_task(channel.send("https://front.example.org/", {}, b"{}"))
    try:
        await asked.wait()
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "written"), DEADLINE_S) == "written"
    finally:
        answered.set()
    assert await waiting == (False, "unknown_host")
    channel.close()


async def test_an_address_that_cannot_be_asked_for_is_not_taken_and_no_error_of_the_sender() -> None:
    answer = await CallbackChannel(()).send("https://front\u200b.example.org/", {}, b"{}")
    assert answer == (False, "unknown_host")


async def test_each_checked_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver with an address at which nobody listens would never hear from us."""

    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in ("127.0.0.9", "127.0.0.1")]

    receiver = Receiver(b"HTTP/1.1 204 No Content\r\n\r\n")
    server = await asyncio.start_server(receiver, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert await CallbackChannel(LOOPBACK).send(f"http://127.0.0.1:{port}/", {}, b"{}") == (True, "204")
    assert len(receiver.heads) == 1
