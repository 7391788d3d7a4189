"""Staff, their centres and names: identity's staff directory as notify last read it, kept in the store.

Cases go on while identity is away, also over a restart: names are then as they were.
"""

from collections.abc import Mapping
from typing import Final

import httpx
from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import SecretStr, ValidationError

from shared import log
from shared.errors import PermanentError
from shared.identity.directory import PATH, Colleague, Directory
from shared.identity.roles import StaffRole
from shared.jobs import Skipped
from shared.mongo import Document, store_errors
from shared.tls import trusted_authorities

_log = log.get(__name__)

POLL_S: Final = 10.0
WORKERS: Final = frozenset({StaffRole.COUNSELLOR, StaffRole.LEAD})
"""Roles that can have a case."""
_TIMEOUT_S: Final = 5.0
_ID: Final = "directory"


class StaffDirectory:
    """Asks identity, and answers from memory."""

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Document],
        base_url: str,
        key: SecretStr,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``database`` is notify's own; ``key`` is what notify shows to identity, ``transport`` is for tests."""
        self.collection: AsyncIOMotorCollection[Document] = database["staff"]
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            timeout=_TIMEOUT_S,
            transport=transport,
            verify=trusted_authorities(),
            limits=httpx.Limits(keepalive_expiry=3 * POLL_S),  # else each question is a new connection
        )
        self._headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
        self._tag = ""
        self._staff: dict[str, Colleague] = {}

    async def recall(self) -> None:
        """Know what was known before this process began, unless a later build wrote it. Raises ``TransientError``."""
        with store_errors():
            found = await self.collection.find_one({"_id": _ID})
        with Skipped("staff-directory").on_error(_ID):
            if found is not None:
                self.take(Directory.model_validate_json(found["content"]))

    async def refresh(self) -> None:
        """Ask once. What is known stays where there is no answer. Raises ``TransientError`` where it is not stored.

        Raises ``PermanentError`` where identity refuses the key, or what it says cannot be read: somebody must know.
        """
        try:
            answer = await self._client.get(PATH, headers={**self._headers, "If-None-Match": self._tag})
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise PermanentError("key_refused", "IEUM_DIRECTORY_KEY is not identity's: give both the same")
            answer.raise_for_status()
            directory = Directory.model_validate_json(answer.content)
        except httpx.HTTPError as error:
            _log.debug("directory.no_answer", error=type(error).__name__)
            return
        except ValidationError as error:
            raise PermanentError("unknown_shape", "what identity answers is no list of staff") from error
        self.take(directory)
        with store_errors():
            await self.collection.replace_one({"_id": _ID}, {"content": directory.model_dump_json()}, upsert=True)
        self._tag = answer.headers.get("etag", "")

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()

    def take(self, directory: Directory) -> None:
        """Answer from this directory."""
        self._staff = {one.subject: one for one in directory.staff}

    def name(self, subject: str | None) -> str:
        """The name at work; whom nobody knows is called by the subject itself."""
        known = self._staff.get(subject or "")
        return known.display if known is not None else subject or ""

    def colleagues(self, organisation: str) -> Mapping[str, str]:
        """Everybody at an organisation who can have a case: names by subject, in the order of names."""
        found = [
            one
            for one in self._staff.values()
            if one.organisation == organisation and one.active and WORKERS.intersection(one.roles)
        ]
        return {one.subject: one.display for one in sorted(found, key=lambda one: one.display)}
