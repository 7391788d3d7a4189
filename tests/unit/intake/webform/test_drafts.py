"""Leaving does not wait for a slow store, and the draft is destroyed all the same."""

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest
from starlette.responses import Response

from services.intake.webform import drafts
from services.intake.webform.drafts import Drafts
from services.intake.webform.repository import DraftRepository
from shared.errors import TransientError
from tests.support.clock import ManualClock
from tests.support.keys import KEYS

TOKEN = "t" * 43


class SlowStore:
    """Removes only once it is let go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.free = asyncio.Event()
        self.removed = asyncio.Event()
        self._error = error

    async def remove(self, _draft_id: str) -> None:
        await self.free.wait()
        if self._error is not None:
            raise self._error
        self.removed.set()


def drafts_in(store: SlowStore) -> Drafts:
    clock = ManualClock(datetime(2026, 11, 27, tzinfo=UTC))
    return Drafts(cast("DraftRepository", store), KEYS.drafts, clock)


async def test_a_slow_store_destroys_the_draft_after_the_answer() -> None:
    store = SlowStore()
    await drafts_in(store).drop_within(TOKEN, 0)
    assert not store.removed.is_set()
    store.free.set()
    async with asyncio.timeout(30):
        await store.removed.wait()


async def test_a_quick_store_has_destroyed_the_draft_before_the_answer() -> None:
    store = SlowStore()
    store.free.set()
    await drafts_in(store).drop_within(TOKEN, 30)
    assert store.removed.is_set()


async def test_a_fault_that_is_not_the_stores_is_told() -> None:
    store = SlowStore(ValueError("not the store"))
    store.free.set()
    with pytest.raises(ValueError, match="not the store"):
        await drafts_in(store).drop_within(TOKEN, 30)


async def test_a_store_that_is_away_keeps_nobody_from_leaving() -> None:
    store = SlowStore(TransientError("the store is away"))
    store.free.set()
    await drafts_in(store).drop_within(TOKEN, 30)
    assert not store.removed.is_set()


@pytest.mark.parametrize(
    ("secure", "name", "other"), [(True, "__Host-notes", "notes"), (False, "notes", "__Host-notes")]
)
def test_no_other_host_of_the_domain_plants_the_draft_that_somebody_writes_in(
    secure: bool, name: str, other: str
) -> None:
    token = "x" * 43

    def sent(cookie: str) -> str | None:
        return drafts.token_of({cookie: token}, secure=secure)

    assert (sent(name), sent(other)) == (token, None)
    given, taken = Response(), Response()
    drafts.leave_token(given, token, secure=secure)
    drafts.take_token(taken, secure=secure)
    for cookie in (given.headers["set-cookie"], taken.headers["set-cookie"]):
        assert cookie.startswith(f"{name}=")
        assert ("Path=/" in cookie, "Secure" in cookie, "Domain" in cookie) == (True, secure, False)
