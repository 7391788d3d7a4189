"""The machine's own clock, which a test may move on: days pass, sleepers notice nothing."""

from datetime import datetime, timedelta

from shared.clock import SystemClock


class JumpClock(SystemClock):
    """``now`` is real time plus every jump so far; sleeping and measuring stay real."""

    def __init__(self) -> None:
        self._jumped = timedelta()

    def now(self) -> datetime:
        """Wall time in UTC, as far as the jumps have gone."""
        return super().now() + self._jumped

    def jump(self, **span: float) -> None:
        """Let days, hours, … pass."""
        self._jumped += timedelta(**span)
