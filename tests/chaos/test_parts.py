"""The parts of a chaos run: plans, connections that break, garbage that is garbage, and numbers that add up."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.errors import PermanentError
from shared.kafka.decoding import decode_record
from tests.chaos import kinds
from tests.chaos.__main__ import leaves, numbers_of
from tests.chaos.garbage import TYPES, bad_records
from tests.chaos.proxy import Link
from tests.chaos.recovery import Watcher
from tests.support.waiting import DEADLINE_S
from tools.demo.ledger import Ledger
from tools.docs_generation.chaos import chart, page
from tools.local.ports import LOOPBACK, free_port

LOST = "2 accepted, but not on the bus: 3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41, 9a4e1b7c-2d3f-4a5b-8c6d-7e8f90a1b2c3"


@pytest.mark.parametrize("brokers", [1, 3])
def test_every_kind_is_struck_before_any_comes_again_and_the_seed_is_the_plan(brokers: int) -> None:
    possible = {kind.name for kind in kinds.KINDS if brokers in kind.brokers}
    plan = kinds.draw(7, len(possible), brokers=brokers)
    assert Counter(fault.name for fault in plan) == Counter(possible)
    assert [repr(fault) for fault in plan] == [repr(fault) for fault in kinds.draw(7, len(possible), brokers=brokers)]
    assert [repr(fault) for fault in kinds.chosen([repr(fault) for fault in plan])] == [repr(fault) for fault in plan]
    assert repr(plan) != repr(kinds.draw(8, len(possible), brokers=brokers))
    assert all(kind.lasts[0] > 3 for kind in kinds.KINDS if kind.name == "freeze"), (
        "shorter than the session: no zombie"
    )


@pytest.mark.parametrize("topic", TYPES)
def test_garbage_is_dead_for_every_reader_and_never_of_a_later_build(topic: str) -> None:
    for key, value, headers in bad_records(topic):
        record = ConsumerRecord(topic, 0, 0, 0, 0, key, value, None, -1, -1, tuple(headers))
        with pytest.raises(PermanentError):
            decode_record(record, topic)


async def test_a_link_cuts_holds_back_and_slows_down() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    target, listen = free_port(), free_port()
    link = Link(target)
    server = await asyncio.start_server(echo, LOOPBACK, target)
    proxy = await asyncio.start_server(link.accept, LOOPBACK, listen)
    async with server, proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, listen)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        link.change("half-open")
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.1)
        link.change("slow", 0.2, 1e6)
        began = asyncio.get_running_loop().time()
        assert await reader.readexactly(3) == b"two"
        writer.write(b"six")
        assert await reader.readexactly(3) == b"six"
        assert asyncio.get_running_loop().time() - began >= 0.2
        link.change("cut")
        with pytest.raises(ConnectionError):
            assert await reader.readexactly(1) == b"never"
        again, _ = await asyncio.open_connection(LOOPBACK, listen)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await again.readexactly(1)
        link.change("pass")
        reader, writer = await asyncio.open_connection(LOOPBACK, listen)
        writer.write(b"end")
        assert await reader.readexactly(3) == b"end"
        writer.close()


async def test_who_follows_the_log_ends_although_a_cancellation_is_lost() -> None:
    class Reading:
        def __init__(self) -> None:
            self.begun = asyncio.Event()

        async def catch_up(self) -> Ledger:
            """As `asyncio.wait_for` of Python 3.11 does where the answer comes in the same moment."""
            if not self.begun.is_set():
                self.begun.set()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            return Ledger()

    auditor: Any = Reading()
    following = asyncio.create_task(Watcher(auditor, asyncio.Lock()).run())
    await auditor.begun.wait()
    following.cancel()
    ended, _ = await asyncio.wait({following}, timeout=DEADLINE_S)
    assert ended


def test_rounds_add_up_to_a_page_with_a_chart() -> None:
    fault = {"kind": "kill", "target": "intake", "accepted_s": 0.5, "routed_s": 1.0}
    timeline = [{**fault, "alerted_s": alerted} for alerted in (2.0, 4.0, 9.0)] + [{"kind": "freeze"}]
    rounds = [
        {"seed": 4, "brokers": 1, "faults": [], "accepted": 100, "timeline": timeline[:2]},
        {"seed": 5, "brokers": 3, "faults": [LOST], "accepted": 50, "timeline": timeline[2:]},
    ]
    numbers = {**numbers_of(rounds), "date": "2026-11-28", "mistakes": {"a mistake": "1 without owner"}}
    assert (numbers["faults"], numbers["faults_with_three_brokers"], numbers["accepted"]) == (4, 2, 150)
    assert (numbers["lost"], numbers["two_owners"], numbers["unaccounted"]) == (2, 0, 0)
    killed = next(kind for kind in numbers["kinds"] if kind["name"] == "kill")
    assert (killed["struck"], killed["p50"], killed["p99"], killed["worst"]) == (3, 4.0, 9.0, 9.0)
    text = page(numbers)
    assert "| kill | 3 | 0.5 s | 1.0 s | 4.0 s | 9.0 s | 9.0 s |" in text
    assert "2 lost, 0 with two owners" in text
    assert LOST.split(": ")[1] not in text, "no report is named in a document"
    assert chart(numbers["kinds"]).count("<circle") == 1, "what was never measured is not drawn"


def test_a_round_that_could_not_be_finished_names_what_went_wrong_and_not_the_group() -> None:
    first, second = TimeoutError("staff waited"), ConnectionError("intake hung up")
    assert leaves(ExceptionGroup("several", [first, ExceptionGroup("more", [second])])) == [first, second]
    assert leaves(first) == [first]
