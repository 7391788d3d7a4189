"""Trying again, and giving up only for the right reason."""

import asyncio
from itertools import pairwise

import pytest

from shared.backoff import MOST_SECONDS, backoff
from shared.errors import FatalError, TransientError
from shared.kafka import retry as attempts_module
from shared.kafka.retry import RED_AFTER_ATTEMPTS, Attempts, GivenUpError


def test_waits_grow_are_capped_and_spread() -> None:
    longest = [backoff(n, 1.0) for n in range(1, 40)]
    assert longest == sorted(longest)
    assert longest[-1] == MOST_SECONDS
    assert all(b <= 2 * a for a, b in pairwise(longest))
    assert all(backoff(n, 0.0) * 2 == pytest.approx(backoff(n, 1.0)) for n in range(1, 40))


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    monkeypatch.setattr(attempts_module, "backoff", lambda _attempt, _chance: 0.0)
    return Attempts("unit")


async def test_it_calls_until_it_works_and_turns_red_meanwhile(attempts: Attempts) -> None:
    troubles: list[str | None] = []

    async def call() -> str:
        troubles.append(attempts.trouble)
        if len(troubles) <= RED_AFTER_ATTEMPTS + 1:
            raise TransientError("away")
        return "done"

    assert await attempts.repeat(call, "the work") == "done"
    assert troubles[:RED_AFTER_ATTEMPTS] == [None] * RED_AFTER_ATTEMPTS
    assert "the work failed" in str(troubles[-1])
    assert attempts.trouble is None


async def test_it_gives_up_when_the_partitions_go(attempts: Attempts) -> None:
    calls = 0

    async def call() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            attempts.interrupt()
        raise TransientError("away")

    with pytest.raises(GivenUpError):
        await attempts.repeat(call, "the work")
    assert calls == 3
    assert attempts.interrupted
    attempts.resume()
    assert not attempts.interrupted


async def test_an_interrupt_ends_a_long_wait_at_once(attempts: Attempts) -> None:
    waiting = asyncio.create_task(attempts.pause(3600))
    await asyncio.sleep(0)
    attempts.interrupt(for_good=True)
    async with asyncio.timeout(1):
        assert await waiting
    attempts.resume()
    assert attempts.interrupted


async def test_other_errors_pass_through(attempts: Attempts) -> None:
    async def call() -> None:
        raise FatalError("no")

    with pytest.raises(FatalError):
        await attempts.repeat(call, "the work")
