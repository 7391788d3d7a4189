"""A small HTTP/1.1 load generator: one request in flight per connection, as fast as the answers come."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast


@dataclass(slots=True)
class Tally:
    """What came back: answers by status, and the seconds each took."""

    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    span: float = 0.0

    def rate(self, status: int) -> float:
        """Answers with this status per second."""
        return self.statuses.get(status, 0) / self.span

    def quantile(self, share: float) -> float:
        """Seconds within which this share of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Connection(asyncio.Protocol):
    def __init__(self, request: Callable[[], bytes], tally: Tally, until: float) -> None:
        self._request = request
        self._tally = tally
        self._until = until
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        now = time.perf_counter()
        status = int(head[9:12])
        self._tally.statuses[status] = self._tally.statuses.get(status, 0) + 1
        self._tally.seconds.append(now - self._sent_at)
        self._buffer = b""
        if now < self._until:
            self._send()
        elif self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None
        request = self._request()
        self._sent_at = time.perf_counter()
        self._transport.write(request)


def request_of(host: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of a JSON POST."""
    given = {"Host": host, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode() + body


async def load(port: int, request: bytes | Callable[[], bytes], *, connections: int, seconds: float) -> Tally:
    """Send requests on many connections for a time: the same one over and over, or what the function makes of each."""
    tally = Tally()
    made_of = request if callable(request) else lambda: request
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    until = started + seconds
    made = [
        await loop.create_connection(lambda: _Connection(made_of, tally, until), "127.0.0.1", port)
        for _ in range(connections)
    ]
    async with asyncio.timeout(seconds + 30):
        await asyncio.gather(*(protocol.closed for _, protocol in made))
    tally.span = time.perf_counter() - started
    return tally
