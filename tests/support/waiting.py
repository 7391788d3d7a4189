"""Wait for a condition, never for a time."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any, Final

DEADLINE_S: Final = 120.0
"""Long enough for a machine that does much else; it matters only when a test fails."""
CALL_TIMEOUT_S: Final = DEADLINE_S / 2
"""Of one call to Kafka: services call again, and a test that makes its topics does so once."""
_STEP_S: Final = 0.02
_LONGEST_STEP_S: Final = 0.2


async def eventually(
    condition: Callable[[], Any],
    what: str = "the condition holds",
    *,
    seconds: float = DEADLINE_S,
    working: "asyncio.Task[Any] | None" = None,
) -> Any:
    """Ask ``condition`` (a value or an awaitable of one) until it is true, and return what it gave.

    Fails with ``what`` after ``seconds``, and at once with the error of ``working`` if that task has ended.
    """
    until = time.monotonic() + seconds
    step = _STEP_S
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if working is not None and working.done():
            working.result()
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(step)
        step = min(step * 1.5, _LONGEST_STEP_S)


def eventually_blocking(condition: Callable[[], Any], what: str, *, seconds: float = DEADLINE_S) -> Any:
    """The same for a test without an event loop."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(_STEP_S)
    return value
