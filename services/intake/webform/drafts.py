"""Drafts: what was answered so far, kept for half an hour, readable only together with a cookie of one visit.

The cookie holds a random token. Where a draft is found and what opens it are keyed digests of that token, so neither
the store nor intake's own keys open a draft without the browser, and nothing but the token is on the device.
"""

import asyncio
import base64
import contextlib
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import orjson
from prometheus_client import Counter
from starlette.responses import Response

from services.intake.encryption.keys import KeyedDigests
from services.intake.webform.repository import DraftRepository
from shared import log as logs
from shared.clock import Clock
from shared.encryption import DataKey
from shared.errors import PermanentError, TransientError
from shared.identity.cookies import named
from shared.metrics import REGISTRY
from shared.web.form_body import Typed

KEPT: Final = timedelta(minutes=30)
"""From the last page that was looked at."""
COOKIE: Final = "notes"
"""Neutral, and of one visit: the browser forgets it when it is closed. By https with ``__Host-`` before it: another
host of the domain could otherwise plant the token of a draft of its own, and read there what somebody types."""
RECEIPT_COOKIE: Final = "kept"
"""The same for the page of a receipt, which is kept as a draft is."""
_LOOKED: Final = timedelta(minutes=1)
"""Looking again so soon does not lengthen a draft's life: a write for every page would help nobody."""
SWEEP_S: Final = 60.0
_TOKEN: Final = re.compile(r"^[A-Za-z0-9_-]{43}$")
"""As ``Drafts.new_token`` makes them."""

REFUSED: Final = Counter("ieum_intake_drafts_refused", "Drafts not kept: no room, or no store.", registry=REGISTRY)

_log = logs.get(__name__)


class NoRoomError(TransientError):
    """Drafts are refused for now, so that reports are still taken."""


class Drafts:
    """Keeps drafts."""

    def __init__(
        self, store: DraftRepository, keys: KeyedDigests, clock: Clock, room: Callable[[], bool] = lambda: True
    ) -> None:
        """``room`` says whether there is room for drafts; reports do not ask it."""
        self._store = store
        self._keys = keys
        self._clock = clock
        self._room = room
        self._dropping: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        """Make what the store needs to forget by itself."""
        await self._store.prepare()

    async def sweep(self) -> None:
        """Forget what is over. Raises ``TransientError``."""
        await self._store.sweep(self._clock.now())

    async def load(self, token: str | None) -> Typed | None:
        """Load the answers so far; None if the draft is gone. Raises ``TransientError``."""
        if token is None:
            return None
        now, draft_id = self._clock.now(), self._id(token)
        found = await self._store.read(draft_id, now)
        if found is None:
            return None
        sealed, until = found
        try:
            answers = orjson.loads(self._key(token).decrypt("answers", sealed))
        except PermanentError as error:
            _log.error("drafts.not_opened", reason=error.reason)
            return None
        if until - now < KEPT - _LOOKED:
            await self._store.extend(draft_id, now + KEPT)
        return Typed({name: tuple(values) for name, values in answers.items()})

    async def save(self, token: str, typed: Typed) -> None:
        """Keep it from now on; when this returns, it is durable. Raises ``TransientError``: it is not kept."""
        sealed = self._key(token).encrypt("answers", orjson.dumps(dict(typed.values)))
        try:
            if not self._room():
                raise NoRoomError("there is no room for drafts")
            await self._store.write(self._id(token), sealed, self._clock.now() + KEPT)
        except TransientError:
            REFUSED.inc()
            raise

    async def drop(self, token: str | None) -> None:
        """Forget it. Where the store does not answer, its time ends it, and nobody has its key by then."""
        if token is not None:
            with contextlib.suppress(TransientError):
                await self._store.remove(self._id(token))

    async def drop_within(self, token: str | None, seconds: float) -> None:
        """Forget it, and return after ``seconds`` at most: a slow store is waited for behind the answer."""
        dropping = asyncio.create_task(self.drop(token), name="drop draft")
        self._dropping.add(dropping)
        dropping.add_done_callback(self._dropping.discard)
        done, _ = await asyncio.wait({dropping}, timeout=seconds)
        for finished in done:
            finished.result()

    def key_of_report(self, token: str) -> str:
        """The idempotency key of the one report this draft becomes, however often it is sent."""
        return base64.urlsafe_b64encode(self._keys.mac("draft report", token)[:24]).decode()

    def new_token(self) -> str:
        """For a browser that has none."""
        return secrets.token_urlsafe(32)

    def _id(self, token: str) -> str:
        return self._keys.mac("draft id", token).hex()

    def _key(self, token: str) -> DataKey:
        return DataKey(self._id(token), self._keys.mac("draft key", token))


def token_of(cookies: Mapping[str, str], *, secure: bool, cookie: str = COOKIE) -> str | None:
    """The token a browser sent; ``secure``: by https."""
    token = cookies.get(named(cookie, secure=secure), "")
    return token if _TOKEN.match(token) else None


def leave_token(response: Response, token: str, *, secure: bool, cookie: str = COOKIE) -> None:
    """Give the browser the token for this visit. Without an age: it goes when the browser is closed."""
    name = named(cookie, secure=secure)
    response.set_cookie(name, token, path="/", samesite="strict", httponly=True, secure=secure)


def take_token(response: Response, *, secure: bool, cookie: str = COOKIE) -> None:
    """Take it back."""
    name = named(cookie, secure=secure)
    response.delete_cookie(name, path="/", samesite="strict", httponly=True, secure=secure)
