"""Analytics, and its rebuild, that kill themselves with SIGKILL at a named point.

``python -m tests.integration.analytics.dying rebuild POINT``: the rebuild dies when it gets there.
``python -m tests.integration.analytics.dying counting FOLDER``: the service dies at a point whenever the folder holds a
file of that name, which is removed first.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from services.analytics import main
from services.analytics.counting import consumers, rebuild, repository
from services.analytics.counting import rebuild_repository as storing
from shared import process

Async = Callable[..., Awaitable[Any]]

REBUILD_POINTS: Final = (
    "begun",
    "facts inserted",
    "partition done",
    "centres inserted",
    "all folded",
    "compared",
    "in the swap",
    "swapped",
)
COUNTING_POINTS: Final = ("read", "folded", "written", "committed")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(place: Any, name: str, strike: Callable[[], None], *, times: int = 1) -> None:
    """Let the process be struck after so many calls of a coroutine function."""
    real: Async = getattr(place, name)
    calls = 0

    async def struck(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        result = await real(*arguments, **options)
        calls += 1
        if calls >= times:
            strike()
        return result

    setattr(place, name, struck)


def before(place: Any, name: str, strike: Callable[[], None], *, times: int) -> None:
    """Let the process be struck when a coroutine function is called for the n-th time."""
    real: Async = getattr(place, name)
    calls = 0

    async def struck(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == times:
            strike()
        return await real(*arguments)

    setattr(place, name, struck)


def arm_rebuild(point: str) -> None:
    match point:
        case "begun":
            after(rebuild, "begin", die)
        case "facts inserted":  # the first insert of the second partition
            after(storing, "_insert", die, times=6)
        case "partition done":
            after(rebuild, "insert_partition", die, times=2)
        case "centres inserted":
            after(storing, "_insert", die, times=16)
        case "all folded":
            after(rebuild, "insert_centers", die)
        case "compared":
            after(rebuild, "differences", die)
        case "in the swap":
            after(storing, "_equally_far", die)
        case "swapped":  # and what is old is not cleared away yet
            before(storing, "drop_others", die, times=2)
        case _:
            raise SystemExit(f"no such point: {point}")


def arm_counting(folder: Path) -> None:
    def at(point: str) -> Callable[[], None]:
        def strike() -> None:
            mark = folder / point
            if mark.exists():
                mark.unlink()
                die()

        return strike

    after(repository.OpenBatch, "facts", at("read"))
    place: Any = consumers
    real = place.fold

    def fold(*arguments: Any) -> Any:
        changes = real(*arguments)
        at("folded")()
        return changes

    place.fold = fold
    after(repository.OpenBatch, "save", at("written"))
    after(consumers.ProjectionConsumer, "handle", at("committed"))


if __name__ == "__main__":
    if sys.argv[1] == "rebuild":
        arm_rebuild(sys.argv[2])
        sys.exit(rebuild.main())
    arm_counting(Path(sys.argv[2]))
    process.run(main.run)
