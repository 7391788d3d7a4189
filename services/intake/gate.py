"""Holds back those who ask for receipts too often, without keeping anybody's address."""

import hashlib
import hmac
import math
import os
from collections import OrderedDict

from services.intake.policy.limits import Allowance, Bucket
from shared.clock import Clock
from shared.web.networks import network_of

WRONG_COST = 3.0
"""A receipt that does not exist costs as much as three that do: guessing gets slow before reading does."""
_NETWORKS = 20_000
"""Networks remembered at once; the one unseen for longest is forgotten first."""


class StatusGate:
    """Token buckets by network, in memory, under a keyed digest whose key dies with the process."""

    def __init__(self, questions_per_minute: int, clock: Clock) -> None:
        """``questions_per_minute`` may be asked at once, and again within each minute."""
        self._allowance = Allowance(capacity=questions_per_minute, per_second=questions_per_minute / 60)
        self._clock = clock
        self._key = os.urandom(32)
        self._buckets: OrderedDict[bytes, Bucket] = OrderedDict()

    def wait(self, host: str | None) -> int:
        """Whole seconds until this network may ask again; 0 when it may now, and then the question is counted."""
        now = self._clock.monotonic()
        mark = self._mark(host)
        seconds = self._allowance.wait(self._bucket(mark, now), now)
        if seconds > 0:
            return math.ceil(seconds)
        self._draw(mark, 1.0, now)
        return 0

    def was_wrong(self, host: str | None) -> None:
        """The receipt did not exist: count the rest of its cost."""
        self._draw(self._mark(host), WRONG_COST - 1, self._clock.monotonic())

    def _bucket(self, mark: bytes, now: float) -> Bucket:
        return self._buckets.get(mark) or self._allowance.full(now)

    def _draw(self, mark: bytes, cost: float, now: float) -> None:
        self._buckets[mark] = self._allowance.drawn(self._bucket(mark, now), cost, now)
        self._buckets.move_to_end(mark)
        while len(self._buckets) > _NETWORKS:
            self._buckets.popitem(last=False)

    def _mark(self, host: str | None) -> bytes:
        return hmac.new(self._key, network_of(host).encode(), hashlib.sha256).digest()
