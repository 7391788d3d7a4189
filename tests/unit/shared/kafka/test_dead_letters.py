"""Dead letters keep the record whole and say why."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast
from unittest.mock import AsyncMock

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import GroupAuthorizationFailedError
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import TransientError
from shared.kafka import redrive
from shared.kafka.dead_letters import MOST_BYTES, from_dead_letter, is_whole, publish_dead_letters, to_dead_letter
from shared.kafka.decoding import DeadLetter, RawRecord
from shared.kafka.publisher import Message, Publisher
from shared.kafka.redrive import describe
from shared.settings import KafkaSettings
from shared.topics import REPORTS

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HEADERS = st.lists(
    st.tuples(st.text(max_size=8).filter(lambda n: not n.startswith("dead_")), st.none() | st.binary(max_size=8))
)


@given(st.none() | st.binary(max_size=9), st.binary(max_size=9), HEADERS)
def test_a_dead_letter_can_be_brought_back_as_it_was(
    key: bytes | None, value: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    record = RawRecord("reports", 2, 7, 0, key, value, headers)
    letter = DeadLetter(record, "invalid", "d" * 900)
    message = to_dead_letter(letter, group="routing", service="routing", now=NOW)
    assert from_dead_letter(*message) == (key, value, headers)
    assert is_whole(message[2])
    added = {name: text.decode() for name, text in message[2] if name.startswith("dead_") and text is not None}
    assert added == {
        "dead_reason": "invalid", "dead_detail": "d" * 500, "dead_topic": "reports", "dead_partition": "2",
        "dead_offset": "7", "dead_group": "routing", "dead_service": "routing",
        "dead_time": "2026-11-24T03:00:00.000+00:00",
    }  # fmt: skip


def test_somebody_elses_marks_do_not_hide_ours() -> None:
    record = RawRecord("reports", 0, 0, 0, b"k", b"v", [("dead_reason", b"forged")])
    _, _, headers = to_dead_letter(DeadLetter(record, "invalid", ""), group="g", service="s", now=NOW)
    assert [value for name, value in headers if name == "dead_reason"] == [b"invalid"]


@pytest.mark.parametrize(
    ("key", "about"),
    [
        (b"10000000-0000-5000-8000-000000000000", "  about 10000000-0000-5000-8000-000000000000"),
        (b"010-2468-1357", ""),
        (b"about 10000000-0000-5000-8000-000000000000", ""),
        (None, ""),
    ],
)
def test_of_what_may_be_anything_only_a_reports_id_is_shown(key: bytes | None, about: str) -> None:
    letter = ConsumerRecord("p.reports.dead", 1, 0, 1, 0, key, b"secret", None, 1, 1, ())
    line = describe(letter)
    assert line.endswith(f"6 bytes{about}")
    assert "secret" not in line


BIG = b"x" * MOST_BYTES


@pytest.mark.parametrize(
    ("key", "value", "header", "left_out"),
    [
        (b"k", BIG, b"h", {"dead_value_left_out": b"900000"}),
        (None, BIG, b"h", {"dead_value_left_out": b"900000"}),
        (BIG, b"v", b"h", {"dead_key_left_out": b"900000"}),
        (BIG, None, b"h", {"dead_key_left_out": b"900000"}),
        (b"k", b"v", BIG, {"dead_headers_left_out": b"900014"}),
        (b"k", BIG, BIG, {"dead_headers_left_out": b"900014", "dead_value_left_out": b"900000"}),
    ],
)
def test_what_would_not_fit_is_left_out_and_said(
    key: bytes | None, value: bytes | None, header: bytes, left_out: dict[str, bytes]
) -> None:
    record = RawRecord("reports", 0, 7, 0, key, value, [("name", header)])
    said = to_dead_letter(DeadLetter(record, "invalid", ""), group="g", service="s", now=NOW)
    assert {name: size for name, size in said[2] if name.endswith("_left_out")} == left_out
    assert ("dead_offset", b"7") in said[2]
    assert not is_whole(said[2])
    assert said[0] is not None or said[1] is not None
    whole = sum(len(part or b"") for part in (said[0], said[1], *(value for _, value in said[2])))
    assert whole < MOST_BYTES


class OnePartitionFails:
    """Refuses partition 0 at once; partition 1 is acknowledged a turn of the loop later."""

    def __init__(self) -> None:
        self.in_flight = 0

    async def send(self, name: str, partition: int, messages: Sequence[Message]) -> int:
        del name, messages
        if partition == 0:
            raise TransientError("kafka is away")
        self.in_flight += 1
        for _ in range(3):
            await asyncio.sleep(0)
        self.in_flight -= 1
        return 0


async def test_a_failed_dead_letter_leaves_no_other_in_flight() -> None:
    publisher = OnePartitionFails()
    letters = [DeadLetter(RawRecord("reports", number, 0, 0, b"k", b"v", []), "invalid", "") for number in (0, 1)]
    with pytest.raises(TransientError):
        await publish_dead_letters(
            cast("Publisher", publisher),
            KafkaSettings(),
            letters,
            group="routing",
            service="routing",
            now=NOW,
        )
    assert publisher.in_flight == 0


def test_a_user_that_may_not_redrive_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redrive, "_list", AsyncMock(side_effect=GroupAuthorizationFailedError("redrive")))
    assert redrive.main(REPORTS, listing=True) == 1
    assert capsys.readouterr().err == "[Error 30] GroupAuthorizationFailedError: redrive\n"
