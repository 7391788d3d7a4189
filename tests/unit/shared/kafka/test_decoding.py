"""What becomes of each record of a batch."""

from aiokafka import ConsumerRecord, TopicPartition

from shared.kafka.decoding import Blocked, count_dead_run, decode_batch
from tests.integration.kafka.tools import message_left, report_id

CAP = 100
GOOD = message_left(report_id(1), 1)
UNKNOWN = [(name, b"report.message_left.v9" if name == "ce_type" else value) for name, value in GOOD.headers]


def record(offset: int, kind: str = "good", partition: int = 0) -> "ConsumerRecord[bytes, bytes]":
    value, headers = {
        "good": (GOOD.value, list(GOOD.headers)),
        "bad": (b"{", list(GOOD.headers)),
        "unknown": (GOOD.value, UNKNOWN),
    }[kind]
    return ConsumerRecord("p.reports", partition, offset, 1, 0, GOOD.key.encode(), value, None, 1, 1, tuple(headers))


def bare(name: str) -> str:
    return name.removeprefix("p.")


def place(partition: int) -> TopicPartition:
    return TopicPartition("p.reports", partition)


def test_bad_ones_are_dead_and_neighbours_accepted() -> None:
    done = decode_batch([record(4), record(5, "bad"), record(6)], bare, 0, CAP)
    assert [r.offset for r in done.accepted] == [4, 6]
    assert [(d.record.offset, d.record.topic, d.reason) for d in done.dead] == [(5, "reports", "invalid")]
    assert done.next_offsets == {place(0): 7}
    assert done.blocked == {}
    assert done.left == {}


def test_an_unknown_type_holds_back_the_rest_of_its_partition_only() -> None:
    batch = [record(1), record(2, "unknown"), record(3), record(9, partition=1), record(10, "bad", partition=1)]
    done = decode_batch(batch, bare, 0, CAP)
    assert [(r.partition, r.offset) for r in done.accepted] == [(0, 1), (1, 9)]
    assert done.next_offsets == {place(0): 2, place(1): 11}
    assert done.blocked[place(0)][0] == 2
    assert "report.message_left.v9" in done.blocked[place(0)][1]


def test_an_unknown_type_at_the_head_commits_nothing() -> None:
    done = decode_batch([record(1, "unknown"), record(2)], bare, 0, CAP)
    assert done.next_offsets == {}
    assert done.accepted == []


def test_looking_stops_when_too_many_in_a_row_are_dead() -> None:
    batch = [record(0), *(record(n, "bad") for n in range(1, 6)), record(6), record(7, partition=1)]
    done = decode_batch(batch, bare, 2, 3)
    assert [d.record.offset for d in done.dead] == [1, 2, 3]
    assert done.next_offsets == {place(0): 4}
    assert done.left == {place(0): 4, place(1): 7}


def test_dead_ones_of_the_last_batch_count() -> None:
    done = decode_batch([record(0, "bad"), record(1, "bad")], bare, 2, 3)
    assert [d.record.offset for d in done.dead] == [0]
    assert done.left == {place(0): 1}


def test_the_run_counts_what_handlers_refused_too() -> None:
    batch = [record(n) for n in range(5)]
    dead = {("p.reports", 0, n) for n in (1, 2, 4)}
    assert count_dead_run(batch, {place(0): 5}, dead, 7) == (1, 7)
    assert count_dead_run(batch, {place(0): 5}, {("p.reports", 0, n) for n in range(5)}, 7) == (12, 12)
    assert count_dead_run(batch, {place(0): 3}, dead, 0) == (2, 2)
    assert count_dead_run(batch, {}, dead, 4) == (4, 4)


def test_behind_a_record_that_a_handler_left_nothing_is_committed_or_dead() -> None:
    batch = [record(1, "bad"), record(2), record(3), record(4, "bad"), record(8, "bad", partition=1)]
    done = decode_batch(batch, bare, 0, CAP)
    done.stop_before(Blocked("reports", 0, 3, "a hole"), place(0))
    assert done.next_offsets == {place(0): 3, place(1): 9}
    assert done.blocked == {place(0): (3, "a hole")}
    assert [(d.record.partition, d.record.offset) for d in done.dead] == [(0, 1), (1, 8)]
    assert [one.offset for one in done.accepted] == [2]
    assert done.passing == set()


def test_of_several_stops_in_a_partition_the_first_record_counts() -> None:
    done = decode_batch([record(n) for n in range(1, 6)], bare, 0, CAP)
    for offset in (4, 2, 3):
        done.stop_before(Blocked("reports", 0, offset, f"left at {offset}"), place(0))
    assert done.next_offsets == {place(0): 2}
    assert done.blocked == {place(0): (2, "left at 2")}
    assert [one.offset for one in done.accepted] == [1]
