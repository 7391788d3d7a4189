"""A server on this machine that answers what a case says, and remembers what it was asked."""

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Case = dict[str, Any]


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class Stub:
    """Cases by the first part of their address: each client that runs one has an address of its own."""

    def __init__(self, port: int) -> None:
        self.asked: dict[str, list[Asked]] = defaultdict(list)
        self._cases: dict[str, Case] = {}
        self._port = port
        self.over = threading.Event()

    def address(self, name: str, case: Case) -> str:
        self._cases[name] = case
        return f"http://127.0.0.1:{self._port}/{name}"

    def reply(self, asked: Asked) -> dict[str, Any]:
        _, name, path = asked.path.split("/", 2)
        earlier = self.asked[name]
        earlier.append(asked._replace(path=f"/{path}"))
        replies: list[dict[str, Any]] = self._cases[name]["replies"]
        return replies[min(len(earlier), len(replies)) - 1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: Stub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.stub.reply(Asked(self.command, self.path, headers, body))
        if reply.get("silent"):
            self.stub.over.wait(20)
        if reply.keys() & {"silent", "lost"}:
            self.close_connection = True
            return
        status, content, headers = answer_of(reply)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) + (9 if reply.get("cut") else 0)))
        self.end_headers()
        if reply.get("drips"):
            self._drip(content)
            return
        self.wfile.write(content)
        if reply.get("cut"):
            self.close_connection = True

    def _drip(self, content: bytes) -> None:
        """A byte now and then, until the client has gone."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            for byte in content:
                self.wfile.write(bytes([byte]))
                if self.stub.over.wait(0.05):
                    return

    do_GET = do_POST  # noqa: N815  # names that http.server looks for

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def answer_of(reply: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
    headers = dict(reply.get("headers", {}))
    if "problem" in reply:
        status, code = reply["problem"]
        found = {"type": f"/problems#{code}", "title": "t", "status": status, "detail": "d", "code": code}
        headers.setdefault("Content-Type", "application/problem+json")
        return status, json.dumps({**found, **reply.get("more", {})}).encode(), headers
    if "text" in reply:
        return reply["status"], reply["text"].encode(), headers
    headers.setdefault("Content-Type", "application/json")
    return reply.get("status", 202), json.dumps(reply.get("json", {})).encode(), headers


@contextlib.contextmanager
def serving() -> Iterator[Stub]:
    class OwnHandler(Handler):
        """Handlers have no constructor of their own to hand the stub to."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), OwnHandler)
    server.daemon_threads = True
    OwnHandler.stub = stub = Stub(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
