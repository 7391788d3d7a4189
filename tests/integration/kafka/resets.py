"""A relay that resets its connections one after the other, as a broker's kernel does when the broker is killed.

``python -m tests.integration.kafka.resets host:port`` prints its own port; each line it reads cuts every connection and
refuses new ones for as many seconds as the line says. A process of its own, so that the moments are its own.
"""

import ctypes
import random
import socket
import struct
import sys
import threading
import time
from contextlib import suppress

GAPS = (0, 20e-6, 50e-6, 100e-6, 200e-6)
"""Seconds between two resets: what matters is that a client's second connection goes a little after its first."""
_UNSPECIFIED = struct.pack("H14s", socket.AF_UNSPEC, b"")
_LINGER_NOT = struct.pack("ii", 1, 0)
Pair = tuple[socket.socket, socket.socket]


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def reset(one: socket.socket) -> None:
    """Python's own ``connect`` cannot say "to nobody", which is what resets at once, whoever is reading."""
    ctypes.CDLL(None).connect(one.fileno(), _UNSPECIFIED, len(_UNSPECIFIED))


class Relay:
    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._pairs: list[Pair] = []
        self._refuse_until = 0.0
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=200)

    def accept(self) -> None:
        while True:
            client, _ = self.listening.accept()
            if time.monotonic() < self._refuse_until:
                client.close()
                continue
            broker = socket.create_connection(self._target)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._pairs.append((client, broker))
            for source, target in ((client, broker), (broker, client)):
                threading.Thread(target=pump, args=(source, target), daemon=True).start()

    def cut(self, seconds: float) -> None:
        self._refuse_until = time.monotonic() + seconds
        pairs, self._pairs = self._pairs, []
        random.shuffle(pairs)
        gap = random.choice(GAPS)
        for client, _ in pairs:
            reset(client)
            until = time.perf_counter() + gap
            while time.perf_counter() < until:
                pass
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.close()


def main() -> None:
    host, _, port = sys.argv[1].rpartition(":")
    relay = Relay((host, int(port)))
    threading.Thread(target=relay.accept, daemon=True).start()
    sys.stdout.write(f"{relay.listening.getsockname()[1]}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        relay.cut(float(line))


if __name__ == "__main__":
    main()
