"""The machine's own clock, which a test may move on: days pass, sleepers notice nothing."""

from datetime import datetime, timedelta

from shared.clock import SystemClock


class JumpClock(SystemClock):
    """``now`` is real time plus every jump so far; sleeping stays real, and so does measuring unless told otherwise."""

    def __init__(self, *, monotonic: bool = False) -> None:
        """With ``monotonic``, ``monotonic()`` jumps too."""
        self._jumped = timedelta()
        self._both = monotonic

    def now(self) -> datetime:
        """Wall time in UTC, as far as the jumps have gone."""
        return super().now() + self._jumped

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock, with the jumps if the clock was made so."""
        return super().monotonic() + (self._jumped.total_seconds() if self._both else 0.0)

    def jump(self, **span: float) -> None:
        """Let days, hours, … pass."""
        self._jumped += timedelta(**span)


class StillClock(JumpClock):
    """``now`` moves by jumps alone: no second, and no midnight, passes between two lines of a test."""

    def __init__(self, start: datetime, *, monotonic: bool = False) -> None:
        """With ``monotonic``, ``monotonic()`` counts the seconds of the jumps and nothing else."""
        super().__init__(monotonic=monotonic)
        self._start = start

    def now(self) -> datetime:
        """The start and every jump so far."""
        return self._start + self._jumped

    def monotonic(self) -> float:
        """Seconds jumped, or the machine's where the clock was not made to measure."""
        return self._jumped.total_seconds() if self._both else super().monotonic()
