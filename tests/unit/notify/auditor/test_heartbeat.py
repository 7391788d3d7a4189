"""The knock at the watcher outside, whatever the watcher does."""

import asyncio
from contextlib import suppress

import pytest

from services.notify.auditor import heartbeat
from services.notify.auditor.heartbeat import Heartbeat
from shared.metrics import REGISTRY


async def test_a_watcher_that_answers_a_byte_at_a_time_is_given_up_and_knocked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "TIMEOUT_S", 0.5)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 X\r\nx-slow: ")
        with suppress(ConnectionError):
            for _ in range(200):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
            writer.write(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ping"
        failed, withheld = knocks()
        assert not await Heartbeat(url, lambda: None).beat()
        assert not await Heartbeat(url, lambda: "it has not looked lately").beat()
        assert knocks() == (failed + 1, withheld + 1)


def knocks() -> tuple[float, float]:
    """Those that failed and those that were withheld, by which somebody is called."""
    failed, withheld = (
        REGISTRY.get_sample_value("ieum_notify_auditor_heartbeats_total", {"outcome": outcome}) or 0.0
        for outcome in ("failed", "withheld")
    )
    return failed, withheld
