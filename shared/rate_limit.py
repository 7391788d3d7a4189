"""Rate limits per caller: token buckets that keep no address."""

import hashlib
import hmac
import math
import os
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from shared.clock import Clock

_MAX_NAMES: Final = 20_000
"""Least recently used names are dropped beyond so many."""


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """Tokens left at a time (monotonic seconds)."""

    left: float
    at: float


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``capacity`` tokens at once, refilled with ``per_second``."""

    capacity: float
    per_second: float

    def full(self, now: float) -> TokenBucket:
        """A full bucket."""
        return TokenBucket(self.capacity, now)

    def refilled(self, bucket: TokenBucket, now: float) -> TokenBucket:
        """The bucket now."""
        return TokenBucket(min(self.capacity, bucket.left + (now - bucket.at) * self.per_second), now)

    def consume(self, bucket: TokenBucket, cost: float, now: float) -> TokenBucket:
        """The bucket after taking ``cost`` tokens; it may go below 0, which makes the wait longer."""
        return TokenBucket(self.refilled(bucket, now).left - cost, now)

    def wait(self, bucket: TokenBucket, now: float) -> float:
        """Seconds until a token is there; 0 if one is."""
        missing = 1 - self.refilled(bucket, now).left
        return max(0.0, missing / self.per_second)


class RateLimiter:
    """Token buckets by name, in memory, under a keyed digest whose key ends with the process."""

    def __init__(self, limit: RateLimit, clock: Clock) -> None:
        """Every name has the same ``limit``."""
        self._limit = limit
        self._clock = clock
        self._key = os.urandom(32)
        self._buckets: OrderedDict[bytes, TokenBucket] = OrderedDict()

    def wait(self, name: str) -> int:
        """Whole seconds until one more is allowed; 0 if it is."""
        now = self._clock.monotonic()
        return math.ceil(self._limit.wait(self._bucket(self._digest(name), now), now))

    def try_acquire(self, name: str) -> bool:
        """Take a token if there is one; whether there was."""
        if self.wait(name):
            return False
        self.consume(name, 1.0)
        return True

    def consume(self, name: str, cost: float) -> None:
        """Take ``cost`` tokens, whether or not they are there."""
        digest, now = self._digest(name), self._clock.monotonic()
        self._buckets[digest] = self._limit.consume(self._bucket(digest, now), cost, now)
        self._buckets.move_to_end(digest)
        while len(self._buckets) > _MAX_NAMES:
            self._buckets.popitem(last=False)

    def _bucket(self, digest: bytes, now: float) -> TokenBucket:
        return self._buckets.get(digest) or self._limit.full(now)

    def _digest(self, name: str) -> bytes:
        return hmac.new(self._key, name.encode(), hashlib.sha256).digest()
