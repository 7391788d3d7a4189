"""Asks an application without a socket; an endless stream is left as soon as it has begun."""

import asyncio
from typing import Any
from urllib.parse import unquote

import httpx

Scope = dict[str, Any]
Message = dict[str, Any]


class FirstAnswer(httpx.AsyncBaseTransport):
    """Like httpx's own transport for ASGI, which would wait for the end of a stream of events."""

    def __init__(self, app: Any, client: tuple[str, int] = ("127.0.0.1", 40000)) -> None:
        self._app = app
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = b"".join([part async for part in request.stream])
        answer = _Answer(body)
        task = asyncio.create_task(self._app(self._scope(request), answer.receive, answer.send))
        done = asyncio.create_task(answer.complete.wait())
        await asyncio.wait({task, done}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.complete.is_set():
            done.cancel()
            task.result()
        answer.left.set()
        if answer.endless:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return httpx.Response(answer.status, headers=answer.headers, content=b"".join(answer.parts))

    def _scope(self, request: httpx.Request) -> Scope:
        raw_path = request.extensions.get("raw_path", request.url.raw_path).split(b"?")[0]
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": unquote(raw_path.decode()),
            "raw_path": raw_path,
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port),
            "client": self._client,
            "root_path": "",
        }


class _Answer:
    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.endless = False
        self.complete = asyncio.Event()
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
            kind = dict(self.headers).get(b"content-type", b"")
            self.endless = kind.startswith(b"text/event-stream")
            if self.endless:
                self.complete.set()
            return
        self.parts.append(message.get("body", b""))
        if not message.get("more_body"):
            self.complete.set()
