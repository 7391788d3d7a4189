"""Staff of the demonstration and of tests: made by identity's own command, signed in like anybody else.

``create`` makes accounts that are ready to use, which identity does only where ``IEUM_DEMO_ACCOUNTS`` is set.
``SignedIn`` lets an HTTP client sign in when it must and renew what it holds, as a browser's pages do.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pyotp

from shared.centers import CENTER_IDS, CENTRAL
from shared.identity.roles import MINISTRY, StaffRole
from tools.local.keys import write_private
from tools.local.processes import PROJECT

ALLOWED: Final = "IEUM_DEMO_ACCOUNTS"
STEP_S: Final = 30
"""How long a code of the second factor counts (RFC 6238)."""
_RENEW_BEFORE_S: Final = 120
_LASTS_S: Final = 540
"""A little less than an access token lasts, for a clock that is off."""
_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=100)
_TRIES: Final = 60
_PAUSE_S: Final = 1.0


class PeopleError(Exception):
    """Accounts could not be made, or somebody could not sign in; the text says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an account. All of it is secret but the names of account, organisation and roles."""

    account: str
    organisation: str
    roles: tuple[str, ...]
    password: str
    totp_secret: str
    subject: str

    def code(self, step: int) -> str:
        """The second factor's code of a step."""
        return pyotp.TOTP(self.totp_secret).generate_otp(step)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account to make."""

    organisation: str
    roles: tuple[StaffRole, ...]

    @property
    def name(self) -> str:
        """Their name for signing in, without anything behind it."""
        return f"{self.organisation}-{'-'.join(self.roles)}"


EVERYBODY: Final = (
    *(Wanted(center, (StaffRole.LEAD,)) for center in CENTER_IDS),
    *(Wanted(center, (StaffRole.COUNSELLOR,)) for center in ("gyeonggi", "busan")),
    Wanted("busan", (StaffRole.OPERATOR,)),
    Wanted(CENTRAL, (StaffRole.COUNSELLOR, StaffRole.LEAD)),
    Wanted(CENTRAL, (StaffRole.ADMINISTRATOR,)),
    Wanted(MINISTRY, (StaffRole.ANALYST,)),
    Wanted(MINISTRY, (StaffRole.AUDITOR,)),
)


def create(env: Mapping[str, str], wanted: Iterable[Wanted] = EVERYBODY, *, suffix: str = "") -> dict[str, Person]:
    """Make accounts and return them by name without ``suffix``. ``env`` is that of identity's process.

    Raises PeopleError with the command's own words.
    """
    asked = {one.name + suffix: one for one in wanted}
    lines = [json.dumps({"organisation": o.organisation, "roles": o.roles, "name": n}) for n, o in asked.items()]
    done = subprocess.run(
        [sys.executable, "-m", "tools.command", "admin", "demo-accounts"],
        cwd=PROJECT,
        env={**env, ALLOWED: "1"},
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PeopleError(f"accounts could not be made: {done.stderr.strip()[-1000:]}")
    made = [_person(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    return {person.account.removesuffix(suffix): person for person in made}


def keep(path: Path, store: str, people: Mapping[str, Person]) -> None:
    """Write accounts with their secrets to a file for this user alone. ``store`` names where the accounts are."""
    found = {"store": store, "people": {name: asdict(one) for name, one in people.items()}}
    write_private(path, orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def kept(path: Path, store: str | None = None) -> dict[str, Person]:
    """The accounts in a file; none where there is no such file, or its accounts are in another store."""
    try:
        found = orjson.loads(path.read_bytes())
        if store is not None and found["store"] != store:
            return {}
        return {name: _person(one) for name, one in found["people"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


class SignedIn(httpx.Auth):
    """Signs one person in at identity for an ``httpx.AsyncClient``, and keeps them so."""

    def __init__(self, identity_url: str, person: Person, urls: Mapping[str, str] | None = None) -> None:
        """No request is sent yet. ``urls`` tell which service a request goes to; else notify."""
        self._urls = dict(urls or {})
        self.person = person
        self._url = identity_url.rstrip("/")
        self._tokens: dict[str, tuple[str, float]] = {}
        self._session = ""
        self._step = 0
        self._one = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send a request with a token that counts; once more with a new one if it was refused."""
        service = next((name for name, url in self._urls.items() if str(request.url).startswith(url)), "notify")
        request.headers["Authorization"] = f"Bearer {await self.ready(service)}"
        answer = yield request
        if answer.status_code == httpx.codes.UNAUTHORIZED or _leads_to_the_sign_in(answer):
            request.headers["Authorization"] = f"Bearer {await self.ready(service, anew=True)}"
            yield request

    async def ready(self, service: str = "notify", *, anew: bool = False) -> str:
        """The access token of a service, renewed or signed in for where that is due. Raises PeopleError."""
        refused, _ = self._tokens.get(service, ("", 0.0))
        async with self._one:
            token, until = self._tokens.get(service, ("", 0.0))
            if time.monotonic() < until - _RENEW_BEFORE_S and not (anew and token == refused):
                return token
            async with httpx.AsyncClient(base_url=self._url, timeout=30, trust_env=False) as client:
                if not await self._renewed(client, service):
                    await self._sign_in(client, service)
            return self._tokens[service][0]

    async def _renewed(self, client: httpx.AsyncClient, service: str) -> bool:
        if not self._session:
            return False
        with contextlib.suppress(httpx.TransportError):
            answer = await client.post("/api/v1/session/renew", json={"session": self._session, "audience": service})
            if answer.is_success:
                self._take(service, answer.json())
                return True
        return False

    async def code(self) -> str:
        """A code that was not used yet, for a sign-in elsewhere too; waits where the next ones are not there yet.

        A code counts once, and a step before or after its time: after one sign-in another can follow at once.
        """
        while True:
            present = int(time.time()) // STEP_S
            step = max(present, self._step + 1)
            if step <= present + 1:
                self._step = step
                return self.person.code(step)
            await asyncio.sleep(_PAUSE_S)

    async def _sign_in(self, client: httpx.AsyncClient, service: str) -> None:
        said = "no answer"
        for _ in range(_TRIES):
            given = {"account": self.person.account, "password": self.person.password, "code": await self.code()}
            given["audience"] = service
            try:
                answer = await client.post("/api/v1/sign-in", json=given)
            except httpx.TransportError as error:
                said = type(error).__name__
                self._step -= 1  # most likely nobody looked at it
            else:
                if answer.is_success:
                    self._take(service, answer.json())
                    return
                said = f"status {answer.status_code} {answer.text[:200]}"
                if answer.status_code != httpx.codes.UNAUTHORIZED:
                    self._step -= 1
            await asyncio.sleep(_PAUSE_S)
        raise PeopleError(f"{self.person.account} could not sign in: {said}")

    def _take(self, service: str, answer: Mapping[str, Any]) -> None:
        self._session = str(answer["session"])
        self._tokens[service] = str(answer["token"]), time.monotonic() + _LASTS_S


