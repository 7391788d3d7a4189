"""A front end that may use the API: its credential, what it may do, how much."""

import re
from dataclasses import dataclass
from typing import Final

from shared.identity.roles import REAL_SCOPES, Scope

CLIENT_ID: Final = re.compile(r"^[a-z][a-z0-9-]{0,39}$")
"""Also the front end's name in reports: it keeps front ends' idempotency keys apart."""
_SECRET: Final = re.compile(r"^[A-Za-z0-9_-]{43}$")
SECRET_BYTES: Final = 32
SECRETS: Final = 2
"""Valid at a time: the present one, and the one before it until somebody ends that one."""
PER_MINUTE: Final = 600
"""Requests a minute unless said otherwise; the national load is about one report an hour."""
MOST_PER_MINUTE: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Callback:
    """Where a front end is told how reports stand, and which secrets sign it, newest first."""

    url: str
    versions: tuple[int, ...]
    code: bytes
    """Authenticates both, see ``callbacks.rules.code_of``."""


@dataclass(frozen=True, slots=True)
class Client:
    """One front end as authentication knows it."""

    client_id: str
    name: str
    scopes: frozenset[Scope]
    digests: tuple[str, ...]
    """Keyed digests of the valid secrets, newest first."""
    per_minute: int
    disabled: bool
    last_used: str | None = None
    """The last day (in Seoul) it was let in, as written once a day."""
    version: int = 1
    """Goes up with every change by a person."""
    newest_used: bool = False
    """Whether the newest secret was ever used."""
    callback: Callback | None = None

    @property
    def sandbox(self) -> bool:
        """Whether it is confined to its own drills, whatever other scopes it has."""
        return Scope.REPORTS_DRILL in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether it has this scope, of drills at least."""
        return scope in ({Scope.REPORTS_DRILL, *REAL_SCOPES} if self.sandbox else self.scopes)


def read_credential(text: str) -> tuple[str, str] | None:
    """Id and secret of ``<client_id>.<secret>``, or None where that has not the form of one."""
    client_id, _, secret = text.partition(".")
    if not CLIENT_ID.fullmatch(client_id) or not _SECRET.fullmatch(secret):
        return None
    return client_id, secret
