"""A broker that cannot be reached is tried once a second by a process, however many of its tasks ask for it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import BrokerMetadata

from shared.kafka import patches
from shared.kafka.connection import client_options
from shared.kafka.patches import LONGEST_RECONNECT_S
from shared.settings import KafkaSettings


class Network:
    """Brokers that are away, and a clock that goes on when somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.away = {9001}
        self.tried: list[tuple[int, float]] = []
        self.answers: list[asyncio.Future[None]] = []
        """Where there are some, the next attempt waits for the first, whatever is away."""
        monkeypatch.setattr(patches, "_attempts", patches._Attempts())
        monkeypatch.setattr(patches, "create_conn", self._connect)
        monkeypatch.setattr(patches, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(patches, "asyncio", SimpleNamespace(sleep=self._sleep))

    def client(self, *ports: int) -> Any:
        made = AIOKafkaClient(**client_options(KafkaSettings()))
        made.cluster._brokers = {port: BrokerMetadata(port, "127.0.0.1", port, None) for port in ports}
        return made

    async def _connect(self, _: str, port: int, **__: object) -> Any:
        self.tried.append((port, self.now))
        if self.answers:
            await self.answers.pop(0)
        await asyncio.sleep(0)
        if port in self.away:
            raise OSError
        return SimpleNamespace(connected=lambda: True)

    async def _sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


async def test_the_only_broker_is_tried_once_a_second_by_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)

    async def ask(client: Any) -> None:
        for _ in range(10):
            assert not await client.ready(9001)

    clients = [network.client(9001) for _ in range(3)]
    await asyncio.gather(*(ask(client) for client in clients for _ in range(4)))
    # At the first moment all try; of the pauses after that the first few are shorter.
    assert 5 < len({at for _, at in network.tried}) < 5 + network.now / (LONGEST_RECONNECT_S / 2)
    assert len(network.tried) < 12 + 5 + network.now / (LONGEST_RECONNECT_S / 2)


async def test_a_broker_that_is_back_is_reached_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    client = network.client(9001)
    for _ in range(10):
        assert not await client.ready(9001)
    network.away.clear()
    back = network.now
    assert await client.ready(9001)
    assert network.now - back <= LONGEST_RECONNECT_S
    del client._conns[9001, 0]
    assert await client.ready(9001)
    assert network.tried[-1][1] == network.now  # no rest is left


async def test_while_one_of_several_is_away_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    client = network.client(9001, 9002)
    for _ in range(10):
        assert not await client.ready(9001)
    assert await client.ready(9002)
    assert network.now == 0.0
    assert network.tried == [(9001, 0.0), (9002, 0.0)]


async def test_a_client_that_is_given_up_while_it_connects_makes_no_other_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    network.answers = [asyncio.Future()]
    given_up = asyncio.create_task(network.client(9001).ready(9001))
    await asyncio.sleep(0)
    assert network.tried == [(9001, 0.0)]
    given_up.cancel()
    await asyncio.wait([given_up])
    network.away.clear()
    assert await network.client(9001).ready(9001)
    assert network.now == 0.0


async def test_an_attempt_from_before_the_broker_was_reached_makes_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    network.away.clear()
    slow: asyncio.Future[None] = asyncio.Future()
    network.answers = [slow]
    late = asyncio.create_task(network.client(9001).ready(9001))
    await asyncio.sleep(0)
    assert await network.client(9001).ready(9001)
    slow.set_exception(OSError())
    assert not await late
    assert await network.client(9001).ready(9001)
    assert network.now == 0.0


async def test_a_client_whose_broker_rests_asks_for_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    client = network.client(9001)
    monkeypatch.setattr(patches, "_left", lambda *_: 0.5)  # another task tries meanwhile, in vain
    assert not await client.ready(9001)
    assert network.tried == []
    assert client._md_update_waiter.done()
