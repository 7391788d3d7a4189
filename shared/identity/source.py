"""Fetch the key document from its issuer and cache it on disk, both signed by the root key.

This is one of the few calls between services that do not go over Kafka. The issuer answers when the document changed,
at the latest after ``WAIT_S``; two seconds later it is asked again. While the issuer is down, services go on with
the last document, also after a restart. A revoked session is refused everywhere within seconds, and stays refused if a
later document omits it: a deleted revocation in the issuer's store changes nothing here. The cache keeps the signed
documents that say so.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import httpx
from prometheus_client import Counter, Gauge
from pydantic import ValidationError
from starlette.requests import HTTPConnection

from shared import log
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.cookies import over_https, token_cookie
from shared.identity.keys import (
    CLOCKS_APART,
    KeyDocument,
    KeySet,
    KeysRefusedError,
    RootKeys,
    SignedDocuments,
    key_set,
    merge_revocations,
)
from shared.identity.principal import Principal
from shared.identity.tokens import GRACE, Ticket, TicketKey, TokenError, verify_access
from shared.metrics import REGISTRY
from shared.settings import ROOT_EXAMPLE, ServiceSettings, SettingsError
from shared.tls import trusted_authorities

_log = log.get(__name__)

POLL_S: Final = 2.0
"""From one answer to the next question."""
WAIT_S: Final = 10
"""How long the issuer is asked to wait for a change (``Prefer: wait``, RFC 7240); well below ``FRESH_FOR``."""
WHOLE_S: Final = 60.0
"""So often the whole document is asked for, whether it changed or not: only that one is signed, and the cache says when
it was confirmed."""
_TIMEOUT_S: Final = 5.0
_LATE_S: Final = 2.0
"""How much later than asked an answer may come."""
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
PATH: Final = "/api/v1/identity/keys"
REFUSED: Final = "token_refused"
"""In ``request.state``: the error code of a refused token, for the Authorizer."""
AGE: Final = Gauge(
    "ieum_identity_keys_age_seconds", "Since the issuer last confirmed keys and sessions.", registry=REGISTRY
)
DOCUMENTS_REFUSED: Final = Counter(
    "ieum_identity_key_documents_refused",
    "Key documents that no root key of this service signed, by where they came from (issuer, cache) and why.",
    ["source", "reason"],
    registry=REGISTRY,
)


class TaggedKeys(NamedTuple):
    """The newest document as the root key signed it, and the issuer's tag for what it says."""

    signed: str
    tag: str = ""


Fetch = Callable[[str], Awaitable[TaggedKeys | None]]
"""Given the tag of what is known (empty: nothing), the newest document; None: it says the same. May raise."""


