"""Who is let in with a receipt, and who is held back: without store, bus or audit."""

import contextlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from services.intake.caller import Caller
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.rate_limits.receipts import WRONG_FROM_PLACE, WRONG_PER_RECEIPT, ReceiptRateLimiter
from services.intake.rate_limits.wrong_receipts import WrongReceipts
from services.intake.receipts import authentication
from services.intake.receipts.authentication import ReceiptAuthenticator
from services.intake.receipts.models import ReceiptQuestion
from services.intake.reports import receipt_numbers
from shared.web.problems import Problem
from tests.support.clock import ManualClock
from tests.support.keys import KEYS, issuer
from tests.unit.intake.retention.test_erasure import NOW

HERE, ELSEWHERE = "203.0.113.0/24", "198.51.100.0/24"
PER_HOUR = 60
RECEIPT = receipt_numbers.from_number(572)


class Kept:
    """The store's part: one report."""

    def __init__(self, word: str | None) -> None:
        self.document: dict[str, Any] = {"_id": "one", **({"word": word} if word else {})}

    async def of_former_receipt(self, _: Sequence[str]) -> None:
        return None

    async def of_receipt(self, hashes: Sequence[str]) -> dict[str, Any] | None:
        return self.document if issuer().hash_of(RECEIPT) in hashes else None


def holders(
    word: str | None = None, per_minute: int = 1000, *, hasher: Any = None, wrong_takes_s: float = 0
) -> ReceiptAuthenticator:
    kept: Any = Kept(word)
    trail: Any = SimpleNamespace(receipt_refused=lambda *_: None)
    clock = ManualClock(NOW)
    never_asked: Any = None
    counted = WrongReceipts(never_asked, KEYS.wrong_receipts, clock, per_network=PER_HOUR)
    gate = ReceiptRateLimiter(per_minute, clock)
    words = hasher or PassphraseHasher(KEYS.passphrases)
    return ReceiptAuthenticator(
        kept, issuer(), gate, counted, words, trail, clock, KEYS.devices, wrong_takes_s=wrong_takes_s
    )


async def code(
    door: ReceiptAuthenticator,
    network: str,
    *,
    word: str | None,
    client: str | None = None,
    device: str = "",
    receipt: str = RECEIPT,
    sandbox: bool = False,
    guarded: bool = True,
) -> str:
    question = ReceiptQuestion(receipt=receipt, word=word)
    caller = Caller(network, client, sandbox=sandbox, device=device)
    try:
        await door.authenticate(question, caller, "receipts.withdraw", guarded=guarded)
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
        gate.was_wrong(Caller(f"10.0.{n}.0/24"), name)
    assert gate.wait_for(name, Caller(HERE)) > 0
    assert await code(door, HERE, word=None) == "in"
    assert await code(door, HERE, word="whatever") == "in"


@pytest.mark.parametrize(("client", "last"), [("kiosk", "in"), (None, "too_many_requests")])
async def test_people_are_counted_by_network_and_front_ends_by_their_own_door(client: str | None, last: str) -> None:
    door = holders(per_minute=3)
    said = [await code(door, HERE, word=None, client=client) for _ in range(4)]
    assert said == ["in", "in", "in", last]


def another(number: int) -> str:
    return receipt_numbers.from_number(1_000 + number)


async def held(door: ReceiptAuthenticator) -> None:
    for number in range(PER_HOUR):
        assert await code(door, HERE, word=None, receipt=another(number)) == "unknown_receipt"
    assert await code(door, HERE, word=None) == "too_many_requests"


async def test_a_device_that_gave_the_receipt_keeps_its_place_in_a_network_that_is_held_back() -> None:
    door = holders()
    proof = door.device_proof(Caller(HERE), RECEIPT) or ""
    await held(door)
    assert await code(door, HERE, word=None, device=proof) == "in"
    assert await code(door, HERE, word=None, device=proof, receipt=another(0)) == "too_many_requests"
    assert await code(door, HERE, word=None, device=proof[:-1] + "x") == "too_many_requests"
    assert await code(door, HERE, word=None, device=f"{proof.partition('.')[0]}.") == "too_many_requests"


async def test_a_device_that_gave_the_word_is_not_kept_out_by_who_knows_the_number() -> None:
    word = await PassphraseHasher(KEYS.passphrases).hashed("one", "umbrella")
    door = holders(word)
    proof = door.device_proof(Caller(HERE, words_given={RECEIPT: word}), RECEIPT) or ""
    seen = door.device_proof(Caller(HERE), RECEIPT) or ""
    for n in range(WRONG_PER_RECEIPT):
        assert await code(door, f"10.0.{n}.0/24", word="guess") == "unknown_receipt"
    assert await code(door, HERE, word="umbrella") == "too_many_requests"
    assert await code(door, HERE, word="umbrella", device=seen) == "too_many_requests"
    assert await code(door, HERE, word="umbrella", device=proof) == "in"
    for _ in range(WRONG_FROM_PLACE):
        assert await code(door, ELSEWHERE, word="guess", device=proof) == "unknown_receipt"
    assert await code(door, ELSEWHERE, word="umbrella", device=proof) == "too_many_requests", (
        "its own tries are few too"
    )


