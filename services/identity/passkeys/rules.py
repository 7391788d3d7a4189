"""Where passkeys work, who must have one, and which of their answers count."""

from collections.abc import Collection
from datetime import timedelta
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from services.identity.accounts.models import Account, Factor
from shared.identity.roles import StaffRole

CHALLENGE_LASTS: Final = timedelta(minutes=5)
REGISTRATION_LASTS: Final = timedelta(minutes=10)
"""How long after both factors were right a missing passkey may be registered."""
MOST: Final = 10
NAME_LENGTH: Final = 40


class RelyingParty(NamedTuple):
    """For whom passkeys are made: the host's name, and the one origin whose pages may use them."""

    id: str
    origin: str


def relying_party(address: str) -> RelyingParty | None:
    """The relying party of a public address; None where browsers make no passkeys: plain http, or an IP address."""
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    if not host or _is_ip(host):
        return None
    if parts.scheme != "https" and not (parts.scheme == "http" and host == "localhost"):
        return None
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return RelyingParty(host, f"{parts.scheme}://{host}{port}")


def must_have_one(account: Account, roles: Collection[StaffRole]) -> bool:
    """Return whether an account signs in with a passkey; people of the OpenID provider have their factors there."""
    return not account.external and not set(roles).isdisjoint(account.roles)


def refusal(account: Account, shown: Factor, roles: Collection[StaffRole]) -> str | None:
    """Return why a person is not signed in although both factors were right.

    ``passkey_needed``: they have one and did not use it. ``passkey_missing``: they have none yet, or lost it, which is
    what a recovery code is for; they register one first.
    """
    if shown is Factor.PASSKEY or not must_have_one(account, roles):
        return None
    if account.passkeys and shown is not Factor.RECOVERY:
        return "passkey_needed"
    return "passkey_missing"


def goes_on(before: int, after: int) -> bool:
    """Return whether a counter of signatures goes on from the last one; authenticators that do not count say 0."""
    return after > before or before == after == 0


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