class Crew:
    """People who work with the running system, each as themselves."""

    def __init__(self, urls: Mapping[str, str], people: Mapping[str, Person]) -> None:
        """``urls`` by service; ``people`` by name."""
        self.people: Final = dict(people)
        self._urls = dict(urls)
        self._auths: dict[str, SignedIn] = {}

    def auth(self, name: str) -> SignedIn:
        """The sign-in of a person, one for all of their clients."""
        if name not in self._auths:
            self._auths[name] = SignedIn(self._urls["identity"], self.people[name], self._urls)
        return self._auths[name]

    def client(self, name: str, service: str = "notify", *, timeout: float = 30) -> httpx.AsyncClient:
        """A person's way to a service; to be closed by the caller."""
        base = self._urls[service]
        return httpx.AsyncClient(base_url=base, auth=self.auth(name), timeout=timeout, trust_env=False, limits=_LIMITS)


def _leads_to_the_sign_in(answer: httpx.Response) -> bool:
    """Return whether a page sent its reader to sign in; the API answers 401 instead."""
    where = httpx.URL(answer.headers.get("location", ""))
    return answer.status_code == httpx.codes.SEE_OTHER and where.path.endswith("/session") and "next" in where.params


def _person(found: Mapping[str, Any]) -> Person:
    return Person(
        account=str(found["account"]),
        organisation=str(found["organisation"]),
        roles=tuple(found["roles"]),
        password=str(found["password"]),
        totp_secret=str(found["totp_secret"]),
        subject=str(found["subject"]),
    )
