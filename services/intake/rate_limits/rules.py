"""Where wrong receipts are counted and how many are allowed there in an hour. Pure.

A guesser who has many addresses of one provider is met by the wide tier, one who has many front ends or networks by the
ceiling for the whole country. That ceiling closes nothing: it makes the other limits ten times stricter and raises an
alarm, because a number of wrong receipts that shuts everybody out could be sent by anybody. For the same reason it
leaves the tiers that hold many people as they are.
"""

import ipaddress
from enum import StrEnum
from typing import Final, NamedTuple

from services.intake.caller import Caller

HOUR_S: Final = 3600
HELD_S: Final = 3600
"""How long a place is held back, from the wrong receipt that was one too many."""
_WIDE_IPV4: Final = 16
_WIDE_IPV6: Final = 32
_STRICTER: Final = 10


class Tier(StrEnum):
    """Scopes in which wrong receipts are counted."""

    NETWORK = "network"
    """IPv4 /24, IPv6 /48: a home, a school, a part of a mobile network."""
    WIDE_NETWORK = "wide_network"
    """IPv4 /16, IPv6 /32: a provider, or a large part of one."""
    VISITOR = "visitor"
    """One user of a front end that tells its users apart."""
    FRONT_END = "front_end"
    """A client of the API, whatever network it sends from."""
    STAFF = "staff"
    """An operator or a counsellor who types numbers that people tell them."""
    RECEIPT = "receipt"
    """A report whose word is guessed by somebody who has its receipt, from wherever."""
    COUNTRY = "country"
    """Everybody."""


class CallerTier(NamedTuple):
    """One tier of a caller. ``name``: the network, the client's id, that and its visitor, the subject; or empty."""

    tier: Tier
    name: str


COUNTRY: Final = CallerTier(Tier.COUNTRY, "")
_TIMES: Final = {
    Tier.NETWORK: 1,
    Tier.WIDE_NETWORK: 10,
    Tier.VISITOR: 1,
    Tier.FRONT_END: 10,
    Tier.STAFF: 1,
    Tier.RECEIPT: 1,
    Tier.COUNTRY: 100,
}
"""Wrong receipts allowed, as multiples of what one network may send."""


_STRANGERS: Final = frozenset({Tier.NETWORK, Tier.VISITOR})
"""Held back sooner while the country's ceiling is reached."""


def tiers_of(caller: Caller) -> tuple[CallerTier, ...]:
    """Every place a caller's wrong receipts are counted at, the narrowest first."""
    if caller.operator is not None:
        return (CallerTier(Tier.STAFF, caller.operator.subject), COUNTRY)
    if caller.client is not None:
        front_end = (CallerTier(Tier.FRONT_END, caller.client), COUNTRY)
        return (
            (CallerTier(Tier.VISITOR, f"{caller.client} {caller.visitor}"), *front_end) if caller.visitor else front_end
        )
    return (
        CallerTier(Tier.NETWORK, caller.network),
        CallerTier(Tier.WIDE_NETWORK, wide_network_of(caller.network)),
        COUNTRY,
    )


def allowed(tier: Tier, per_network: int, *, strict: bool) -> int:
    """Wrong receipts in an hour after which a place is held back; ``strict``: the country's ceiling was reached."""
    most = per_network * _TIMES[tier]
    return max(1, most // _STRICTER) if strict and tier in _STRANGERS else most


def wide_network_of(network: str) -> str:
    """The wide tier around a network (IPv4 /16, IPv6 /32); callers without an address are one."""
    try:
        narrow = ipaddress.ip_network(network)
    except ValueError:
        return network
    wide = _WIDE_IPV4 if isinstance(narrow, ipaddress.IPv4Network) else _WIDE_IPV6
    return str(narrow.supernet(new_prefix=min(wide, narrow.prefixlen)))


def hour_of(epoch_s: float) -> int:
    """Return the hour since 1970 of a moment: the counts of an hour are one document."""
    return int(epoch_s // HOUR_S)
