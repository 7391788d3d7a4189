"""What central is told of dead letters, whoever wrote them, on the real store."""

import asyncio
import email
import email.policy
from datetime import UTC, datetime
from typing import Any

import pytest

from services.notify.channels.messages import Mail
from services.notify.dead_letters.models import StoredDeadLetter
from services.notify.dead_letters.repository import DeadLetterStore
from services.notify.dead_letters.service import MAIL_EVERY, DeadLetterWatch, dead_letter_of
from services.notify.settings import NotifySettings
from shared.mongo import connect
from shared.settings import KafkaSettings, StoreSettings
from tests.support.clock import ManualClock

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
EVERY_S = MAIL_EVERY.total_seconds()


class Server:
    """A mail server, and the consoles, of any number of processes."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refuses = False

    async def send_one(self, mail: Mail, _: float) -> str | None:
        await asyncio.sleep(0)
        if self.refuses:
            return "smtp_451"
        self.mails.append(email.message_from_bytes(mail.content, policy=email.policy.default))
        return None

    def notice(self) -> None:
        """Consoles are told."""

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]).split(" / ")[1] for mail in self.mails]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def store(store_settings: StoreSettings) -> DeadLetterStore:
    return DeadLetterStore(connect(store_settings, "notify"))


@pytest.fixture
def server() -> Server:
    return Server()


def watch_of(store: DeadLetterStore, server: Any, clock: ManualClock, settings: NotifySettings) -> DeadLetterWatch:
    return DeadLetterWatch(KafkaSettings(), settings, store, server, server, clock)


def letter(number: int, *, about: int | None = None, reason: str = "invalid") -> StoredDeadLetter:
    """One in the dead topic at ``number``, about the record of `reports` at ``about``."""
    origin = f"reports/0/{number if about is None else about}"
    return StoredDeadLetter(origin=origin, letter=number, topic="reports", reason=reason, seen_at=NOW)


async def test_one_mail_tells_of_many_and_none_goes_again_soon_from_whatever_process(
    store: DeadLetterStore, server: Server, clock: ManualClock, settings: NotifySettings
) -> None:
    await store.prepare()
    watches = [watch_of(store, server, clock, settings) for _ in range(3)]
    for number in range(101):
        await store.add(letter(number))
    await asyncio.gather(*(watch.tell() for watch in watches))
    assert server.subjects == ["101 records could not be read"]
    await store.add(letter(101))
    await asyncio.gather(*(watch.tell() for watch in watches))
    assert len(server.mails) == 1
    await clock.advance(EVERY_S)
    await asyncio.gather(*(watch.tell() for watch in watches))
    await clock.advance(EVERY_S)
    await asyncio.gather(*(watch.tell() for watch in watches))
    assert server.subjects[1:] == ["1 record could not be read"]
    assert "Topics: reports" in server.mails[1].get_content()
    assert await store.open_count() == 102


async def test_what_the_server_does_not_take_is_tried_at_the_next_look(
    store: DeadLetterStore, server: Server, clock: ManualClock, settings: NotifySettings
) -> None:
    watch = watch_of(store, server, clock, settings)
    await store.add(letter(1))
    server.refuses = True
    await watch.tell()
    server.refuses = False
    await watch.tell()
    await clock.advance(EVERY_S)
    await watch.tell()
    assert server.subjects == ["1 record could not be read"]


async def test_a_process_that_ends_behind_its_mail_has_the_next_one_send_the_same_which_is_known_as_a_double(
    store: DeadLetterStore,
    server: Server,
    clock: ManualClock,
    settings: NotifySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def dies(*_: object) -> None:
        raise asyncio.CancelledError

    await store.add(letter(1))
    with monkeypatch.context() as dying:
        dying.setattr(store, "end_mail", dies)
        with pytest.raises(asyncio.CancelledError):
            await watch_of(store, server, clock, settings).tell()
    await clock.advance(EVERY_S)
    await watch_of(store, server, clock, settings).tell()
    await clock.advance(EVERY_S)
    await watch_of(store, server, clock, settings).tell()
    assert len({str(mail["Message-ID"]) for mail in server.mails}) == 1
    assert len(server.mails) == 2


async def test_a_clock_that_was_ahead_keeps_no_mail_back(
    store: DeadLetterStore, server: Server, clock: ManualClock, settings: NotifySettings
) -> None:
    await store.add(letter(1))
    await watch_of(store, server, clock, settings).tell()
    await store.add(letter(2))
    await watch_of(store, server, ManualClock(NOW.replace(year=2020)), settings).tell()
    assert len(server.mails) == 2


async def test_a_letter_that_names_a_record_ahead_keeps_no_later_one_about_it_from_being_told(
    store: DeadLetterStore, server: Server, clock: ManualClock, settings: NotifySettings
) -> None:
    watch = watch_of(store, server, clock, settings)
    await store.add(letter(1, about=9, reason="forged"))
    await watch.tell()
    await store.read("reports/0/9", 1, NOW)
    assert await store.unread() == []

    assert await store.add(letter(2, about=9))
    assert not await store.add(letter(2, about=9)), "read again after a crash"
    assert not await store.add(letter(1, about=9)), "read again after a crash"
    await clock.advance(EVERY_S)
    await watch.tell()
    assert len(server.mails) == 2
    assert [(one.origin, one.letter, one.reason) for one in await store.unread()] == [("reports/0/9", 2, "invalid")]


async def test_letters_of_several_consumers_about_one_record_are_one_mail_until_it_is_read_of(
    store: DeadLetterStore, server: Server, clock: ManualClock, settings: NotifySettings
) -> None:
    watch = watch_of(store, server, clock, settings)
    await store.add(letter(1, about=9))
    await watch.tell()
    await store.add(letter(2, about=9))
    await clock.advance(EVERY_S)
    await watch.tell()
    assert len(server.mails) == 1
    await store.read("reports/0/9", 1, NOW)
    assert await store.open_count() == 1, "the person was shown the first letter alone"
    await store.read("reports/0/9", 2, NOW)
    assert await store.open_count() == 0


async def test_a_record_that_dies_again_while_its_mail_is_on_its_way_is_told_anew(
    store: DeadLetterStore, clock: ManualClock, settings: NotifySettings
) -> None:
    class Slow(Server):
        async def send_one(self, mail: Mail, until: float) -> str | None:
            if not self.mails:
                await store.read("reports/0/9", 1, NOW)
                await store.add(letter(2, about=9))
            return await super().send_one(mail, until)

    server = Slow()
    watch = watch_of(store, server, clock, settings)
    await store.add(letter(1, about=9))
    await watch.tell()
    await clock.advance(EVERY_S)
    await watch.tell()
    assert len(server.mails) == 2


async def test_what_an_earlier_build_noted_is_read_of_and_told_as_any_other(
    store: DeadLetterStore, server: Server, clock: ManualClock, settings: NotifySettings
) -> None:
    before = {"topic": "reports", "reason": "invalid", "seen_at": NOW, "open": True}
    await store.collection.insert_one({"_id": "reports/0/1", **before})
    await store.collection.insert_one({"_id": "reports/0/2", **before, "told_at": NOW})
    await watch_of(store, server, clock, settings).tell()
    assert server.subjects == ["1 record could not be read"]
    for one in await store.unread():
        await store.read(one.origin, one.letter, NOW)
    assert await store.unread() == []
    assert await store.add(letter(3, about=1))


def test_a_letter_that_names_a_record_of_another_partition_stands_for_itself(clock: ManualClock) -> None:
    def headers(topic: bytes, partition: bytes) -> list[tuple[str, bytes | None]]:
        said = {"topic": topic, "partition": partition, "offset": b"9", "reason": b"invalid"}
        return [(f"dead_{name}", value) for name, value in said.items()]

    origins = [
        dead_letter_of("reports", 0, 4, said, clock).origin
        for said in (headers(b"reports", b"0"), headers(b"reports", b"1"), headers(b"cases", b"0"), [])
    ]
    assert origins == ["reports/0/9", *["reports.dead/0/4"] * 3]


def test_what_stands_in_a_dead_records_headers_cannot_break_a_page(clock: ManualClock) -> None:
    headers = [
        ("dead_topic", b"reports"),
        ("dead_partition", b"0"),
        ("dead_offset", b"1\nBcc: x@example.org"),
        ("dead_reason", b"\xff\x00odd"),
    ]
    found = dead_letter_of("reports", 0, 1, headers, clock)
    assert all(sign.isprintable() and sign.isascii() for sign in f"{found.topic}{found.reason}{found.origin}")
