"""An intake that kills itself at a named place between two effects, once for each mark that a test puts into a folder.

``python -m tests.kill.between FOLDER`` is intake. What the marks ``FOLDER/<point>`` mean:

* ``draft``: after the next draft is durable and before the browser hears of it.
* ``report``: after the next report is inserted and before anybody is answered.
* ``answered``: before the next event is published, and only when ``FOLDER/told`` says that the answer has arrived.
* ``published``: after the next event is acknowledged by Kafka and before its document is marked.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from services.intake import main as intake
from services.intake.submissions.service import SubmissionService
from services.intake.webform.repository import DraftRepository
from shared import process
from shared.outbox import Relay

POINTS = ("draft", "report", "answered", "published")
TOLD = "told"
_TOLD_LIMIT_S = 30.0

Effect = Callable[..., Awaitable[Any]]


def deadly_after(effect: Effect, mark: Path, only_if: Callable[[Any], bool] = lambda _: True) -> Effect:
    """The effect, and then the end of the process where the mark is set. The mark goes first: once is enough.

    ``only_if`` says of what came of the effect whether the blow would fall at the point it is meant for.
    """

    async def struck(*given: Any, **named: Any) -> Any:
        result = await effect(*given, **named)
        if only_if(result):
            _strike(mark)
        return result

    return struck


def deadly_before(effect: Effect, mark: Path, told: Path | None = None) -> Effect:
    """The end of the process, where the mark is set, in place of the effect; with ``told`` not before it is there."""

    async def struck(self: Any, documents: Any, *given: Any, **named: Any) -> Any:
        if documents and _set(mark):
            until = time.monotonic() + _TOLD_LIMIT_S
            while told is not None and not _set(told) and time.monotonic() < until:  # noqa: ASYNC110  # another process makes the file
                await asyncio.sleep(0.01)  # the poll of a wait with a deadline
            _strike(mark)
        return await effect(self, documents, *given, **named)

    return struck


def _set(mark: Path) -> bool:
    return mark.exists()


def _strike(mark: Path) -> None:
    if _set(mark):
        mark.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> None:
    """Run intake with the blows in it."""
    for owner, name, deadly in (
        (DraftRepository, "write", deadly_after(DraftRepository.write, folder / "draft")),
        (SubmissionService, "submit", deadly_after(SubmissionService.submit, folder / "report")),
        (Relay, "_publish", deadly_before(Relay._publish, folder / "answered", folder / TOLD)),
        (Relay, "_clear", deadly_before(Relay._clear, folder / "published")),
    ):
        setattr(owner, name, deadly)  # a type checker would rightly refuse an assignment
    process.run(intake.run)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
