"""Free and taken TCP ports on the loopback address."""

import random
import socket
from collections.abc import Mapping
from pathlib import Path

_LOWEST, _HIGHEST = 20_000, 32_000
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOOPBACK = "127.0.0.1"


class PortTakenError(Exception):
    """A port that is needed is in use; the text names the setting and what to do."""


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_open(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a server accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def free_port() -> int:
    """A free port that the system will not give to an outgoing connection.

    From the system's own range a client that keeps connecting to a dead server's port can be given that very port,
    connects to itself, and keeps the server from coming back.
    """
    for _ in range(1000):
        port = random.randrange(_LOWEST, min(_HIGHEST, _first_outgoing_port()))  # noqa: S311  # no secret
        if is_free(port):
            return port
    raise PortTakenError(f"no free port between {_LOWEST} and {_HIGHEST}")


def free_ports(count: int) -> list[int]:
    """So many different free ports."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


def check(wanted: Mapping[str, int]) -> None:
    """Raise PortTakenError unless each port (by the name of its setting) is free and named once."""
    lines = [
        f"port {port} is in use (setting {setting}): stop what uses it, or set {setting} to another port"
        for setting, port in wanted.items()
        if not is_free(port)
    ]
    seen: dict[int, str] = {}
    for setting, port in wanted.items():
        if port in seen:
            lines.append(f"port {port} is wanted twice, by {seen[port]} and {setting}: set one of them to another port")
        seen.setdefault(port, setting)
    if lines:
        raise PortTakenError("\n".join(lines))


def _first_outgoing_port() -> int:
    try:
        return int(_RANGE_FILE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _HIGHEST
