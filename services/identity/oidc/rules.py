"""Which sign-ins at the provider count, and over which addresses it is asked."""

from typing import Final
from urllib.parse import urlsplit

_POSSESSION: Final = frozenset({"mfa", "otp", "hwk", "swk", "sc"})
"""Of the methods of RFC 8176: several factors, a one-time code, a key in hardware or software, a smart card."""
LEEWAY_S: Final = 60
"""The provider's clock may be so far off."""
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def has_second_factor(acr: object, amr: object, wanted_acr: str) -> bool:
    """Whether an ID token attests a second factor.

    With ``wanted_acr``, the context must be that one. Without, the methods must name something the person has: the
    context of a provider that nobody told us about says nothing.
    """
    if wanted_acr:
        return acr == wanted_acr
    return isinstance(amr, list) and any(isinstance(method, str) and method in _POSSESSION for method in amr)


def shown_at(auth_time: object, since: int, now: int) -> int | None:
    """When the provider asked for the factors (``auth_time``), in seconds since 1970.

    None where it does not say, or where that was before ``since`` or is still to come.
    """
    if isinstance(auth_time, bool) or not isinstance(auth_time, int | float):
        return None
    return min(int(auth_time), now) if since - LEEWAY_S <= auth_time <= now + LEEWAY_S else None


def is_confidential(address: str, *, plain_http_here: bool) -> bool:
    """Whether what is sent to an address is encrypted; ``plain_http_here``: or stays on this machine, for tests."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (plain_http_here and parts.scheme == "http" and parts.hostname in _HERE)
