"""Whom a caller is counted as, and whether it is on this very machine. Addresses come from the server, not a header."""

import ipaddress
from typing import Final

_IPV4_PREFIX: Final = 24
_IPV6_PREFIX: Final = 48
_FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip")


def network_of(host: str | None) -> str:
    """The network a caller is counted under: IPv4 by /24, IPv6 by /48; callers without an address are one."""
    plain = _address(host)
    if plain is None:
        return "unknown"
    prefix = _IPV4_PREFIX if isinstance(plain, ipaddress.IPv4Address) else _IPV6_PREFIX
    return str(ipaddress.ip_network((plain, prefix), strict=False))


def is_local(host: str | None, header_names: frozenset[str]) -> bool:
    """Return whether a request was made on this machine: from loopback, and not handed on by a proxy beside us."""
    plain = _address(host)
    return plain is not None and plain.is_loopback and header_names.isdisjoint(_FORWARDED)


def _address(host: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
