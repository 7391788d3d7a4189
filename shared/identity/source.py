"""How a service gets the keys: it asks notify every two seconds and keeps the last answer on disk.

This is one of the two ways around the bus that the design allows. Notify being down stops nobody: what is known stays
known, also over a restart. A session that was ended is refused everywhere within seconds, and stays refused although a
later answer should not name it any more: notify's store is not believed against what was heard before.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
from prometheus_client import Gauge
from pydantic import ValidationError
from starlette.requests import HTTPConnection

from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.keys import KeyDocument, Known, keep_endings, known
from shared.identity.principal import Principal
from shared.identity.tokens import GRACE, Ticket, TokenError, verify_access, verify_ticket
from shared.metrics import REGISTRY

_log = log.get(__name__)

POLL_S: Final = 2.0
_TIMEOUT_S: Final = 5.0
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
PATH: Final = "/api/v1/identity/keys"
REFUSED: Final = "token_refused"
"""In ``request.state``: the code of a token that was refused, for the Authorizer."""
TOKEN_COOKIE: Final = "ieum_session"  # noqa: S105  # the cookie's name
AGE: Final = Gauge(
    "ieum_identity_keys_age_seconds", "Since notify last confirmed keys and sessions.", registry=REGISTRY
)

Fetch = Callable[[], Awaitable[KeyDocument]]


class Identity:
    """Verifies tokens with the keys it knows."""

    def __init__(self, fetch: Fetch, clock: Clock, cache: Path | None = None) -> None:
        """``fetch`` gets the newest document and may raise; ``cache`` is the file that outlives the process."""
        self._fetch = fetch
        self._clock = clock
        self._cache = cache
        self._known: Known | None = None
        self.document: KeyDocument | None = None
        """What is known, as notify publishes it."""

    async def recall(self) -> None:
        """Know what the file of before says, where nothing newer is known."""
        await asyncio.to_thread(self._recall)

    async def refresh(self) -> bool:
        """Ask once; False where there was no answer. What is known stays, at first what the file of before says."""
        if self._known is None:
            await self.recall()
        try:
            document = self.learn(await self._fetch())
        except (httpx.HTTPError, ValidationError, ValueError, OSError, TransientError) as error:
            AGE.set(self._age())
            _log.debug("identity.no_answer", error=type(error).__name__)
            return False
        await asyncio.to_thread(self._keep, document)
        return True

    def learn(self, document: KeyDocument) -> KeyDocument:
        """Take a document as confirmed now; with it what is known of endings, which no document takes back."""
        kept = keep_endings(self.document, document)
        self._known = known(kept, self._clock.now())
        self.document = kept
        AGE.set(0)
        return kept

    def has_ended(self, session: str) -> bool:
        """Whether a session is known to have ended, whatever a store says."""
        return self._known is not None and session in self._known.revoked

    def principal_of(self, request: HTTPConnection) -> Principal | None:
        """Who sends this request, by bearer token or cookie; None where neither counts."""
        token = bearer_of(request) or request.cookies.get(TOKEN_COOKIE)
        if not token or self._known is None:
            return None
        try:
            return verify_access(token, self._known, self._clock.now())
        except TokenError as error:
            _log.info("identity.token_refused", reason=error.code)
            setattr(request.state, REFUSED, error.code)
            return None

    def lapsed(self, request: HTTPConnection) -> Principal | None:
        """Who sent it, by a cookie that is past its time by no more than the grace and else counts.

        Only to keep what somebody typed while their sign-in ran out; nothing may be shown for it.
        """
        token = request.cookies.get(TOKEN_COOKIE)
        if not token or self._known is None:
            return None
        try:
            return verify_access(token, self._known, self._clock.now(), late=GRACE)
        except TokenError:
            return None

    def ticket(self, token: str) -> Ticket:
        """What a ticket allows. Raises ``TokenError``."""
        if self._known is None:
            raise TokenError("unknown_key")
        return verify_ticket(token, self._known, self._clock.now())

    def good(self, principal: Principal) -> bool:
        """Whether somebody who was let in is still signed in; asked again and again by open streams."""
        if self._known is None or principal.session in self._known.revoked:
            return False
        now = self._clock.now()
        return now < principal.expires_at or not self._known.fresh(now)

    def check(self) -> str | None:
        """For health: what is wrong, or None. Old keys are not wrong: they are what lets people work on."""
        return None if self._known is not None else "no keys of notify's were ever received"

    def _age(self) -> float:
        confirmed = self._known.confirmed_at if self._known else _LONG_AGO
        return (self._clock.now() - confirmed).total_seconds()

    def _recall(self) -> None:
        if self._known is not None or self._cache is None or not self._cache.is_file():
            return
        try:
            document = KeyDocument.model_validate_json(self._cache.read_bytes())
            # Confirmed when it was written, not now: revocations since then are unknown.
            self._known = known(document, document.issued_at)
            self.document = document
        except (ValidationError, ValueError, OSError) as error:
            _log.warning("identity.cache_unusable", error=type(error).__name__)

    def _keep(self, document: KeyDocument) -> None:
        if self._cache is None:
            return
        draft = self._cache.with_suffix(f".{os.getpid()}.new")
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(document.model_dump_json(), encoding="utf-8")
            draft.replace(self._cache)
        except OSError as error:
            _log.warning("identity.cache_not_written", error=type(error).__name__)


def bearer_of(request: HTTPConnection) -> str | None:
    """The token of an ``Authorization: Bearer`` header."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else None


def over_http(base_url: str) -> Fetch:
    """Fetches notify's document from its address."""
    client = httpx.AsyncClient(base_url=base_url.rstrip("/"), timeout=_TIMEOUT_S)

    async def fetch() -> KeyDocument:
        answer = await client.get(PATH)
        answer.raise_for_status()
        return KeyDocument.model_validate_json(answer.content)

    return fetch
