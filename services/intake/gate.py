"""Holds back those who ask for receipts too often, without keeping anybody's address or receipt."""

import hashlib
import hmac
import math
import os
from collections import OrderedDict
from typing import Final

from services.intake.policy.limits import Allowance, Bucket
from shared.clock import Clock
from shared.web.networks import network_of

WRONG_COST: Final = 3.0
"""A receipt that does not exist costs as much as three that do: guessing gets slow before reading does."""
WRONG_PER_RECEIPT: Final = 10
"""Wrong tries for one receipt, from wherever, and again within each hour: a word of four letters holds for decades."""
_REMEMBERED: Final = 20_000
"""Networks and receipts remembered at once; the one unseen for longest is forgotten first."""


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


class StatusGate:
    """Limits questions by network, and wrong ones also by receipt."""

    def __init__(self, questions_per_minute: int, clock: Clock) -> None:
        """``questions_per_minute`` may be asked at once, and again within each minute."""
        self._networks = Buckets(Allowance(capacity=questions_per_minute, per_second=questions_per_minute / 60), clock)
        self._receipts = Buckets(Allowance(capacity=WRONG_PER_RECEIPT, per_second=WRONG_PER_RECEIPT / 3600), clock)

    def wait(self, host: str | None) -> int:
        """Whole seconds until this network may ask again; 0 when it may now, and then the question is counted."""
        network = network_of(host)
        seconds = self._networks.wait(network)
        if seconds == 0:
            self._networks.draw(network, 1.0)
        return seconds

    def wait_for(self, receipt: str) -> int:
        """Whole seconds until this receipt may be tried again, whether or not it exists; 0 when it may now."""
        return self._receipts.wait(receipt)

    def was_wrong(self, host: str | None, receipt: str | None = None) -> None:
        """The receipt did not exist, or the word did not fit: count the rest of its cost."""
        self._networks.draw(network_of(host), WRONG_COST - 1)
        if receipt is not None:
            self._receipts.draw(receipt, 1.0)
