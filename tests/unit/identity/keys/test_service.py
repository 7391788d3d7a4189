"""The next signing key is made whatever lies in the store; who waits for a change hears of it; on a store in memory."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from math import isnan
from unittest.mock import AsyncMock, Mock

import pytest

from services.identity.accounts.models import KeyRecord, Sealed, Session
from services.identity.accounts.rules import KEY_ANNOUNCED
from services.identity.credentials import Vault
from services.identity.keys.service import HELD, Signing
from shared.errors import TransientError
from shared.identity.keys import RootKeys
from shared.identity.source import TaggedKeys
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.support.staff import ROOT

DAY_S = 24 * 3600
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
UNREADABLE = KeyRecord(
    kid="planted",
    number=0,
    private=Sealed(key_id="", key=b"", blob=b""),
    created_at=NOW,
    signs_from=NOW,
    valid_until=NOW,
)


class Keys:
    """As the store: numbers are unique, also those in documents that cannot be read."""

    def __init__(self, planted: set[int]) -> None:
        self.records: list[KeyRecord] = []
        self._planted = planted

    async def all(self) -> list[KeyRecord]:
        return [*([UNREADABLE] if self._planted else []), *self.records]

    async def add(self, key: KeyRecord) -> bool:
        await asyncio.sleep(0)
        if key.number in self._planted or key.number in {known.number for known in self.records}:
            return False
        self.records.append(key)
        return True

    async def drop(self, kid: str) -> None:
        self.records = [key for key in self.records if key.kid != kid]


def signing(keys: Keys, vault: Vault | None = None, clock: ManualClock | None = None) -> Signing:
    sessions, clock = Mock(ended=AsyncMock(return_value=[])), clock or ManualClock(NOW)
    vault = vault or Vault([os.urandom(32)], os.urandom(32))
    return Signing(keys, sessions, vault, ROOT, Mock(), clock)  # type: ignore[arg-type]  # as far as it is used


@pytest.mark.parametrize("planted", [set[int](), {2}, {2, 3}])
async def test_a_document_that_cannot_be_read_does_not_keep_the_next_key_from_being_made(planted: set[int]) -> None:
    keys = Keys(planted)
    made = signing(keys)
    await made.keep()
    async with asyncio.timeout(30):
        kid = await made.rotate(at_once=True)
    assert [key.kid for key in (await made.document()).keys] == [kid]


async def test_how_many_keys_there_are_is_not_known_before_the_store_has_answered() -> None:
    """0 is an alert that wakes somebody, who would end every session: the store may be away as identity starts."""
    made = signing(Keys(set()))
    assert isnan(REGISTRY.get_sample_value("ieum_identity_signing_keys") or 0.0)
    await made.keep()
    assert REGISTRY.get_sample_value("ieum_identity_signing_keys") == 1


async def test_processes_that_make_the_first_key_together_make_one() -> None:
    keys, vault = Keys(set()), Vault([os.urandom(32)], os.urandom(32))
    await asyncio.gather(*(signing(keys, vault).keep() for _ in range(3)))
    assert [key.number for key in keys.records] == [1]


@pytest.mark.parametrize("days", [1, 20, 36, 400])
async def test_a_key_signs_all_the_time_once_a_clock_that_was_ahead_is_right(days: int) -> None:
    """The keys that were made by it begin when it said, and may be all there are: those before were over by it."""
    keys, vault, clock = Keys(set()), Vault([os.urandom(32)], os.urandom(32)), ManualClock(NOW)
    await signing(keys, vault, clock).keep()
    await clock.advance(days * DAY_S)
    await signing(keys, vault, clock).keep()
    await clock.advance(-days * DAY_S)
    for _ in range(days + 40):
        made = signing(keys, vault, clock)
        await made.keep()
        await clock.advance(KEY_ANNOUNCED.total_seconds())
        assert await signing(keys, vault, clock).signer()
        await clock.advance(DAY_S - KEY_ANNOUNCED.total_seconds())


async def waiting(made: Signing, known: str) -> "asyncio.Task[TaggedKeys | None]":
    """A question that waits for a change, for as long as a test may take."""
    asked = asyncio.create_task(made.published_after(known, 3600))
    for _ in range(10):
        await asyncio.sleep(0)
    return asked


async def test_who_waits_for_a_change_is_answered_when_a_session_ends_and_not_before() -> None:
    made = signing(Keys(set()))
    await made.keep()
    first = await made.published()
    assert first is not None
    asked = [await waiting(made, first.tag) for _ in range(3)]
    await made.document(anew=True)  # as identity does every two seconds, for what another process ended
    assert not any(one.done() for one in asked), "nothing changed"
    ended = Session(
        digest="d", subject="s", session="s-1", started_at=NOW, seen_at=NOW, counts_until=NOW + timedelta(hours=1)
    )
    ended = ended.model_copy(update={"ending_seal": made._vault.marks.ending_seal(ended)})
    made._sessions.ended = AsyncMock(return_value=[ended])  # type: ignore[method-assign]  # another process wrote it
    await made.document(anew=True)
    for _ in range(10):
        await asyncio.sleep(0)
    assert all(one.done() for one in asked)
    told = [published for one in asked if (published := one.result()) is not None]
    assert len(told) == len(asked)
    assert {one.tag for one in told} != {first.tag}
    assert [one.session for one in RootKeys([ROOT.public]).opened(told[0].signed).revoked] == ["s-1"]


async def test_only_so_many_wait_and_nobody_when_the_process_ends() -> None:
    made = signing(Keys(set()))
    await made.keep()
    first = await made.published()
    assert first is not None
    asked = [await waiting(made, first.tag) for _ in range(HELD)]
    one_more = await waiting(made, first.tag)
    assert one_more.done()
    assert one_more.result() is None
    assert not any(one.done() for one in asked)
    made.answer_all()
    assert await asyncio.gather(*asked) == [None] * HELD


async def test_while_the_store_is_away_nobody_is_told_that_nothing_changed() -> None:
    made = signing(Keys(set()))
    await made.keep()
    first = await made.published()
    assert first is not None
    asked = await waiting(made, first.tag)
    made._keys.all = AsyncMock(side_effect=TransientError("away"))  # type: ignore[method-assign]  # the store
    clock = made._clock
    assert isinstance(clock, ManualClock)
    await clock.advance(2)
    made.answer_all()
    with pytest.raises(TransientError):
        await asked
