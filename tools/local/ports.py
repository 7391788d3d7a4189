"""Free and taken TCP ports on the loopback address."""

import functools
import os
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LOWEST, _HIGHEST = 20_000, 32_000
_BLOCK = 300
"""So many ports belong to one process that chooses some: a port of what is just being restarted is not chosen again."""
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


def is_open(port: int) -> bool:
    """Return whether a server accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_port() -> int:
    """A free port that neither the system gives to an outgoing connection nor another process takes by this function.

    From the system's own range a client that keeps connecting to a dead server's port can be given that very port,
    connects to itself, and keeps the server from coming back. And seconds pass until the server for which a port is
    chosen listens there: tests that run side by side must not choose the same one meanwhile.
    """
    block, highest = _block_of(os.getpid()), _end()
    for _ in range(_BLOCK):
        port = block.next_port() if block else random.randrange(_LOWEST, highest)  # noqa: S311  # no secret
        if is_free(port):
            return port
    raise PortTakenError(f"found no free port among {_BLOCK} between {_LOWEST} and {highest}: stop what uses them")


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


def _end() -> int:
    """Where our ports end: below the system's own, unless that leaves us none."""
    outgoing = _first_outgoing_port()
    return min(_HIGHEST, outgoing) if outgoing >= _LOWEST + _BLOCK else _HIGHEST


@dataclass(slots=True)
class _Block:
    """Ports that one process gives out, one after the other; it holds the first of them as long as it lives."""

    held: socket.socket
    given: int = 0

    def next_port(self) -> int:
        """Any but the first."""
        self.given += 1
        first: int = self.held.getsockname()[1]
        return first + 1 + self.given % (_BLOCK - 1)


@functools.cache
def _block_of(pid: int) -> _Block | None:
    """Of this process; a fork must not give out the ports of its parent. None where all are held: by forty others."""
    del pid
    held = _hold_first_of_a_block()
    return _Block(held) if held else None


def _hold_first_of_a_block() -> socket.socket | None:
    """Bind the first port of a block that nobody holds."""
    firsts = list(range(_LOWEST, _end() - _BLOCK + 1, _BLOCK))
    random.shuffle(firsts)
    for first in firsts:
        held = socket.socket()
        try:
            held.bind((LOOPBACK, first))
        except OSError:
            held.close()
        else:
            return held
    return None
