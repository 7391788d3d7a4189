"""What notify makes of identity's answers about staff."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.notify.team.directory import StaffDirectory
from shared.errors import PermanentError


def directory(status: int) -> StaffDirectory:
    database: Any = {"staff": None}
    answering = httpx.MockTransport(lambda _: httpx.Response(status, json={}))
    return StaffDirectory(database, "http://identity", SecretStr("a-key"), answering)


async def test_a_key_that_identity_refuses_is_told_and_not_taken_for_silence() -> None:
    with pytest.raises(PermanentError, match="IEUM_DIRECTORY_KEY"):
        await directory(401).refresh()


@pytest.mark.parametrize("status", [404, 429, 500, 503])
async def test_no_answer_leaves_what_is_known(status: int) -> None:
    await directory(status).refresh()
