"""Webhooks as the public library reads them, texts by Apprise, circuits that open and close."""

import asyncio
import base64
import json
import socket
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pydantic import SecretStr, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from services.notify.channels.apprise import THREADS, URGENT_ONLY, AppriseChannel
from services.notify.channels.breaker import FAILURES, OPEN_S, Breaker
from services.notify.channels.email import MailChannel
from services.notify.channels.messages import HOOK_BYTES, Alert, Ask, Mail, alert_hook, alert_text
from services.notify.channels.webhook import WebhookChannel
from services.notify.settings import AlertSettings, NotifySettings, WebhookWithSecret
from shared.clock import SystemClock
from shared.events.vocabulary import Urgency
from shared.webhooks import signed
from tests.support.clock import ManualClock
from tests.support.dripping import dripping
from tests.support.waiting import DEADLINE_S, eventually
from tests.unit.notify.samples import report_id

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
ROOT = "https://notify.example"


def alerts(count: int, now: datetime, urgency: Urgency = Urgency.HIGH) -> list[Alert]:
    return [
        Alert(report_id(n), Ask.ANSWER, f"가람-{n:04d}", urgency, now - timedelta(minutes=n), f"/cases/{report_id(n)}")
        for n in range(count)
    ]


def test_the_public_library_verifies_what_we_sign_and_nothing_that_was_touched() -> None:
    now = datetime.now(UTC)
    body = alert_hook("msg-1", alerts(1, now), ROOT, now)
    headers = signed([SECRET], "msg-1", int(now.timestamp()), body)
    assert Webhook(SECRET).verify(body, headers)["data"]["alias"] == "가람-0000"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"high", b"norm"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers | {"webhook-id": "msg-2"})


@pytest.mark.parametrize("count", [1, 2, 50])
def test_every_webhook_has_one_size_and_says_count_and_oldest_age(count: int) -> None:
    now = datetime.now(UTC)
    body = alert_hook("msg", alerts(count, now), ROOT, now)
    assert len(body) == HOOK_BYTES
    data = json.loads(body)["data"]
    assert (data["count"], data["oldest_age_s"], len(data["alert_ids"])) == (count, (count - 1) * 60, count)


def test_a_text_is_the_subject_and_the_way_to_the_case_or_to_all_of_them() -> None:
    now = datetime.now(UTC)
    (one,) = alerts(1, now)
    assert alert_text([one], ROOT, now).body == ROOT + one.path
    assert alert_text(alerts(2, now), ROOT, now).body == f"{ROOT}/"


@asynccontextmanager
async def receiver(status: int) -> AsyncIterator[tuple[int, list[tuple[dict[str, str], bytes]]]]:
    """A small HTTP receiver on a free port that answers everything with one status."""
    came: list[tuple[dict[str, str], bytes]] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head if line)}
        came.append((headers, await reader.readexactly(int(headers["content-length"]))))
        moved = "location: http://127.0.0.1:1/\r\n" if status == 302 else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{moved}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], came


@pytest.mark.parametrize(("status", "said"), [(204, None), (500, "http_500"), (302, "http_302")])
async def test_a_receiver_gets_a_message_it_can_verify_and_redirects_are_not_followed(
    status: int, said: str | None
) -> None:
    async with receiver(status) as (port, came):
        hook = WebhookWithSecret(url=f"http://127.0.0.1:{port}/in", secret=SecretStr(SECRET))
        channel = WebhookChannel({"gwangju/duty": hook}, DEADLINE_S, SystemClock())
        assert await channel.send("gwangju/duty", "msg-7", b'{"a":1}') == said
        await channel.close()
    headers, body = came[0]
    assert Webhook(SECRET).verify(body, headers) == {"a": 1}
    assert headers["webhook-id"] == "msg-7"


async def test_a_receiver_that_is_away_is_a_short_reason() -> None:
    hook = WebhookWithSecret(url="http://127.0.0.1:1/", secret=SecretStr(SECRET))
    channel = WebhookChannel({"x": hook}, DEADLINE_S, SystemClock())
    assert await channel.send("x", "m", b"{}") == "connect"
    await channel.close()


async def test_a_receiver_that_answers_a_byte_at_a_time_is_given_up_like_one_that_says_nothing() -> None:
    async with dripping() as url:
        channel = WebhookChannel({"x": WebhookWithSecret(url=url, secret=SecretStr(SECRET))}, 0.5, SystemClock())
        assert await channel.send("x", "m", b"{}") == "timeout"
        await channel.close()