class Identity:
    """Verifies tokens with the current key set."""

    def __init__(self, fetch: Fetch, roots: RootKeys, clock: Clock, cache: Path | None = None, *, service: str) -> None:
        """``roots`` are the keys that documents must be signed by; ``cache`` is the file they are saved to.

        ``service`` is the one whose tokens count here.
        """
        self._service = service
        self._fetch = fetch
        self._roots = roots
        self._clock = clock
        self._cache = cache
        self._signed: list[tuple[str, KeyDocument]] = []
        self._refused: tuple[str, str] | None = None
        self._tag = ""
        self._whole_at = 0.0
        """When the whole document was received (monotonic)."""
        self._key_set: KeySet | None = None
        self.document: KeyDocument | None = None
        """The current document, with every revocation received so far."""

    async def load_cache(self) -> None:
        """Load the cached document unless a newer one is known."""
        await asyncio.to_thread(self._load_cache)

    async def refresh(self) -> bool:
        """Fetch once; False if that failed. Then the current document stays, at first the cached one."""
        if self._key_set is None:
            await self.load_cache()
        known = self._tag if self._clock.monotonic() - self._whole_at < WHOLE_S else ""
        try:
            published = await self._fetch(known)
            if published is None:
                self._confirm()
                return True
            document = self._roots.opened(published.signed)
            self._check_age(document)
            self.adopt(document)
        except KeysRefusedError as error:
            AGE.set(self._age())
            self._tag = ""  # the next question is answered at once
            self._refuse("issuer", error.code)
            return False
        except (httpx.HTTPError, ValidationError, ValueError, OSError, TransientError) as error:
            AGE.set(self._age())
            self._tag = ""
            _log.debug("identity.keys_fetch_failed", error=type(error).__name__)
            return False
        self._refused = None
        self._tag, self._whole_at = published.tag, self._clock.monotonic()
        self._signed = _needed([(published.signed, document), *self._signed], document)
        await asyncio.to_thread(self._save_cache)
        return True

    def _confirm(self) -> None:
        """The issuer says that nothing changed."""
        if self._key_set is None or self.document is None:  # pragma: no cover  # nothing was named to it
            raise ValueError("confirmed what was never received")
        self._key_set = replace(self._key_set, confirmed_at=self._confirmed_at(self.document))
        AGE.set(self._age())
        self._refused = None

    def _check_age(self, document: KeyDocument) -> None:
        """Refuse a document older than the current one: old ones are public, and one of them would undo a rotation.

        One of the future is from when the issuer's clock was ahead: those it makes once that is set right are not old.
        """
        if self.document is None:
            return
        newest = min(self.document.issued_at, self._clock.now())
        if document.issued_at < newest - CLOCKS_APART:
            raise KeysRefusedError("older")

    def adopt(self, document: KeyDocument) -> None:
        """Make this the current document, confirmed now, together with the revocations received before."""
        self._adopt(document, self._confirmed_at(document))
        AGE.set(self._age())

    def _confirmed_at(self, document: KeyDocument) -> datetime:
        """Now; but an old document is no answer of the issuer, which makes a new one each time it is asked.

        Else whoever answers in its place with one they kept would hide for ever what ended since then.
        """
        return min(self._clock.now(), document.issued_at + CLOCKS_APART)

    def _adopt(self, document: KeyDocument, confirmed_at: datetime) -> None:
        kept = merge_revocations(self.document, document)
        self._key_set = key_set(kept, confirmed_at)
        self.document = kept

    def is_revoked(self, session: str) -> bool:
        """Return whether a session is known to be revoked, whatever the store says."""
        return self._key_set is not None and session in self._key_set.revoked

    def principal_of(self, request: HTTPConnection) -> Principal | None:
        """Return the principal of the bearer token or cookie; None if there is no valid one."""
        token = bearer_of(request) or self._cookie_of(request)
        if not token or self._key_set is None:
            return None
        try:
            return verify_access(token, self._key_set, self._clock.now(), self._service)
        except TokenError as error:
            _log.info("identity.token_refused", reason=error.code)
            setattr(request.state, REFUSED, error.code)
            return None

    def expired_session(self, request: HTTPConnection) -> Principal | None:
        """Return the principal of a cookie that expired no longer than ``GRACE`` ago and is otherwise valid.

        Only to save what was typed while the session expired; never to show data.
        """
        token = self._cookie_of(request)
        if not token or self._key_set is None:
            return None
        try:
            return verify_access(token, self._key_set, self._clock.now(), self._service, late=GRACE)
        except TokenError:
            return None

    def verify(self, token: str) -> Principal | None:
        """Return the principal of an access token; None if it is not valid."""
        if self._key_set is None:
            return None
        try:
            return verify_access(token, self._key_set, self._clock.now(), self._service)
        except TokenError:
            return None

    def verify_ticket(self, token: str, key: TicketKey) -> Ticket:
        """Verify a ticket whose session is not revoked. Raises ``TokenError``."""
        if self._key_set is None:
            raise TokenError("unknown_key")
        return key.verify(token, self._key_set.revoked, self._clock.now())

    def fresh(self) -> bool:
        """Return whether the issuer answered lately."""
        return self._key_set is not None and self._key_set.fresh(self._clock.now())

    def is_behind(self) -> bool:
        """Return whether this clock is so far behind the issuer's that no new token counts yet."""
        return self.document is not None and self.document.issued_at > self._clock.now() + CLOCKS_APART

    def still_valid(self, principal: Principal) -> bool:
        """Return whether an authenticated principal's session is still valid; open streams call this repeatedly."""
        if self._key_set is None or principal.session in self._key_set.revoked:
            return False
        late = self._clock.now() - principal.expires_at
        return late < timedelta(0) or (not self.fresh() and late <= GRACE)

    def confirmed_within(self, principal: Principal, window: timedelta) -> bool:
        """Return whether the principal showed a second factor within the window."""
        at = principal.confirmed_at
        return at is not None and self._clock.now() - at < window

    def check(self) -> str | None:
        """Health check: what is wrong, or None. Old keys are no fault: staff can work on with them."""
        return None if self._key_set is not None else "no signing keys were received from the issuer yet"

    def _cookie_of(self, request: HTTPConnection) -> str | None:
        return request.cookies.get(token_cookie(self._service, secure=over_https(request)))

    def _age(self) -> float:
        confirmed = self._key_set.confirmed_at if self._key_set else _LONG_AGO
        return (self._clock.now() - confirmed).total_seconds()

    def _refuse(self, source: str, reason: str) -> None:
        DOCUMENTS_REFUSED.labels(source, reason).inc()
        if self._refused == (source, reason):
            return  # asked again every two seconds: told once
        self._refused = (source, reason)
        _log.error(
            "identity.key_document_refused",
            source=source,
            reason=reason,
            hint="not signed by a key of IEUM_IDENTITY_ROOT_KEYS; the keys known so far go on",
        )

    def _load_cache(self) -> None:
        if self._key_set is not None or self._cache is None or not self._cache.is_file():
            return
        try:
            kept = SignedDocuments.model_validate_json(self._cache.read_bytes()).signed
        except (ValidationError, ValueError, OSError) as error:
            _log.warning("identity.cache_read_failed", error=type(error).__name__)
            return
        opened = []
        for signed in kept or ("",):
            try:
                opened.append((signed, self._roots.opened(signed)) if signed else _unsigned())
            except KeysRefusedError as error:
                self._refuse("cache", error.code)
        opened.sort(key=lambda pair: pair[1].issued_at, reverse=True)
        try:
            for _, document in reversed(opened):
                # Confirmed when it was saved, not now: revocations since then are unknown. Saved while the issuer's
                # clock was ahead, it must not count as confirmed until then.
                self._adopt(document, min(document.issued_at, self._clock.now()))
        except ValueError as error:
            _log.warning("identity.cache_read_failed", error=type(error).__name__)
        self._signed = opened

    def _save_cache(self) -> None:
        if self._cache is None:
            return
        draft = self._cache.with_suffix(f".{os.getpid()}.new")
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            kept = SignedDocuments(signed=tuple(signed for signed, _ in self._signed))
            draft.write_text(kept.model_dump_json(), encoding="utf-8")
            draft.replace(self._cache)
        except OSError as error:
            _log.warning("identity.cache_write_failed", error=type(error).__name__)


