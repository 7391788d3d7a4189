"""How much one caller may cause: token buckets, without keeping anybody's address.

The audit takes so many lines a minute about callers nobody knows; what a service limits beside may use the same.
"""

import hashlib
import hmac
import math
import os
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from shared.clock import Clock

_REMEMBERED: Final = 20_000
"""Names remembered at once; the one unseen for longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of an allowance at a moment (monotonic seconds)."""

    left: float
    at: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """``capacity`` at once, ``per_second`` afterwards."""

    capacity: float
    per_second: float

    def full(self, now: float) -> Bucket:
        """A bucket nobody has drawn from."""
        return Bucket(self.capacity, now)

    def refilled(self, bucket: Bucket, now: float) -> Bucket:
        """The bucket as it stands now."""
        return Bucket(min(self.capacity, bucket.left + (now - bucket.at) * self.per_second), now)

    def drawn(self, bucket: Bucket, cost: float, now: float) -> Bucket:
        """The bucket after paying; it may go below nothing, which only makes the wait longer."""
        return Bucket(self.refilled(bucket, now).left - cost, now)

    def wait(self, bucket: Bucket, now: float) -> float:
        """Seconds until one more question is allowed; 0 when it is."""
        missing = 1 - self.refilled(bucket, now).left
        return max(0.0, missing / self.per_second)


class Buckets:
    """Token buckets by name, in memory, under a keyed digest whose key dies with the process."""

    def __init__(self, allowance: Allowance, clock: Clock) -> None:
        """Everybody has the same ``allowance``."""
        self._allowance = allowance
        self._clock = clock
        self._key = os.urandom(32)
        self._buckets: OrderedDict[bytes, Bucket] = OrderedDict()

    def wait(self, name: str) -> int:
        """Whole seconds until one more is allowed; 0 when it is."""
        now = self._clock.monotonic()
        return math.ceil(self._allowance.wait(self._bucket(self._mark(name), now), now))

    def taken(self, name: str) -> bool:
        """Whether one more is allowed; then it is counted."""
        if self.wait(name):
            return False
        self.draw(name, 1.0)
        return True

    def draw(self, name: str, cost: float) -> None:
        """Count something."""
        mark, now = self._mark(name), self._clock.monotonic()
        self._buckets[mark] = self._allowance.drawn(self._bucket(mark, now), cost, now)
        self._buckets.move_to_end(mark)
        while len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)

    def _bucket(self, mark: bytes, now: float) -> Bucket:
        return self._buckets.get(mark) or self._allowance.full(now)

    def _mark(self, name: str) -> bytes:
        return hmac.new(self._key, name.encode(), hashlib.sha256).digest()
