"""Dependencies that authenticate front ends: credential, scope, rate limit, and an audit entry for each refusal.

All front ends are held in memory and read anew every two seconds, so a request costs no question to the store, and a
secret that was replaced or a front end that was disabled is refused within seconds, also while many ask.
"""

import asyncio
import hashlib
import math
from typing import Any, Final

from prometheus_client import Counter
from starlette.requests import Request

from services.intake import problems
from services.intake.clients.models import Client
from services.intake.clients.repository import ClientRepository
from services.intake.clients.rules import NO_CREDENTIAL, CredentialRefusal, digest_among, judge
from services.intake.dependencies import CLIENT, SANDBOX
from services.intake.encryption.keys import KeyedDigests
from shared.audit.entries import by_other, where_of
from shared.audit.model import AuditOutcome
from shared.audit.store import AuditLog
from shared.clock import Clock, seoul_day
from shared.errors import TransientError
from shared.identity.roles import Action, Scope
from shared.identity.source import bearer_of
from shared.jobs import Skipped
from shared.metrics import REGISTRY
from shared.rate_limit import RateLimit, TokenBucket
from shared.web.authorization import ActionDependency
from shared.web.middleware import RATE_LIMIT, RateLimitHeaders
from shared.web.problems import Problem
from shared.web.translations import gettext_noop

REFRESH_S: Final = 2.0
"""Seconds between two readings: how long a replaced secret may still count."""
_AGAIN_S: Final = 0.5
"""The least seconds between two readings because of an unknown credential."""
_MOST_WAITING: Final = 200
"""Requests that may wait for one reading; while the store is away each would hold its connection for ten seconds."""

REQUESTS: Final = Counter(
    "ieum_intake_client_requests", "Requests of front ends, by outcome.", ["outcome"], registry=REGISTRY
)

_ADMITTED: Final = REQUESTS.labels("admitted")

_FLOAT_ERROR: Final = 1e-9
"""So that 2.9999999999 tokens are three."""

_REALM: Final = 'Bearer realm="ieum front ends"'
_CHALLENGE: Final = {"WWW-Authenticate": _REALM}
_REFUSALS: Final[dict[CredentialRefusal, tuple[int, str]]] = {
    CredentialRefusal.UNKNOWN: (
        401,
        gettext_noop("This credential does not count. It has the form “<client id>.<secret>”."),
    ),
    CredentialRefusal.DISABLED: (
        403,
        gettext_noop("This front end was disabled. Ask the administrator of the system."),
    ),
    CredentialRefusal.SCOPE: (403, gettext_noop("This needs the scope %(scope)s, which this front end does not have.")),
}


