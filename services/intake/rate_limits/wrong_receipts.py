"""Counts wrong receipts by network, provider, front end and country, together with all other intake processes.

Each process counts in memory and judges by that at once. Behind the answers a job adds what it counted to the shared
counts and learns the totals and who is held back, so a right receipt costs no question to the store, and neither a
restart nor a full memory forgets what was counted. While the store is away, each process goes on with what it knows.
"""

import asyncio
import logging
import math
from collections import Counter, OrderedDict
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from services.intake.caller import Caller
from services.intake.encryption.keys import KeyedDigests
from services.intake.rate_limits import rules
from services.intake.rate_limits.repository import WrongReceiptCounts
from services.intake.rate_limits.rules import COUNTRY, HELD_S, CallerTier, Tier
from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.metrics import REGISTRY

_log = log.get(__name__)

PACE_S: Final = 10.0
"""Between two exchanges with the store; a wrong receipt causes one after ``GATHER_S``, so whoever guesses here is soon
known from elsewhere."""
GATHER_S: Final = 0.2
SWEEP_S: Final = 600.0
MOST: Final = 20_000
"""Places kept in memory, least recently used first out. What is forgotten here is still counted in the store."""
_SKEW: Final = timedelta(minutes=1)
"""How far the clocks of processes may differ without one missing what another one holds back."""

WRONG: Final = Metric(
    "ieum_intake_wrong_receipts",
    "Wrong receipts, codes and words, by what they are counted against first.",
    ["tier"],
    registry=REGISTRY,
)
HELD: Final = Metric(
    "ieum_intake_wrong_receipts_held", "Places held back for wrong receipts, by tier.", ["tier"], registry=REGISTRY
)
CEILING: Final = Gauge(
    "ieum_intake_wrong_receipts_ceiling_status",
    "1 while the country has sent more wrong receipts than its ceiling: somebody may be guessing.",
    registry=REGISTRY,
)
ALONE: Final = Gauge(
    "ieum_intake_wrong_receipts_alone_status",
    "1 while this process counts alone: the store is away.",
    registry=REGISTRY,
)


class WrongReceipts:
    """Wrong receipts of the hour, and who is held back for them."""

    def __init__(self, store: WrongReceiptCounts, keys: KeyedDigests, clock: Clock, *, per_network: int) -> None:
        """``per_network`` may be sent by one network in an hour; the other tiers are multiples, see ``rules``."""
        self.store: Final = store
        self._keys = keys
        self._clock = clock
        self._per_network = per_network
        self.counted: Final = asyncio.Event()
        """Set by a wrong receipt, so that the other processes soon know."""
        self._hour = 0
        # By "hour:tier:digest", as in the store.
        self._unsent: Counter[str] = Counter()
        self._totals: OrderedDict[str, int] = OrderedDict()
        self._unsaid: dict[str, datetime] = {}
        # By "tier:digest": until when.
        self._held: OrderedDict[str, datetime] = OrderedDict()
        self._seen_until = clock.now()
        self._was_strict = False

    def wait(self, caller: Caller) -> int:
        """Whole seconds until somebody may ask with a receipt; 0: now."""
        if not self._held:
            return 0
        return max(self._left(place) for place in rules.tiers_of(caller) if place.tier is not Tier.COUNTRY)

    def wait_for_word(self, receipt: str) -> int:
        """Whole seconds until the word of this receipt may be tried again; 0: now."""
        return self._left(CallerTier(Tier.RECEIPT, receipt)) if self._held else 0

    def count(self, caller: Caller, *, receipt: str | None = None) -> None:
        """A receipt, a code or a word was wrong; ``receipt`` names the one whose word it was to be."""
        guessed = (CallerTier(Tier.RECEIPT, receipt),) if receipt is not None else ()
        places, hour = (*rules.tiers_of(caller), *guessed), rules.hour_of(self._clock.now().timestamp())
        WRONG.labels(places[0].tier.value).inc()
        for place in places:
            name = f"{hour}:{self._key(place)}"
            if len(self._unsent) < MOST or name in self._unsent:
                self._unsent[name] += 1
            self._judge(name, self._totals.get(name, 0) + self._unsent[name])
        self.counted.set()

    def is_strict(self) -> bool:
        """Return whether the country's ceiling was reached within the last hour."""
        return self._left(COUNTRY) > 0

    async def exchange(self) -> None:
        """Tell the other processes what was counted here, and learn from them. Raises ``TransientError``."""
        try:
            await self._send()
            await self._learn()
        except TransientError:
            ALONE.set(1)
            raise
        ALONE.set(0)
        self._forget()
        strict = self.is_strict()
        CEILING.set(strict)
        if strict is not self._was_strict:
            self._was_strict = strict
            _log.log(logging.ERROR if strict else logging.INFO, "receipts.guessing_ceiling", reached=strict)

    async def sweep(self) -> None:
        """Forget what is over in the store. Raises ``TransientError``."""
        await self.store.sweep(self._clock.now())

    async def _send(self) -> None:
        if sending := dict(self._unsent):
            # What a failure cut off half-way is counted twice: that holds a guesser back sooner, and nobody else.
            totals = await self.store.add(sending, self._clock.now())
            self._unsent -= Counter(sending)
            hour = rules.hour_of(self._clock.now().timestamp())
            for name, total in totals.items():
                if name.startswith(f"{hour}:"):  # what is over holds nobody back any more
                    self._remember(name, total)
        if saying := dict(self._unsaid):
            await self.store.hold(saying)
            for name in saying:
                del self._unsaid[name]

    async def _learn(self) -> None:
        now = self._clock.now()
        latest = now + timedelta(seconds=HELD_S) + _SKEW
        for name, until in await self.store.held(max(now, self._seen_until - _SKEW), latest):
            self._hold(name.partition(":")[2], until)
            self._seen_until = max(self._seen_until, until)

    def _remember(self, name: str, total: int) -> None:
        self._totals[name] = total
        self._totals.move_to_end(name)
        while len(self._totals) > MOST:
            self._totals.popitem(last=False)
        self._judge(name, total + self._unsent[name])

    def _judge(self, name: str, total: int) -> None:
        key, now = name.partition(":")[2], self._clock.now()
        tier = Tier(key.partition(":")[0])
        if total < rules.allowed(tier, self._per_network, strict=self.is_strict()) or self._held.get(key, now) > now:
            return
        until = now + timedelta(seconds=HELD_S)
        self._hold(key, until)
        self._unsaid[name] = until
        HELD.labels(tier.value).inc()
        _log.warning("receipts.guessing_held", tier=tier.value, wrong=total, seconds=HELD_S)

    def _hold(self, key: str, until: datetime) -> None:
        if until > self._held.get(key, self._clock.now()):
            self._held[key] = until
            self._held.move_to_end(key)
        while len(self._held) > MOST:
            self._held.popitem(last=False)

    def _forget(self) -> None:
        now = self._clock.now()
        if (hour := rules.hour_of(now.timestamp())) == self._hour:
            return
        self._hour = hour
        for name in [name for name in self._totals if not name.startswith(f"{hour}:")]:
            del self._totals[name]
        for key in [key for key, until in self._held.items() if until <= now]:
            del self._held[key]

    def _left(self, place: CallerTier) -> int:
        """Whole seconds for which a place is still held back."""
        now = self._clock.now()
        return max(0, math.ceil((self._held.get(self._key(place), now) - now).total_seconds()))

    def _key(self, place: CallerTier) -> str:
        return f"{place.tier.value}:{self._keys.mac('wrong receipts', place.tier.value, place.name).hex()}"
