"""Commands on front ends, for the console and the command line. A secret is shown once and kept nowhere."""

import secrets
from collections.abc import Sequence
from typing import Final

from services.intake.callbacks import rules as callback_rules
from services.intake.clients.models import SECRET_BYTES, SECRETS, Callback
from services.intake.clients.repository import ClientError, ClientRepository
from services.intake.clients.rules import digest_of
from services.intake.encryption.keys import IntakeKeys
from shared.clock import Clock
from shared.identity.roles import Scope

RESERVED: Final = frozenset({"web-form", "phone-form"})
"""Names of our own forms, which need no credential."""


class ClientService:
    """Commands on front ends. Each writes its line of the audit first."""

    def __init__(self, clients: ClientRepository, keys: IntakeKeys, clock: Clock) -> None:
        """``keys`` make digests of secrets and derive those of callbacks."""
        self.clients: Final = clients
        self._keys = keys.clients
        self._callback_keys = keys.callbacks
        self._clock = clock

    async def add(self, client_id: str, name: str, scopes: Sequence[Scope], per_minute: int) -> str:
        """A new front end; its credential, which nobody can show again. Raises ``ClientError``."""
        if Scope.REPORTS_DRILL in scopes and set(scopes) != {Scope.REPORTS_DRILL}:
            raise ClientError("drill_stands_alone")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        digest = digest_of(self._keys, client_id, secret)
        await self.clients.add(client_id, name, scopes, digest, per_minute, self._clock.now())
        return f"{client_id}.{secret}"

    async def set_callback(self, client_id: str, url: str | None) -> list[str]:
        """Tell it there how reports stand (None: no more); the secrets that sign it. Raises ``ClientError``."""
        versions: tuple[int, ...] = ()

        def change(before: Callback | None, highest: int) -> Callback | None:
            nonlocal versions
            versions = () if url is None else before.versions if before is not None else (highest + 1,)
            return None if url is None else self._callback(client_id, url, versions)

        await self.clients.set_callback(client_id, change)
        return [callback_rules.secret_of(self._callback_keys, client_id, version) for version in versions]

    async def rotate_callback(self, client_id: str, *, end_old: bool) -> list[str]:
        """A new secret beside the one before (``end_old``: only the newest counts); all that sign from now on.

        Raises ``ClientError``.
        """
        versions: tuple[int, ...] = ()

        def change(before: Callback | None, highest: int) -> Callback:
            nonlocal versions
            if before is None:
                raise ClientError("no_callback")
            if not end_old and len(before.versions) >= SECRETS:
                raise ClientError("old_secret")
            versions = before.versions[:1] if end_old else (highest + 1, before.versions[0])
            return self._callback(client_id, before.url, versions)

        await self.clients.set_callback(client_id, change)
        return [callback_rules.secret_of(self._callback_keys, client_id, version) for version in versions]

    def _callback(self, client_id: str, url: str, versions: tuple[int, ...]) -> Callback:
        return Callback(url, versions, callback_rules.code_of(self._callback_keys, client_id, url, versions))

    async def rotate(self, client_id: str, *, only: bool, version: int | None = None) -> str:
        """A new credential; the one in use stays valid beside it unless ``only``. Raises ``ClientError``.

        ``version`` is the one the person saw, so that asking twice makes one.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        digest = digest_of(self._keys, client_id, secret)
        await self.clients.rotate(client_id, digest, self._clock.now(), only=only, version=version)
        return f"{client_id}.{secret}"
