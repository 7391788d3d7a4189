"""Holds back those who ask for receipts too often, without keeping anybody's address or receipt."""

from typing import Final

from services.intake.caller import Caller
from services.intake.rate_limits import rules
from shared.clock import Clock
from shared.rate_limit import RateLimit, RateLimiter

WRONG_COST: Final = 3.0
"""A receipt that does not exist costs as much as three that do: guessing gets slow before reading does."""
WRONG_FROM_PLACE: Final = 10
"""Wrong tries for one receipt from one network, front end or one of its visitors, and again within each hour."""
WRONG_FROM_FRONT_END: Final = 20
"""The same from all visitors of one front end: whoever makes up visitors there cannot use up what is for everybody."""
WRONG_PER_RECEIPT: Final = 40
"""The same from everywhere together. Larger, so that whoever knows the number does not keep its owner out from one
place; and still years for a word of four letters."""


class ReceiptRateLimiter:
    """Limits people's questions by network, and wrong ones of everybody also by receipt."""

    def __init__(self, questions_per_minute: int, clock: Clock) -> None:
        """``questions_per_minute`` may be asked at once, and again within each minute."""
        self._networks = RateLimiter(
            RateLimit(capacity=questions_per_minute, per_second=questions_per_minute / 60), clock
        )
        self._places = RateLimiter(RateLimit(capacity=WRONG_FROM_PLACE, per_second=WRONG_FROM_PLACE / 3600), clock)
        self._front_ends = RateLimiter(
            RateLimit(capacity=WRONG_FROM_FRONT_END, per_second=WRONG_FROM_FRONT_END / 3600), clock
        )
        self._receipts = RateLimiter(RateLimit(capacity=WRONG_PER_RECEIPT, per_second=WRONG_PER_RECEIPT / 3600), clock)

    def wait(self, network: str) -> int:
        """Whole seconds until this network may ask again; 0 when it may now, and then the question is counted."""
        seconds = self._networks.wait(network)
        if seconds == 0:
            self._networks.consume(network, 1.0)
        return seconds

    def wait_for(self, receipt: str, caller: Caller) -> int:
        """Whole seconds until this receipt may be tried again from there, whether or not it exists; 0: now."""
        front_end = self._front_ends.wait(f"{receipt} {caller.client}") if caller.visitor else 0
        return max(self._places.wait(f"{receipt} {_place(caller)}"), front_end, self._receipts.wait(receipt))

    def wait_for_device(self, device: str) -> int:
        """The same for a browser that gave the right word before: nobody else uses up its tries."""
        return self._places.wait(f"device {device}")

    def was_wrong_by_device(self, device: str) -> None:
        """The word did not fit this time."""
        self._places.consume(f"device {device}", 1.0)

    def was_wrong(self, caller: Caller, receipt: str) -> None:
        """The receipt did not exist, or the word did not fit: count the rest of its cost.

        A front end's questions authentication has counted, and staff count as persons; each sends from one network.
        """
        if caller.client is None and caller.operator is None:
            self._networks.consume(caller.network, WRONG_COST - 1)
        self._places.consume(f"{receipt} {_place(caller)}", 1.0)
        if caller.visitor:
            self._front_ends.consume(f"{receipt} {caller.client}", 1.0)
        self._receipts.consume(receipt, 1.0)


def _place(caller: Caller) -> str:
    return " ".join(rules.tiers_of(caller)[0])
