"""Commands on front ends, for the console and the command line. A secret is shown once and kept nowhere."""

import secrets
from collections.abc import Sequence
from typing import Final

from services.intake.clients.models import SECRET_BYTES
from services.intake.clients.repository import ClientError, ClientRepository
from services.intake.clients.rules import digest_of
from services.intake.encryption.keys import PurposeKeys
from shared.clock import Clock
from shared.identity.roles import Scope

RESERVED: Final = frozenset({"web-form", "phone-form"})
"""Names of our own forms, which need no credential."""


class ClientService:
    """Commands on front ends. Each writes its line of the audit first."""

    def __init__(self, clients: ClientRepository, keys: PurposeKeys, clock: Clock) -> None:
        """``keys`` are those of front ends."""
        self.clients: Final = clients
        self._keys = keys
        self._clock = clock

    async def add(self, client_id: str, name: str, scopes: Sequence[Scope], per_minute: int) -> str:
        """A new front end; its credential, which nobody can show again. Raises ``ClientError``."""
        if Scope.REPORTS_DRILL in scopes and set(scopes) != {Scope.REPORTS_DRILL}:
            raise ClientError("drill_stands_alone")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        digest = digest_of(self._keys.current, client_id, secret)
        await self.clients.add(client_id, name, scopes, digest, per_minute, self._clock.now())
        return f"{client_id}.{secret}"

    async def rotate(self, client_id: str, *, only: bool, version: int | None = None) -> str:
        """A new credential; the one in use stays valid beside it unless ``only``. Raises ``ClientError``.

        ``version`` is the one the person saw, so that asking twice makes one.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        digest = digest_of(self._keys.current, client_id, secret)
        await self.clients.rotate(client_id, digest, self._clock.now(), only=only, version=version)
        return f"{client_id}.{secret}"
