"""Small parts behind receipts: words, turns, the gate per receipt, and the status of what was withdrawn."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.intake.caller import Caller
from services.intake.concurrency import KeyedLocks
from services.intake.encryption.passphrases import WAITING, PassphraseHasher
from services.intake.rate_limits.receipts import (
    WRONG_FROM_FRONT_END,
    WRONG_FROM_PLACE,
    WRONG_PER_RECEIPT,
    ReceiptRateLimiter,
)
from services.intake.receipts.models import plain_word
from services.intake.receipts.updates import open_life
from services.intake.reports import rules as progress_rules
from services.intake.reports.lifecycle import Category, ErasureStatus, Lifecycle, Reason, Withdrawal
from services.intake.reports.models import Ownership, Progress, State, Work
from services.intake.retention import rules as retention_rules
from services.intake.retention.rules import RefusedError
from shared.errors import TransientError
from shared.events.vocabulary import EndReason, Role
from tests.support.clock import ManualClock
from tests.support.keys import KEYS, OTHER_KEYS
from tests.unit.intake.retention.test_erasure import NOW, decide, decision, taken_back

OWNED = Ownership(version=1, ownership=1, center_id="busan", assigned_at=NOW)
SEEN = Progress(ownership=OWNED, work=Work(version=1, ownership=1, acknowledged_at=NOW, contacted_at=NOW))


async def test_a_word_fits_whatever_its_case_and_spaces_and_only_its_own_report() -> None:
    words = PassphraseHasher(KEYS.passphrases)
    stored = await words.hashed("one", "초록  Umbrella")
    assert stored.startswith("$argon2id$")
    assert stored != await words.hashed("one", "초록  Umbrella")
    assert await words.fits("one", stored, " 초록 UMBRELLA")
    for report, held, word in (
        ("one", stored, "초록 umbrellas"),
        ("two", stored, "초록 umbrella"),
        ("one", "not a hash", "초록 umbrella"),
    ):
        assert not await words.fits(report, held, word)
    assert not await PassphraseHasher(OTHER_KEYS.passphrases).fits("one", stored, "초록 umbrella")


def test_words_are_compared_by_what_people_mean() -> None:
    assert plain_word(" Ａｂc \t Ｄ ") == plain_word("abc d") == plain_word("abcd")


async def test_a_word_fits_however_it_is_spaced() -> None:
    """Koreans write 파란우산 and 파란 우산, and whoever says a word on the phone says no spaces."""
    words = PassphraseHasher(KEYS.passphrases)
    stored = await words.hashed("one", "파란 우산")
    assert [await words.fits("one", stored, said) for said in ("파란 우산", "파란우산", "파 란우 산")] == [True] * 3


async def test_turns_are_taken_one_by_one_and_forgotten() -> None:
    turns, inside, most = KeyedLocks(), 0, 0

    async def visit(name: str) -> None:
        nonlocal inside, most
        async with turns.of(name):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(visit("same") for _ in range(20)))
    assert most == 1
    await asyncio.gather(*(visit(str(n)) for n in range(5)))
    assert most > 1
    assert not turns._locks


async def test_wrong_tries_for_one_receipt_are_held_back_by_place_and_altogether() -> None:
    clock = ManualClock(NOW)
    gate = ReceiptRateLimiter(1000, clock)
    for _ in range(WRONG_FROM_PLACE):
        assert gate.wait_for("receipt", Caller("203.0.113.0/24")) == 0
        gate.was_wrong(Caller("203.0.113.0/24"), "receipt")
    assert 0 < gate.wait_for("receipt", Caller("203.0.113.0/24")) <= 3600 / WRONG_FROM_PLACE
    assert gate.wait_for("receipt", Caller("198.51.100.0/24")) == 0
    assert gate.wait_for("receipt", Caller("203.0.113.0/24", client="kiosk")) == 0
    assert gate.wait_for("another", Caller("203.0.113.0/24")) == 0
    await clock.advance(3600 / WRONG_FROM_PLACE + 1)
    assert gate.wait_for("receipt", Caller("203.0.113.0/24")) == 0
    for n in range(WRONG_PER_RECEIPT):
        gate.was_wrong(Caller(f"10.0.{n}.0/24"), "receipt")
    assert gate.wait_for("receipt", Caller("198.51.100.0/24")) > 0


def test_many_visitors_of_one_front_end_do_not_use_up_the_tries_of_everybody() -> None:
    gate = ReceiptRateLimiter(1000, ManualClock(NOW))
    tried = 0
    while not gate.wait_for("receipt", Caller("203.0.113.0/24", client="kiosk", visitor=f"v{tried}")):
        gate.was_wrong(Caller("203.0.113.0/24", client="kiosk", visitor=f"v{tried}"), "receipt")
        tried += 1
    assert tried == WRONG_FROM_FRONT_END
    assert gate.wait_for("receipt", Caller("198.51.100.0/24")) == 0


async def test_only_so_many_words_wait_and_lodging_keeps_nobody_with_a_receipt_waiting() -> None:
    words = PassphraseHasher(KEYS.passphrases)
    stored = await words.hashed("one", "umbrella")
    flood = [asyncio.create_task(words.hashed(str(n), "umbrella", new_report=True)) for n in range(3 * WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TransientError):
        await words.hashed("x", "umbrella", new_report=True)
    assert await words.fits("one", stored, "umbrella")
    answers = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in answers) == WAITING + 1
    assert await words.hashed("x", "umbrella", new_report=True)


def test_a_withdrawal_is_told_before_any_stream_tells_it() -> None:
    told = progress_rules.status_of(NOW, SEEN, taken_back())
    assert (told.state, told.erasure, told.undo_until) == (
        State.WITHDRAWN,
        ErasureStatus.PLANNED,
        NOW + timedelta(hours=72),
    )


def test_an_undone_withdrawal_is_not_told_again_by_its_echo() -> None:
    ended = SEEN.model_copy(
        update={"ownership": OWNED.model_copy(update={"ended": EndReason.WITHDRAWN, "ended_at": NOW})}
    )
    assert progress_rules.status_of(NOW, ended).state is State.WITHDRAWN
    assert progress_rules.status_of(NOW, ended, Lifecycle(reinstated_at=NOW)).state is State.IN_CONTACT


@pytest.mark.parametrize("role", [Role.REPRESENTATIVE, Role.THIRD_PARTY])
def test_others_are_told_only_received_seen_and_closed(role: Role) -> None:
    waiting = progress_rules.status_of(NOW, Progress(ownership=OWNED), Lifecycle(), role)
    assert waiting.model_dump(exclude_none=True) == {
        "state": State.RECEIVED,
        "since": NOW,
        "received_at": NOW,
        "stays": (),
        "limited": True,
    }
    told = progress_rules.status_of(NOW, SEEN, Lifecycle(), role, {1: NOW})
    assert told.model_dump(exclude_none=True) == {
        **waiting.model_dump(exclude_none=True),
        "state": State.SEEN,
        "seen_at": NOW,
    }
    closed = SEEN.model_copy(update={"work": Work(version=2, ownership=1, acknowledged_at=NOW, closed_at=NOW)})
    told = progress_rules.status_of(NOW, closed, Lifecycle(), role)
    assert (told.state, told.center_id, told.seen_at) == (State.CLOSED, None, NOW)
    assert progress_rules.status_of(NOW, SEEN, Lifecycle(confirmed_at=NOW), role).state is State.IN_CONTACT


def test_an_erased_report_says_so_and_no_more() -> None:
    life = Lifecycle(withdrawal=Withdrawal(at=NOW, undo_until=NOW), erased_at=NOW)
    told = progress_rules.status_of(datetime(2026, 11, 1, tzinfo=UTC), Progress(), life)
    assert (told.state, told.erasure, told.center_id) == (State.ERASED, ErasureStatus.ERASED, None)


def test_a_representatives_receipt_does_not_tell_what_a_lead_decides() -> None:
    withdrawn = taken_back(at_once=True, role=Role.REPRESENTATIVE)
    destroy = decision(destroy=True, reason=Reason.VICTIM_AGREES)
    keep = decision(destroy=False, reason=Reason.INVESTIGATION, category=Category.TEN_YEARS)
    after = NOW + timedelta(hours=80)
    lives = [withdrawn, decide(withdrawn, destroy, after), decide(withdrawn, keep, after)]
    told = [progress_rules.status_of(NOW, SEEN, life, Role.REPRESENTATIVE) for life in lives]
    stone = Lifecycle.model_validate(retention_rules.tombstone(lives[1], after).model_dump(exclude_none=True))
    told.append(progress_rules.status_of(NOW, Progress(), stone))  # nothing but the tombstone is left by then
    for one in told:
        assert one.model_dump(exclude_none=True) == {
            "state": State.WITHDRAWN,
            "since": NOW,
            "received_at": NOW,
            "withdrawn_at": NOW,
            "undo_until": NOW + timedelta(hours=72),
            "stays": (),
            "limited": True,
        }
    with pytest.raises(RefusedError, match="too_late"):
        retention_rules.reinstated(stone, after)
    with pytest.raises(RefusedError, match="withdrawn"):
        open_life({"life": stone.model_dump()})