async def test_a_proof_is_not_made_to_last_longer_by_showing_it() -> None:
    door = holders()
    proof = door.device_proof(Caller(HERE), RECEIPT) or ""
    assert proof
    assert door.device_proof(Caller(HERE, device=proof), RECEIPT) is None
    stronger = door.device_proof(Caller(HERE, device=proof, words_given={RECEIPT: "hash"}), RECEIPT) or ""
    assert stronger.count(".") == 2
    assert door.device_proof(Caller(HERE, device=stronger), RECEIPT) is None


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize(
    ("set_before", "typed", "proves"),
    [("umbrella", "umbrella", True), ("umbrella", None, False), (None, "umbrella", False), (None, None, False)],
)
async def test_a_browser_proves_a_word_only_where_one_was_set_and_given(
    set_before: str | None, typed: str | None, *, proves: bool, guarded: bool
) -> None:
    hashed = await PassphraseHasher(KEYS.passphrases).hashed("one", set_before) if set_before else None
    door, caller = holders(hashed), Caller(HERE)
    with contextlib.suppress(Problem):
        await door.authenticate(ReceiptQuestion(receipt=RECEIPT, word=typed), caller, "receipts.read", guarded=guarded)
    assert caller.words_given == ({RECEIPT: hashed} if proves else {})
    assert (door.device_proof(caller, RECEIPT) or "").count(".") == (2 if proves else 1)
    assert (door.device_proof(caller, another(1)) or "").count(".") == 1


async def test_whoever_replaces_the_word_stays_known_and_who_gave_the_former_one_does_not() -> None:
    one, two = [await PassphraseHasher(KEYS.passphrases).hashed("one", word) for word in ("umbrella", "balloon")]
    door, owner = holders(one), Caller(HERE)
    other = door.device_proof(Caller(HERE, words_given={RECEIPT: one}), RECEIPT) or ""
    await door.authenticate(ReceiptQuestion(receipt=RECEIPT, word="umbrella"), owner, "receipts.word")
    door.word_replaced(owner, RECEIPT, two)
    kept: Any = door._reports
    kept.document |= {"word": two, "word_for_status": True}
    mine = door.device_proof(owner, RECEIPT) or ""
    assert await code(door, HERE, word=None, device=mine, guarded=False) == "in"
    assert await code(door, HERE, word=None, device=other, guarded=False) == "unknown_receipt"
    stranger = Caller(HERE)
    door.word_replaced(stranger, RECEIPT, two)
    assert not stranger.words_given, "nor who gave none"


class Stopwatch:
    """The machine's time for those who wait: it passes at once, and only by their waiting."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds


class Busy:
    """A hasher whose line is long, and which says what it was asked."""

    def __init__(self, wait_s: float = 0.0, watch: Stopwatch | None = None) -> None:
        self.wait_s = wait_s
        self.watch = watch or Stopwatch()
        self.asked: list[str] = []

    async def fits(self, *_: str) -> bool:
        self.asked.append("hash")
        await self.watch.sleep(self.wait_s + 0.03)
        return False

    async def wait_turn(self) -> None:
        self.asked.append("turn")
        await self.watch.sleep(self.wait_s)


@pytest.mark.parametrize(("busy_s", "takes_s"), [(0.0, 0.2), (0.25, 0.4)])
async def test_only_a_receipt_with_a_word_costs_a_hash_and_the_time_does_not_tell_which(
    busy_s: float, takes_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Stopwatch()
    monkeypatch.setattr(authentication, "time", watch)
    monkeypatch.setattr(authentication, "sleep", watch.sleep)
    hasher = Busy(busy_s, watch)
    door = holders("hash", hasher=hasher, wrong_takes_s=0.2)
    took = []
    for receipt, word in ((RECEIPT, "guess"), (another(1), "guess"), ("mistyped", "guess"), (RECEIPT, None)):
        began = watch.passed
        assert await code(door, HERE, word=word, receipt=receipt) == "unknown_receipt"
        took.append(watch.passed - began)
    assert hasher.asked == ["hash", "turn", "turn", "turn"]
    assert took == pytest.approx([takes_s] * len(took)), "all take equally long, whatever was compared"


async def test_a_status_that_needs_the_word_is_answered_like_an_unknown_receipt_with_as_little_work() -> None:
    hasher = Busy()
    door = holders("hash", hasher=hasher)
    kept: Any = door._reports
    kept.document["word_for_status"] = True

    async def status(receipt: str, device: str = "") -> str:
        question = ReceiptQuestion(receipt=receipt)
        try:
            await door.authenticate(question, Caller(HERE, device=device), "receipts.read", guarded=False)
        except Problem as problem:
            return problem.code
        return "in"

    assert await status(RECEIPT) == await status(another(1)) == "unknown_receipt"
    seen = door.device_proof(Caller(HERE), RECEIPT) or ""
    assert await status(RECEIPT, device=seen) == "unknown_receipt"
    assert hasher.asked == []
    given = door.device_proof(Caller(HERE, words_given={RECEIPT: "hash"}), RECEIPT) or ""
    assert await status(RECEIPT, device=given) == "in"
    kept.document["word"] = "hash of another"
    assert await status(RECEIPT, device=given) == "unknown_receipt", "who gave the former word"
    kept.document["word_for_status"] = False
    assert await status(RECEIPT) == "in"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"front_end": "trial", "facts": {"sandbox": True}}, "in"),
        ({"front_end": "trial"}, "in"),  # erased: only such a drill still has a front end
        ({"front_end": "trial", "facts": {"synthetic": True}}, "unknown_receipt"),
        ({"front_end": "other", "facts": {"sandbox": True}}, "unknown_receipt"),
        ({"front_end": "portal", "facts": {}}, "unknown_receipt"),
        ({}, "unknown_receipt"),
    ],
)
async def test_whoever_is_confined_to_drills_learns_of_no_other_report(document: dict[str, Any], said: str) -> None:
    for guarded in (True, False):
        door = holders()
        kept: Any = door._reports
        kept.document |= document
        assert await code(door, HERE, word=None, client="trial", sandbox=True, guarded=guarded) == said
