"""What one knock at a route is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.identity.roles import Action

REPORT, OFFER, ACCOUNT = "{report}", "{offer}", "{account}"
"""Stand for the open report, the offer that waits, and an account of the owning centre."""
STALE: Final = 999
ANYBODY: Final[frozenset[str]] = frozenset()
"""The thing is nobody's: what the dependency says is all."""
OLD = "offer-nobody-made"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    gives: frozenset[int]
    """Statuses for whoever may."""
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any] | None
    """JSON to the API, a form to a page."""
    whose: frozenset[str]
    demands: Action | None
    """What the handler asks for, where that is not what the dependency names."""
    only: frozenset[str] | None
    """Organisations that ask so; None: all."""


def ask(
    *gives: int,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    whose: str | frozenset[str] = ANYBODY,
    demands: Action | None = None,
    only: frozenset[str] | None = None,
) -> Ask:
    owners = frozenset({whose}) if isinstance(whose, str) else whose
    return Ask(frozenset(gives), path or {}, query or {}, body, owners, demands, only)


Key = tuple[str, str, str]
Asks = dict[Key, tuple[Ask, ...]]