async def test_names_that_nobody_answers_for_keep_no_mail_and_no_other_receiver_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lookup that was given up keeps its thread, and the loop has a few for all that is asked for by name."""
    answered, ask = threading.Event(), socket.getaddrinfo

    def asked(host: str, *more: Any, **options: Any) -> Any:
        if host == "silent.example":
            answered.wait(DEADLINE_S)
        return ask("127.0.0.1", *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    hooks = {
        "silent": WebhookWithSecret(url="https://silent.example/", secret=SecretStr(SECRET)),
        "other": WebhookWithSecret(url="https://other.example:1/", secret=SecretStr(SECRET)),
    }
    channel = WebhookChannel(hooks, 0.1, SystemClock())
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2))
    try:
        assert {await channel.send("silent", "msg", b"{}") for _ in range(4)} == {"timeout"}
        async with asyncio.timeout(DEADLINE_S / 2):
            assert await loop.getaddrinfo("mail.example", 25)
            channel._timeout_s = DEADLINE_S
            assert await channel.send("other", "msg", b"{}") == "connect"
    finally:
        answered.set()
        await channel.close()


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[WebhookChannel, list[int]]]:
    """A channel to a receiver that answers once for each connection and hangs up at the next; bytes it read of each."""
    read: list[int] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(read)
        read.append(0)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(answer)
            await writer.drain()
            read[number] = len(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
        channel = WebhookChannel({"x": WebhookWithSecret(url=url, secret=SecretStr(SECRET))}, DEADLINE_S, SystemClock())
        yield channel, read
        await channel.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok", b"HTTP/1.1 204 X\r\n\r\n"])
async def test_a_receiver_that_hangs_up_without_saying_so_loses_no_message(answer: bytes) -> None:
    async with answering(answer) as (channel, read):
        assert [await channel.send("x", f"m-{number}", b"{}") for number in range(3)] == [None] * 3
    assert read == [0] * 3


@pytest.mark.parametrize("rest", [b"", b"x" * 100_000])
async def test_a_receiver_took_the_message_whose_answer_does_not_end_after_its_status(rest: bytes) -> None:
    async with answering(b"HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n" + rest) as (channel, _):
        assert [await channel.send("x", f"m-{number}", b"{}") for number in range(2)] == [None, None]


async def test_anything_else_goes_by_apprise_to_a_real_receiver() -> None:
    # The first message imports Apprise's plugins, which on a busy machine took longer than the usual 20 s.
    async with receiver(200) as (port, came):
        channel = AppriseChannel({"*/lead": SecretStr(f"json://127.0.0.1:{port}/in")}, 120)
        assert await channel.send("*/lead", "제목", "https://notify.example/cases/1   ") is None
    assert json.loads(came[0][1])["title"] == "제목"
    async with receiver(500) as (port, came):
        channel = AppriseChannel({"x": SecretStr(f"json://127.0.0.1:{port}/in"), "y": SecretStr("nothing")}, 120)
        assert await channel.send("x", "a", "b") == "refused"
        assert await channel.send("y", "a", "b") == "bad_url"


@pytest.mark.parametrize(
    "changes",
    [{"url": "http://hooks.example/in"}, {"url": "ftp://x"}, {"secret": "whsec_c2hvcnQ="}, {"secret": "no base64!"}],
)
def test_a_webhook_over_plain_http_or_with_a_weak_secret_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebhookWithSecret.model_validate({"url": "https://hooks.example/in", "secret": SECRET} | changes)


async def test_a_circuit_opens_after_failures_in_a_row_and_lets_one_try_now_and_then() -> None:
    clock = ManualClock(datetime(2026, 11, 24, tzinfo=UTC))
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.came_of(ok=False)
    breaker.came_of(ok=True)
    assert breaker.may_try()
    for _ in range(FAILURES):
        assert breaker.may_try()
        breaker.came_of(ok=False)
    assert breaker.open
    assert not breaker.may_try()
    await clock.advance(OPEN_S)
    assert [breaker.may_try(), breaker.may_try()] == [True, False]
    breaker.came_of(ok=False)
    assert not breaker.may_try()
    await clock.advance(OPEN_S)
    assert breaker.may_try()
    breaker.came_of(ok=True)
    assert [breaker.may_try(), breaker.may_try(), breaker.open] == [True, True, False]


async def test_texts_that_hang_take_neither_more_threads_than_allowed_nor_those_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends, began = threading.Event(), list[str]()

    def hangs(url: str, subject: str, body: str) -> str | None:
        del url, body
        began.append(f"{threading.current_thread().name.partition('_')[0]} {subject}")
        ends.wait(20)
        return None

    monkeypatch.setattr("services.notify.channels.apprise._notify", hangs)
    channel = AppriseChannel({"x": SecretStr("json://a.example")}, 0.2)
    for_all = THREADS - URGENT_ONLY
    came = await asyncio.gather(*(channel.send("x", "s", "b") for _ in range(for_all + 3)))
    assert sorted(filter(None, came)) == ["busy"] * 3 + ["timeout"] * for_all
    urgent = await asyncio.gather(*(channel.send("x", "s", "b", urgent=True) for _ in range(URGENT_ONLY + 1)))
    assert sorted(filter(None, urgent)) == ["busy", *["timeout"] * URGENT_ONLY], "some are kept for these"
    await eventually(lambda: len(began) == THREADS, "each call has started; its caller may have timed out before that")
    assert began == ["apprise s"] * THREADS
    assert await channel.send("x", "s", "b") == "busy", "threads that hang are still taken"
    ends.set()

    async def goes() -> bool:
        return await channel.send("x", "again", "b") is None

    await eventually(goes, "a thread is free again")
    channel.close()


async def test_a_connection_that_the_mail_server_closed_costs_no_alert() -> None:
    """A server that is started anew, or takes so many mails by one connection: the next mail was a failed alert."""
    taken, gone = list[bytes](), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while not (line := await reader.readline()).startswith(b"DATA"):
            writer.write(b"250 yes\r\n" if line else b"")
        writer.write(b"354 go on\r\n")
        taken.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 taken\r\n")
        writer.write_eof()
        await reader.read()  # until the other side has seen it
        gone.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        settings = AlertSettings(smtp_host="127.0.0.1", smtp_port=server.sockets[0].getsockname()[1], smtp_timeout_s=60)
        settings = cast("NotifySettings", settings.model_copy(update={"smtp_connections": 1}))
        channel, clock = MailChannel(settings, SystemClock()), SystemClock()
        for number in range(2):
            mail = Mail("duty@busan.example", f"Subject: {number}\r\n\r\nx\r\n".encode())
            assert await channel.send_one(mail, clock.monotonic() + 2 * DEADLINE_S) is None
            await gone.wait()
            gone.clear()
        await channel.close()
    assert len(taken) == 2
