"""Words are hashed one at a time in a bounded queue, whoever gives up."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from services.intake.encryption import passphrases as secret_word
from services.intake.encryption.passphrases import WAITING, PassphraseHasher
from shared.errors import TransientError
from tests.support.keys import KEYS


class Slow:
    """A hasher that waits for a test, and counts how many hash at once."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.hashed = 0
        self._inside = 0
        self.most = 0

    def hash(self, _: bytes) -> str:
        self._inside += 1
        self.most = max(self.most, self._inside)
        self.began.set()
        self.go.wait(30)
        self._inside -= 1
        self.hashed += 1
        return "hash"

    def verify(self, *_: Any) -> bool:
        return True


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.go.set()


def hashing_with(slow: Slow) -> PassphraseHasher:
    made = PassphraseHasher(KEYS.passphrases)
    made._hasher = slow  # type: ignore[assignment]  # as much of it as is asked for
    return made


@pytest.fixture
def words(slow: Slow) -> PassphraseHasher:
    return hashing_with(slow)


async def test_as_many_as_may_wait_and_no_more(words: PassphraseHasher, slow: Slow) -> None:
    asked = [asyncio.create_task(words.hashed("r", "word", new_report=True)) for _ in range(WAITING + 20)]
    await asyncio.to_thread(slow.began.wait, 30)
    slow.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers.count("hash") == WAITING + 1
    assert sum(isinstance(answer, TransientError) for answer in answers) == 19
    assert slow.most == 1
    assert await words.hashed("r", "word", new_report=True) == "hash"


async def test_a_hash_that_was_given_up_counts_until_it_ends(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_word, "WAITING", 0)
    words = hashing_with(slow)
    given_up = asyncio.create_task(words.hashed("r", "word"))
    await asyncio.to_thread(slow.began.wait, 30)
    given_up.cancel()
    await asyncio.wait([given_up])
    with pytest.raises(TransientError):
        await words.hashed("r", "word")


def test_a_hash_that_outlives_its_loop_ends_without_a_word(
    words: PassphraseHasher, slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    async def gives_up() -> None:
        hashing = asyncio.create_task(words.hashed("r", "word"))
        await asyncio.to_thread(slow.began.wait, 30)
        hashing.cancel()

    asyncio.run(gives_up())
    slow.go.set()
    words._holders._thread.shutdown()
    assert slow.hashed == 1
    assert caplog.text == ""


async def test_who_has_nothing_to_compare_waits_like_who_has_makes_no_hash_and_takes_no_room(
    words: PassphraseHasher, slow: Slow
) -> None:
    hashing = asyncio.create_task(words.hashed("r", "word"))
    await asyncio.to_thread(slow.began.wait, 30)
    waiting = [asyncio.create_task(words.wait_turn()) for _ in range(3 * WAITING)]
    done, _ = await asyncio.wait([*waiting, hashing], timeout=0.05)
    assert not done
    owner = asyncio.create_task(words.fits("r", "stored", "word"))
    slow.go.set()
    assert await owner
    assert (await hashing).endswith("hash")
    await asyncio.gather(*waiting)
    assert slow.hashed == 1


async def test_where_the_line_is_full_nobody_learns_whose_word_it_is(words: PassphraseHasher, slow: Slow) -> None:
    full = [asyncio.create_task(words.hashed("r", "word")) for _ in range(WAITING + 1)]
    await asyncio.to_thread(slow.began.wait, 30)
    for asked in (words.wait_turn(), words.fits("r", "stored", "word")):
        with pytest.raises(TransientError):
            await asked
    slow.go.set()
    await asyncio.gather(*full)
