"""Which sign-ins at the provider count, and over which addresses it is asked."""

from typing import Final
from urllib.parse import urlsplit

_POSSESSION: Final = frozenset({"mfa", "otp", "hwk", "swk", "sc"})
"""Of the methods of RFC 8176: several factors, a one-time code, a key in hardware or software, a smart card."""
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def has_second_factor(acr: object, amr: object, wanted_acr: str) -> bool:
    """Whether an ID token attests a second factor.

    With ``wanted_acr``, the context must be that one. Without, the methods must name something the person has: the
    context of a provider that nobody told us about says nothing.
    """
    if wanted_acr:
        return acr == wanted_acr
    return isinstance(amr, list) and any(isinstance(method, str) and method in _POSSESSION for method in amr)


def is_confidential(address: str, *, plain_http_here: bool) -> bool:
    """Whether what is sent to an address is encrypted; ``plain_http_here``: or stays on this machine, for tests."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (plain_http_here and parts.scheme == "http" and parts.hostname in _HERE)
