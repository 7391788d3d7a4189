"""A circuit breaker: a channel that fails again and again is left alone for a while, then tried with one message."""

from typing import Final

from shared.clock import Clock

TOO_LATE: Final = "too_late"


SPARED: Final = "spared"


NOT_SENT: Final = frozenset({TOO_LATE, SPARED})
"""Reasons of messages nobody tried to send: there is nothing to record about them."""


CIRCUIT_OPEN: Final = "circuit_open"
"""The channel failed again and again and is left alone for a while; that is recorded as a failure."""


FAILURES: Final = 5
"""So many failures in a row open the circuit."""


OPEN_S: Final = 30.0
"""How long it stays open before one message may try; below the shortest step of the escalation."""


class Breaker:
    """One per server or receiver, in memory: another process finds out for itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._opens_until: float | None = None

    @property
    def open(self) -> bool:
        """Whether messages are kept back."""
        return self._opens_until is not None

    def may_try(self) -> bool:
        """Return whether a message may go. While the circuit is open, one in ``OPEN_S`` seconds may."""
        if self._opens_until is None:
            return True
        now = self._clock.monotonic()
        if now < self._opens_until:
            return False
        self._opens_until = now + OPEN_S
        return True

    def came_of(self, *, ok: bool) -> None:
        """Record the result of a message that was tried."""
        if ok:
            self._failures, self._opens_until = 0, None
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._opens_until = self._clock.monotonic() + OPEN_S