def _unsigned() -> tuple[str, KeyDocument]:
    raise KeysRefusedError("unsigned")


def _needed(documents: list[tuple[str, KeyDocument]], now: KeyDocument) -> list[tuple[str, KeyDocument]]:
    """The first, and of the earlier ones those that alone say that something ended whose time is not over."""
    told: set[str] = set()
    found: list[tuple[str, KeyDocument]] = []
    for signed, document in documents:
        ended = {one.kid for one in document.ended if one.until > now.issued_at}
        revoked = {one.session for one in document.revoked if one.until > now.issued_at}
        if not found or (ended | revoked) - told:
            found.append((signed, document))
        told |= ended | revoked
    return found


def bearer_of(request: HTTPConnection) -> str | None:
    """The token of an ``Authorization: Bearer`` header."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else None


def over_http(settings: ServiceSettings, clock: Clock, service: str) -> Identity:
    """Build the verifier of a service from identity's address and the root keys in the settings.

    Raises ``SettingsError`` where no root key is set, or identity's public address is missing.
    """
    if "identity" not in settings.public_urls:
        example = 'IEUM_PUBLIC_URLS={"identity": "https://staff.example"}'
        raise SettingsError([f"setting IEUM_PUBLIC_URLS: has no address of identity; example: {example}"])
    if not settings.identity_root_keys:
        raise SettingsError(
            [f"setting IEUM_IDENTITY_ROOT_KEYS: missing; example: IEUM_IDENTITY_ROOT_KEYS={ROOT_EXAMPLE}"]
        )
    fetch = fetch_over_http(settings.identity_url)
    return Identity(fetch, RootKeys(settings.public_root_keys()), clock, settings.keys_cache, service=service)


def fetch_over_http(base_url: str) -> Fetch:
    """Fetch the issuer's document over HTTP: at once where nothing is known, else when it changed."""
    client = httpx.AsyncClient(base_url=base_url.rstrip("/"), timeout=_TIMEOUT_S, verify=trusted_authorities())
    patient = httpx.Timeout(_TIMEOUT_S, read=WAIT_S + _LATE_S)

    async def fetch(known: str) -> TaggedKeys | None:
        if not known:
            answer = await client.get(PATH)
        else:
            headers = {"If-None-Match": known, "Prefer": f"wait={WAIT_S}"}
            answer = await client.get(PATH, headers=headers, timeout=patient)
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return None
        answer.raise_for_status()
        return TaggedKeys(signed_of(answer.content), answer.headers.get("etag", ""))

    return fetch


def signed_of(content: bytes) -> str:
    """The signed document in an answer of the issuer. Raises ``KeysRefusedError``."""
    try:
        published = SignedDocuments.model_validate_json(content)
    except ValidationError:
        raise KeysRefusedError("malformed") from None
    if not published.signed:
        raise KeysRefusedError("unsigned")
    return published.signed[0]
