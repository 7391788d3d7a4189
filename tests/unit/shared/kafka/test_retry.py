"""Trying again, and giving up only for the right reason."""

import asyncio
from itertools import pairwise

import pytest

from shared.backoff import MOST_SECONDS, backoff
from shared.errors import FatalError, TransientError
from shared.kafka import retry as retry_module
from shared.kafka.retry import RED_AFTER_ATTEMPTS, AssignmentLostError, Retry


def test_waits_grow_are_capped_and_spread() -> None:
    longest = [backoff(n, 1.0) for n in range(1, 40)]
    assert longest == sorted(longest)
    assert longest[-1] == MOST_SECONDS
    assert all(b <= 2 * a for a, b in pairwise(longest))
    assert all(backoff(n, 0.0) * 2 == pytest.approx(backoff(n, 1.0)) for n in range(1, 40))


@pytest.fixture
def retry(monkeypatch: pytest.MonkeyPatch) -> Retry:
    monkeypatch.setattr(retry_module, "backoff", lambda _attempt, _chance: 0.0)
    return Retry("unit")


async def test_it_calls_until_it_works_and_turns_red_meanwhile(retry: Retry) -> None:
    failures: list[str | None] = []

    async def call() -> str:
        failures.append(retry.failure)
        if len(failures) <= RED_AFTER_ATTEMPTS + 1:
            raise TransientError("away")
        return "done"

    assert await retry.repeat(call, "the work") == "done"
    assert failures[:RED_AFTER_ATTEMPTS] == [None] * RED_AFTER_ATTEMPTS
    assert "the work failed" in str(failures[-1])
    assert retry.failure is None


async def test_it_gives_up_when_the_partitions_go(retry: Retry) -> None:
    calls = 0

    async def call() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            retry.interrupt()
        raise TransientError("away")

    with pytest.raises(AssignmentLostError):
        await retry.repeat(call, "the work")
    assert calls == 3
    assert retry.interrupted
    retry.resume()
    assert not retry.interrupted


async def test_an_interrupt_ends_a_long_wait_at_once(retry: Retry) -> None:
    waiting = asyncio.create_task(retry.pause(3600))
    await asyncio.sleep(0)
    retry.interrupt(for_good=True)
    async with asyncio.timeout(30):
        assert await waiting
    retry.resume()
    assert retry.interrupted


async def test_other_errors_pass_through(retry: Retry) -> None:
    async def call() -> None:
        raise FatalError("no")

    with pytest.raises(FatalError):
        await retry.repeat(call, "the work")
