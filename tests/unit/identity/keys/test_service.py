"""The next signing key is made whatever lies in the store, on a store in memory."""

import asyncio
import os
from datetime import UTC, datetime
from unittest.mock import AsyncMock, Mock

import pytest

from services.identity.accounts.models import KeyRecord, Sealed
from services.identity.credentials import Vault
from services.identity.keys.service import Signing
from shared.clock import ManualClock
from tests.support.staff import ROOT

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


def signing(keys: Keys, vault: Vault | None = None) -> Signing:
    sessions = Mock(ended=AsyncMock(return_value=[]))
    vault = vault or Vault([os.urandom(32)], os.urandom(32))
    return Signing(keys, sessions, vault, ROOT, Mock(), ManualClock(NOW))  # type: ignore[arg-type]  # as far as it is used


@pytest.mark.parametrize("planted", [set[int](), {2}, {2, 3}])
async def test_a_document_that_cannot_be_read_does_not_keep_the_next_key_from_being_made(planted: set[int]) -> None:
    keys = Keys(planted)
    made = signing(keys)
    await made.keep()
    async with asyncio.timeout(30):
        kid = await made.rotate(at_once=True)
    assert [key.kid for key in (await made.document()).keys] == [kid]


async def test_processes_that_make_the_first_key_together_make_one() -> None:
    keys, vault = Keys(set()), Vault([os.urandom(32)], os.urandom(32))
    await asyncio.gather(*(signing(keys, vault).keep() for _ in range(3)))
    assert [key.number for key in keys.records] == [1]