class ClientAuthenticator:
    """Makes the dependencies; caches the front ends."""

    def __init__(self, clients: ClientRepository, keys: KeyedDigests, audit: AuditLog, clock: Clock) -> None:
        self.clients: Final = clients
        self._keys = keys
        self._audit = audit
        self._clock = clock
        self._known: dict[str, Client] | None = None
        self._read_at = -math.inf
        self._failed_at = -math.inf
        self._reading = asyncio.Lock()
        self._waiting = 0
        # Right credentials by digest, until the next reading: verifying takes longer than the rest of a request.
        self._right: dict[tuple[bytes, Scope], tuple[Client, str]] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._used: set[tuple[str, str]] = set()
        self._logged: dict[str, object] = {}
        self._written: dict[tuple[str, str], str] = {}

    def __call__(self, scope: Scope) -> "ClientDependency":
        """The dependency for one scope."""
        return ClientDependency(self, scope)

    async def keep_fresh(self) -> None:
        """Read all front ends and write down who was here. Raises ``TransientError``: the last known ones count.

        Raises ``SkippedError`` at the end.
        """
        skipped = Skipped("clients", self._logged)
        await self.refresh(skipped)
        await self._remember_use()
        skipped.raise_if_any()

    async def refresh(self, skipped: Skipped | None = None) -> None:
        """Read all front ends once. Raises ``TransientError``."""
        began = self._clock.monotonic()
        skipped = skipped or Skipped("clients", self._logged)
        try:
            self._known = {client.client_id: client for client in await self.clients.all(skipped)}
        except TransientError:
            self._failed_at = self._clock.monotonic()
            raise
        self._right.clear()
        self._read_at = began

    async def known(self) -> dict[str, Client]:
        """All front ends as last read. Raises ``TransientError`` while none was ever read."""
        if self._known is None:
            await self.refresh()
        return self._known or {}

    async def authenticate(self, request: Request, scope: Scope, *, credential: str | None = None) -> Client:
        """The front end. Raises ``Problem``: 401, 403, 429, or 503 while none was ever read.

        ``credential``: as somebody typed it, where it is not in the header.
        """
        credential = bearer_of(request) if credential is None else credential
        if not credential:
            raise self._refused(request, NO_CREDENTIAL, None, scope)
        cache_key = (hashlib.sha256(credential.encode()).digest(), scope)
        right = self._right.get(cache_key)
        if right is None:
            client = await self._verified(request, credential, scope)
            secret = credential.partition(".")[2]
            digest = digest_among(self._keys, client.digests, client.client_id, secret) or ""
            right = self._right[cache_key] = client, digest
        self._count(request, *right)
        setattr(request.state, CLIENT, right[0].client_id)
        setattr(request.state, SANDBOX, right[0].sandbox)
        return right[0]

    async def _verified(self, request: Request, credential: str, scope: Scope) -> Client:
        client = judge(self._keys, await self._all(), credential, scope)
        if client is CredentialRefusal.UNKNOWN:
            if not await self._read_again():
                raise problems.away()  # it may have been added since: nobody can say
            client = judge(self._keys, await self._all(), credential, scope)
        if isinstance(client, CredentialRefusal):
            # Told apart only for those who know the secret.
            known = None if client is CredentialRefusal.UNKNOWN else credential.partition(".")[0]
            raise self._refused(request, client, known, scope)
        return client

    async def _all(self) -> dict[str, Client]:
        if self._known is None:
            await self._read_again()
        if self._known is None:
            raise problems.away()
        return self._known

    async def _read_again(self) -> bool:
        """Have a reading that is newer than this question, for one who was added a moment ago; False: store away.

        All who ask at once share it, so wrong credentials cost the store at most two readings a second. They share
        its failure too: whoever waited while the store did not answer does not wait for it a second time.
        """
        asked_at = self._clock.monotonic()
        if self._waiting >= _MOST_WAITING:
            return False
        self._waiting += 1
        try:
            return await self._read_for(asked_at)
        finally:
            self._waiting -= 1

    async def _read_for(self, asked_at: float) -> bool:
        async with self._reading:
            if self._read_at > asked_at:
                return True
            if self._failed_at >= asked_at:
                return False
            await self._clock.sleep(max(0.0, self._read_at + _AGAIN_S - asked_at))
            try:
                await self.refresh()
            except TransientError:
                return False
            return True

    def _count(self, request: Request, client: Client, digest: str) -> None:
        now = self._clock.monotonic()
        allowance = RateLimit(capacity=client.per_minute, per_second=client.per_minute / 60)
        bucket = self._buckets.get(client.client_id) or allowance.full(now)
        wait = allowance.wait(bucket, now)
        if wait > 0:
            setattr(request.state, RATE_LIMIT, _rate_limit_headers(allowance, bucket, now))
            REQUESTS.labels("too_many").inc()
            raise Problem(
                429,
                "too_many_requests",
                gettext_noop("This front end sends more than it may. Please wait."),
                retry_after=math.ceil(wait),
            )
        bucket = self._buckets[client.client_id] = allowance.consume(bucket, 1, now)
        setattr(request.state, RATE_LIMIT, _rate_limit_headers(allowance, bucket, now))
        _ADMITTED.inc()
        self._used.add((client.client_id, digest))

    async def _remember_use(self) -> None:
        today = seoul_day(self._clock.now())
        # What is used while this writes belongs to the next round.
        waiting, self._used = self._used, set()
        try:
            while waiting:
                one = next(iter(waiting))
                if self._written.get(one) != today:
                    await self.clients.used(*one, today)
                    self._written[one] = today
                waiting.remove(one)
        finally:
            self._used |= waiting

    def _refused(self, request: Request, code: str, client_id: str | None, scope: Scope) -> Problem:
        REQUESTS.labels(code).inc()
        actor = f"client:{client_id}" if client_id else None
        line = by_other(
            where_of(request), actor, Action.FRONT_END, at=self._clock.now(), reason=code, outcome=AuditOutcome.REFUSED
        )
        self._audit.note(line, rate_limited=True)  # also whose secret is known may send without end
        if code == NO_CREDENTIAL:
            said = gettext_noop("Front ends send “Authorization: Bearer <client id>.<secret>”. People use the form.")
            return Problem(401, NO_CREDENTIAL, said, headers=_CHALLENGE)
        status, detail = _REFUSALS[CredentialRefusal(code)]
        if code == CredentialRefusal.SCOPE:
            challenge = f'{_REALM}, error="insufficient_scope", scope="{scope.value}"'  # RFC 6750, 3.1
            named = {"scope": scope.value}
            return Problem(status, code, detail, headers={"WWW-Authenticate": challenge}, values=named)
        return Problem(status, code, detail, headers=_CHALLENGE if status == 401 else None)  # noqa: PLR2004  # HTTP's word for it


def _rate_limit_headers(allowance: RateLimit, bucket: TokenBucket, now: float) -> RateLimitHeaders:
    """Format the remaining allowance as the IETF draft “RateLimit header fields for HTTP” writes it."""
    left = allowance.refilled(bucket, now).left + _FLOAT_ERROR
    full_in = max(0, math.ceil((allowance.capacity - left) / allowance.per_second))
    return f'"front-end";q={allowance.capacity:.0f};w=60', f'"front-end";r={max(0, math.floor(left))};t={full_in}'


class ClientDependency(ActionDependency):
    """For one scope of front ends."""

    problems = ("no_credential", "wrong_credential", "client_disabled", "scope_missing", "too_many_requests")

    def __init__(self, authenticator: ClientAuthenticator, scope: Scope) -> None:
        """Made by ``ClientAuthenticator``."""
        super().__init__(Action.FRONT_END)
        self.scope: Final = scope
        self._authenticator = authenticator

    async def __call__(self, request: Request) -> Client:
        """Authenticate the front end and return it, if it may do this."""
        return await self._authenticator.authenticate(request, self.scope)

    def describe(self, operation: dict[str, Any], components: dict[str, Any]) -> None:
        """A credential with this scope, or one for drills alone."""
        del components
        operation["security"] = [{"frontEnd": [scope.value]} for scope in (self.scope, Scope.REPORTS_DRILL)]
