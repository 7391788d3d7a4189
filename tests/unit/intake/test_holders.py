"""Who is let in with a receipt, and who is held back: without store, bus or audit."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from services.intake.caller import Caller
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.rate_limits.receipts import WRONG_FROM_PLACE, ReceiptRateLimiter
from services.intake.rate_limits.wrong_receipts import WrongReceipts
from services.intake.receipts.authentication import ReceiptAuthenticator
from services.intake.receipts.models import ReceiptQuestion
from services.intake.reports import receipt_numbers
from shared.clock import ManualClock
from shared.web.problems import Problem
from tests.support.keys import KEYS, issuer
from tests.unit.intake.test_erasure import NOW

HERE, ELSEWHERE = "203.0.113.0/24", "198.51.100.0/24"
PER_HOUR = 30
RECEIPT = receipt_numbers.from_number(572)


class Kept:
    """The store's part: one report."""

    def __init__(self, word: str | None) -> None:
        self.document: dict[str, Any] = {"_id": "one", **({"word": word} if word else {})}

    async def of_receipt(self, hashes: Sequence[str]) -> dict[str, Any] | None:
        return self.document if issuer().hash_of(RECEIPT) in hashes else None


def holders(word: str | None = None, per_minute: int = 1000) -> ReceiptAuthenticator:
    kept: Any = Kept(word)
    trail: Any = SimpleNamespace(receipt_refused=lambda *_: None)
    clock = ManualClock(NOW)
    never_asked: Any = None
    counted = WrongReceipts(never_asked, KEYS.lasting, clock, per_network=PER_HOUR)
    gate = ReceiptRateLimiter(per_minute, clock)
    return ReceiptAuthenticator(
        kept, issuer(), gate, counted, PassphraseHasher(KEYS.passphrases), trail, clock, wrong_takes_s=0
    )


async def code(door: ReceiptAuthenticator, network: str, *, word: str | None, client: str | None = None) -> str:
    question = ReceiptQuestion(receipt=RECEIPT, word=word)
    try:
        await door.authenticate(question, Caller(network, client), "receipts.withdraw")
    except Problem as problem:
        return problem.code
    return "in"


async def test_who_knows_the_number_does_not_keep_its_owner_out_from_elsewhere() -> None:
    door = holders(await PassphraseHasher(KEYS.passphrases).hashed("one", "umbrella"))
    for _ in range(WRONG_FROM_PLACE):
        assert await code(door, HERE, word="wrong") == "unknown_receipt"
    assert await code(door, HERE, word="umbrella") == "too_many_requests"
    assert await code(door, ELSEWHERE, word="umbrella") == "in"


async def test_where_no_word_is_set_nothing_holds_the_owner_back() -> None:
    door = holders()
    gate = door.gate
    name = issuer().hash_of(RECEIPT)
    for n in range(100):
        gate.was_wrong(f"10.0.{n}.0/24", name)
    assert gate.wait_for(name, HERE) > 0
    assert await code(door, HERE, word=None) == "in"
    assert await code(door, HERE, word="whatever") == "in"


@pytest.mark.parametrize(("client", "last"), [("kiosk", "in"), (None, "too_many_requests")])
async def test_people_are_counted_by_network_and_front_ends_by_their_own_door(client: str | None, last: str) -> None:
    door = holders(per_minute=3)
    said = [await code(door, HERE, word=None, client=client) for _ in range(4)]
    assert said == ["in", "in", "in", last]
