"""What notify makes of identity's answers about staff."""

import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.notify.team.directory import StaffDirectory
from shared.errors import PermanentError


class Kept:
    """The collection with what was known before."""

    def __init__(self, content: str = "") -> None:
        self.content = content

    async def find_one(self, _wanted: object) -> dict[str, str]:
        return {"_id": "directory", "content": self.content}

    async def replace_one(self, _wanted: object, document: dict[str, str], *, upsert: bool) -> None:
        assert upsert
        self.content = document["content"]


def directory(status: int, answer: object = None, kept: str = "") -> StaffDirectory:
    database: Any = {"staff": Kept(kept)}
    answering = httpx.MockTransport(lambda _: httpx.Response(status, json=answer or {}))
    return StaffDirectory(database, "http://identity", SecretStr("a-key"), answering)


LATER = {
    "staff": [
        {
            "subject": "s-1",
            "display": "이하늘",
            "organisation": "busan",
            "roles": ["lead", "shift_planner"],
            "active": True,
        }
    ],
    "more": 1,
}
"""As a later build of identity lists somebody with a role that this build does not know."""


async def test_a_key_that_identity_refuses_is_told_and_not_taken_for_silence() -> None:
    with pytest.raises(PermanentError, match="IEUM_DIRECTORY_KEY"):
        await directory(401).refresh()


@pytest.mark.parametrize("status", [404, 429, 500, 503])
async def test_no_answer_leaves_what_is_known(status: int) -> None:
    asked = directory(status, kept=json.dumps(LATER))
    await asked.recall()
    await asked.refresh()
    assert asked.name("s-1") == "이하늘"


async def test_people_with_a_role_of_a_later_build_are_known_with_their_other_roles() -> None:
    asked = directory(200, LATER)
    await asked.refresh()
    assert asked.colleagues("busan") == {"s-1": "이하늘"}
    kept = directory(503, kept=json.dumps(LATER))
    await kept.recall()
    assert kept.name("s-1") == "이하늘"


async def test_a_list_of_staff_that_cannot_be_read_is_told_and_keeps_notify_from_no_start() -> None:
    strange = {"staff": [{"subject": "s-1"}]}
    await directory(503, kept=json.dumps(strange)).recall()
    with pytest.raises(PermanentError, match="no list of staff"):
        await directory(200, strange).refresh()
