"""A service whose wall clock can be moved from outside, and which may have a mistake in it.

``python -m tests.chaos.launch SERVICE CLOCK [MISTAKE]``: ``CLOCK`` is a file with the seconds its clock is ahead.
"""

import contextlib
import sys
from datetime import datetime, timedelta
from pathlib import Path

from shared import process
from shared.clock import SystemClock
from tests.chaos import mistakes


def follow_clock(file: Path) -> None:
    """Let every reading of the wall clock be as far ahead as the file says; waiting and measuring stay as they are."""
    real = SystemClock.now

    def now(self: SystemClock) -> datetime:
        ahead = 0.0
        with contextlib.suppress(OSError, ValueError):
            ahead = float(file.read_text(encoding="ascii"))
        return real(self) + timedelta(seconds=ahead)

    setattr(SystemClock, "now", now)  # noqa: B010  # a type checker would rightly refuse it


def put_ahead(file: Path, seconds: float) -> None:
    """Let the clocks that follow this file be so far ahead from now on. None of them ever reads half a number."""
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{seconds:.3f}", encoding="ascii")
    fresh.replace(file)


def main(service: str, clock: str, mistake: str = "") -> None:
    """Run the service."""
    follow_clock(Path(clock))
    if mistake:
        mistakes.MISTAKES[mistake].make()
    process.run_service(f"services.{service}.main")


if __name__ == "__main__":
    main(*sys.argv[1:])
