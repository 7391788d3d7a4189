"""When a subscription counts as ended: that ends the process, so in doubt it does not."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from shared.kafka.broker import _ended
from shared.kafka.consumer import Subscription


def ended(**subscriber: Any) -> str | None:  # whatever FastStream may call its attributes
    client = SimpleNamespace(_client=SimpleNamespace(_sync_task=None), _coordinator=None, _fetcher=None)
    spec = SimpleNamespace(subscriber=SimpleNamespace(**subscriber))
    return _ended(cast("Subscription", SimpleNamespace(consumer=client, spec=spec)))


async def test_tasks_under_another_name_end_nothing() -> None:
    assert ended(running=True) is None
    assert ended(running=True, tasks=[]) is None


async def test_a_task_that_is_done_is_an_end_and_one_that_runs_is_none() -> None:
    done = asyncio.create_task(asyncio.sleep(0))
    await done
    running = asyncio.create_task(asyncio.Event().wait())
    assert ended(running=True, tasks=[done]) is not None
    assert ended(running=True, tasks=[done, running]) is None
    assert ended(running=False, tasks=[running]) is not None
    running.cancel()
