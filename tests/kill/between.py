"""An intake that kills itself between an effect and its answer, once for each mark that a test puts into a folder.

``python -m tests.kill.between FOLDER`` is intake. ``FOLDER/draft`` means: after the next draft is durable and before
the browser hears of it; ``FOLDER/report``: the same with the next report sent by the form.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from services.intake import main as intake
from services.intake.reception import Reception
from services.intake.store.drafts import DraftStore
from shared import process


def deadly_after(
    effect: Callable[..., Awaitable[Any]], mark: Path, only_if: Callable[[Any], bool] = lambda _: True
) -> Callable[..., Awaitable[Any]]:
    """The effect, and then the end of the process where the mark is set. The mark goes first: once is enough.

    ``only_if`` says of what came of the effect whether the blow would fall at the point it is meant for.
    """

    async def struck(*given: Any, **named: Any) -> Any:
        result = await effect(*given, **named)
        if only_if(result):
            _strike(mark)
        return result

    return struck


def _strike(mark: Path) -> None:
    if mark.exists():
        mark.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> None:
    """Run intake with the blows in it."""
    setattr(DraftStore, "write", deadly_after(DraftStore.write, folder / "draft"))  # noqa: B010  # a type checker would rightly refuse it
    setattr(Reception, "lodge", deadly_after(Reception.lodge, folder / "report"))  # noqa: B010  # as above
    process.run(intake.run)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
