"""Connections that can be cut, slowed down and left half-open: one process between the services and their engines.

``python -m tests.chaos.proxy CONTROL NAME:LISTEN:TARGET …`` forwards each port; lines on the control port change one:
``NAME pass``, ``NAME cut``, ``NAME slow LATENCY_S BYTES_PER_S``, ``NAME half-open``. Each is answered with ``ok``.

It is ours and not Toxiproxy, whose faults these are: that is a binary built with Go, which CI's machine does not have.
"""

import asyncio
import contextlib
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self

from tests.support.waiting import DEADLINE_S
from tools.local import ports, processes

_CHUNK: Final = 65_536


class Link:
    """One port and what becomes of what goes through it."""

    def __init__(self, target: int) -> None:
        """Everything passes at first."""
        self._target = target
        self._open = asyncio.Event()
        self._open.set()
        self._is_cut = False
        self._delay: tuple[float, ...] = ()
        self._writers: set[asyncio.StreamWriter] = set()

    def change(self, mode: str, *numbers: float) -> None:
        """Become ``pass``, ``cut``, ``slow`` (latency, bytes a second) or ``half-open``."""
        self._is_cut = mode == "cut"
        self._delay = numbers
        if mode == "half-open":
            self._open.clear()
        else:
            self._open.set()
        if self._is_cut:
            for writer in self._writers:
                _reset(writer)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        if self._is_cut:
            _reset(writer)
            return
        self._writers.add(writer)
        await self._open.wait()
        try:
            there, back = await asyncio.open_connection(ports.LOOPBACK, self._target)
        except OSError:
            _reset(writer)
            self._writers.discard(writer)
            return
        self._writers.add(back)
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._writers -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._open.wait()
                if self._delay:
                    latency_s, bytes_per_s = self._delay
                    await asyncio.sleep(latency_s + len(data) / bytes_per_s)  # a slow line is the fault
                writer.write(data)
                await writer.drain()
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset, as a firewall or a dead host does; an orderly end would be another fault."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Route(NamedTuple):
    """Where clients connect, and where that leads."""

    listen: int
    target: int


class Proxies:
    """The process, seen from the test. Synchronous; ends with this process."""

    def __init__(self, routes: Mapping[str, Route], log: Path) -> None:
        """Nothing runs yet."""
        self._routes = routes
        self._log = log
        self._control = ports.free_port()
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Return once every port is open."""
        links = [f"{name}:{route.listen}:{route.target}" for name, route in self._routes.items()]
        command = [sys.executable, "-m", "tests.chaos.proxy", str(self._control), *links]
        self._child = processes.start(command, log=self._log, env=processes.base_environment())
        until = time.monotonic() + DEADLINE_S
        while not ports.is_open(self._control):
            if self._child.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the proxies did not start; see {self._log}")
            time.sleep(0.05)  # the poll of a wait with a deadline
        return self

    def stop(self) -> None:
        """End it, and every connection with it."""
        if self._child is not None:
            processes.kill(self._child)

    def change(self, name: str, mode: str, *numbers: float) -> None:
        """Change a link; returns when that is done."""
        with socket.create_connection((ports.LOOPBACK, self._control), timeout=DEADLINE_S) as control:
            control.sendall(" ".join((name, mode, *map(str, numbers))).encode() + b"\n")
            if control.recv(16) != b"ok\n":
                raise RuntimeError(f"{name} did not become {mode}; see {self._log}")


async def _serve(control: int, links: Mapping[str, tuple[int, Link]]) -> None:
    async def command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if line := (await reader.readline()).decode().split():
            links[line[0]][1].change(line[1], *map(float, line[2:]))
            writer.write(b"ok\n")
        writer.close()

    for listen, link in links.values():
        await asyncio.start_server(link.accept, ports.LOOPBACK, listen)
    server = await asyncio.start_server(command, ports.LOOPBACK, control)
    await server.serve_forever()


async def _main(control: int, described: list[str]) -> None:
    split = (one.rsplit(":", 2) for one in described)
    await _serve(control, {name: (int(listen), Link(int(target))) for name, listen, target in split})


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2:]))
