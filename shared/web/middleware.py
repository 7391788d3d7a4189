"""ASGI middleware of every service: trace, security headers, body limit, same-origin check, metrics, error responses.

Plain ASGI: a few microseconds per request, since reports are accepted through it.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import log, spans, trace
from shared.metrics import REGISTRY
from shared.web.form_body import FORM_TYPE
from shared.web.json_body import media_type
from shared.web.problems import Problem, encoded, too_large, unexpected, wrong_content_type
from shared.web.problems import response as problem_response
from shared.web.same_origin import check as check_origin
from shared.web.translations import Translator, gettext_noop

REQUESTS = Counter(
    "ieum_http_requests", "Requests by route template.", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "ieum_http_request_duration_seconds",
    "Seconds until the last byte of an answer left, by route template of the API, other for pages; no stream or wait.",
    ["route"],
    registry=REGISTRY,
    buckets=(0.01, 0.05, 0.25, 1, 5),
)
"""Few series: a histogram by route, method and 15 buckets was 2,100 of intake's 2,480."""
_OTHER: Final = "other"
_API: Final = "/api/"

_OF_MACHINES: Final = frozenset({"/metrics", "/health/live", "/health/ready", "(none)"})
"""Asked every few seconds: no trace is about them."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_TYPE: Final = 200
_HSTS: Final = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")

BODY_S: Final = 60.0
"""How long a body may take whatever has come of it: a lift or a tunnel on the way does not cost the report."""
BODY_BYTES_PER_S: Final = 500.0
"""Each so many bytes give a body one second more (as ``mod_reqtimeout`` counts): the worst phone network that still
answers is faster. Who sends a byte now and then to hold a connection is cut off after about a minute, and whoever keeps
up this pace after all that a body may have."""
FORM_QUOTED: Final = 3
"""A browser writes a byte of a form with up to three, Korean always: so a form may have so many times the limit. What
is typed in it may have the limit itself, as ``form_body`` sees to."""

Render = Callable[[Request, Problem], Response]

_HEAD: Final = "ieum.head"
COOKIES: Final = "cookies_to_set"
"""In ``request.state``: values of ``Set-Cookie`` for whatever answer comes, set where a session was renewed."""

HELD: Final = "held"
"""In ``request.state``: True where the answer may wait until something changes: how long it took says nothing."""

RATE_LIMIT: Final = "rate_limit"
"""In ``request.state``: ``RateLimitHeaders`` for whatever answer comes, set where a caller has a quota."""
RateLimitHeaders = tuple[str, str]
"""The values of ``RateLimit-Policy`` and ``RateLimit``."""


def security_headers(form_action: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """The headers of every answer. ``form_action`` names further origins that forms may post to."""
    policy = "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            " ".join(("form-action 'self'", *form_action)),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"),
        (b"cross-origin-opener-policy", b"same-origin"),
        # Another host of the domain is the same site: a browser sends it our strict cookies along.
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


def only_head(request: Request) -> bool:
    """Return whether only the head of an answer was asked for: then a GET that changes something must not do it."""
    return bool(request.scope.get(_HEAD))


class EdgeMiddleware:
    """The outermost layer. An answer that already carries one of the headers keeps its own."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        headers: list[tuple[bytes, bytes]],
        max_body_bytes: int,
        own_origins: frozenset[str],
        render: Render,
        form_quoted: int = 1,
        always_https: bool = False,
        body_s: float = BODY_S,
        body_bytes_per_s: float = BODY_BYTES_PER_S,
    ) -> None:
        """``own_origins`` may post here with a sign-in cookie; ``render`` turns a problem into an answer.

        ``form_quoted``: a form may have so many times ``max_body_bytes``, see ``FORM_QUOTED``.
        ``body_s``: seconds within which a body must have arrived, and one more for each ``body_bytes_per_s`` bytes.
        ``always_https``: browsers reach us by https although the proxy before us speaks http to us.
        """
        self._always_https = always_https
        self._body_s = body_s
        self._body_bytes_per_s = body_bytes_per_s
        self._app = app
        self._headers = headers
        self._names = frozenset(name for name, _ in headers)
        self._limit = max_body_bytes
        self._form_limit = max_body_bytes * form_quoted
        self._own_origins = own_origins
        self._render = render
        self._log = log.get("shared.web")
        self._counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, began = time.perf_counter(), spans.now()
        # One for all layers: what an Authorizer sets there is found again when the answer starts.
        scope.setdefault("state", {})
        scope = _without_foreign_cookies(scope)
        given = dict(reversed(scope["headers"]))  # of two of one name the first counts, as for whoever reads them later
        # Never the caller's: a trace stays on the topics for ever, and theirs may name their device or their session.
        traceparent = trace.new_traceparent()
        trace.bind(traceparent)
        status = 0
        streamed = False
        method = scope["method"]
        # HEAD is GET without the body (RFC 9110, 9.3.2), on every route. The server goes on to see HEAD.
        asked = {**scope, "method": "GET", _HEAD: True} if method == "HEAD" else scope

        async def finish(message: Message) -> None:
            nonlocal status, streamed
            if message["type"] == "http.response.start":
                status = message["status"]
                streamed = self._dress(message, traceparent, scope)
            elif method == "HEAD":
                if message.get("more_body"):
                    raise _AnsweredError  # the rest of a stream need not be made
                return
            await send(message)
            if method == "HEAD":
                await send({"type": "http.response.body"})

        async def gone() -> Message:
            """A response to HEAD is complete once it has begun: a stream ends."""
            return {"type": "http.disconnect"} if status else await receive()

        try:
            problem = self._refusal(scope, given)
            if problem is not None:
                await self._render(Request(asked), problem)(asked, receive, finish)
            else:
                limited = (
                    (gone if method == "HEAD" else receive)
                    if method in _NO_BODY
                    else self._limited(receive, self._limit_of(given))
                )
                await self._app(asked, limited, finish)
        except _AnsweredError:
            pass
        except Exception as error:  # the last net: whatever it is, it must not end the process or be shown
            self._report(asked, error)
            if status:
                raise _CutOffError from None
            await self._error_response(Request(asked))(asked, receive, finish)
        finally:
            held = scope["state"].get(HELD, False)
            timed = not streamed and not held
            self._count(asked, method, status, time.perf_counter() - started if timed else None)
            if spans.enabled() and not held and (route := route_of(asked)) not in _OF_MACHINES:
                spans.record_request(traceparent, method if method in _METHODS else "OTHER", route, status, began)

    def _dress(self, message: Message, traceparent: str, scope: Scope) -> bool:
        """Adds the headers; says whether the answer is an endless stream."""
        headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
        present = self._names.intersection([name for name, _ in headers])
        headers.extend(h for h in self._headers if h[0] not in present) if present else headers.extend(self._headers)
        headers.append((b"traceparent", traceparent.encode()))
        if (quota := scope["state"].get(RATE_LIMIT)) is not None:
            headers.append((b"ratelimit-policy", quota[0].encode()))
            headers.append((b"ratelimit", quota[1].encode()))
        headers.extend((b"set-cookie", cookie) for cookie in scope["state"].get(COOKIES, ()))
        if scope["scheme"] == "https" or self._always_https:
            headers.append(_HSTS)
        message["headers"] = headers
        return any(n == b"content-type" and v.startswith(b"text/event-stream") for n, v in headers)

    def _refusal(self, scope: Scope, given: dict[bytes, bytes]) -> Problem | None:
        if scope["method"] in _NO_BODY:
            return None
        length, limit = given.get(b"content-length", b"0"), self._limit_of(given)
        if not length.isdigit() or int(length) > limit:
            return too_large(limit)
        if given.get(b"content-encoding", b"identity").strip().lower() not in {b"", b"identity"}:
            return encoded()
        if _is_read_against_our_will(given):
            return wrong_content_type()
        cookies = b";".join(value for name, value in scope["headers"] if name == b"cookie")
        return check_origin(scope["scheme"], given, self._own_origins, scope["path"], cookies)

    def _limit_of(self, given: dict[bytes, bytes]) -> int:
        return self._form_limit if _media_type(given) == FORM_TYPE else self._limit

    def _limited(self, receive: Receive, limit: int) -> Receive:
        # Counts what really arrives: a chunked body announces no length, and a slow one holds its connection.
        left, whole, due = limit, False, 0.0

        async def counted() -> Message:
            nonlocal left, whole, due
            if whole:
                return await receive()  # waits for the caller to leave, however long an answer takes
            due = due or asyncio.get_running_loop().time() + self._body_s
            try:
                async with asyncio.timeout_at(due):
                    message = await receive()
            except TimeoutError:
                raise self._too_slow() from None
            if message["type"] == "http.request":
                whole = not message.get("more_body", False)
                came = len(message.get("body", b""))
                left -= came
                due += came / self._body_bytes_per_s
                if left < 0:
                    raise too_large(limit)
            elif message["type"] == "http.disconnect":
                raise self._too_slow()  # nobody reads it, and it counts as no fault of this service
            return message

        return counted

    def _too_slow(self) -> Problem:
        return Problem(
            408,
            "too_slow",
            gettext_noop("What you sent came too slowly to be read. Please send it again."),
            headers={"Connection": "close"},
        )

    def _report(self, scope: Scope, error: BaseException) -> None:
        # Type and places only: a message may quote what a person wrote (pydantic's does).
        frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-8:]]
        self._log.error("http.failed", route=route_of(scope), error=type(error).__qualname__, frames=frames)

    def _error_response(self, request: Request) -> Response:
        try:
            return self._render(request, unexpected())
        except Exception as error:  # the page itself may be what is broken
            self._report(request.scope, error)
            return problem_response(unexpected(), Translator("en"))

    def _count(self, scope: Scope, method: str, status: int, seconds: float | None) -> None:
        method = method if method in _METHODS else "OTHER"
        key = (method, route_of(scope), status)
        pair = self._counters.get(key)
        if pair is None:
            pair = (
                REQUESTS.labels(method, key[1], str(status)),
                SECONDS.labels(key[1] if key[1].startswith(_API) else _OTHER),
            )
            self._counters[key] = pair
        pair[0].inc()
        if seconds is not None:
            pair[1].observe(seconds)


def _without_foreign_cookies(scope: Scope) -> Scope:
    """Leave out cookies that are not ASCII, as all of ours are, and those with a backslash, as none of ours has.

    Python takes the bytes 85 and A0 for blanks and would read a name behind one of them as ours. A browser does not:
    any host of the domain may set such a name, although none but this one may set one that begins with ``__Host-``.
    And backslashes keep Pythons before 3.11.10 and 3.12.6 busy for the square of their number: 60,000 for ten seconds.
    """
    if all(_may_be_ours(value) for name, value in scope["headers"] if name == b"cookie"):
        return scope
    return {
        **scope,
        "headers": [
            (name, b";".join(pair for pair in value.split(b";") if _may_be_ours(pair)) if name == b"cookie" else value)
            for name, value in scope["headers"]
        ],
    }


def _may_be_ours(cookies: bytes) -> bool:
    return cookies.isascii() and b"\\" not in cookies


class _AnsweredError(Exception):
    """Ends the making of an answer to HEAD, which is complete."""


class _CutOffError(Exception):
    """Ends a connection whose answer had begun; carries nothing of the cause, which is logged already."""


def _is_read_against_our_will(given: dict[bytes, bytes]) -> bool:
    """Whether FastAPI would read a body of a type that no page and no client of ours sends.

    Parts of a form (``multipart/form-data``) may be in any encoding that Python knows: reading some takes the square of
    their length, and each name that is no encoding is kept in memory for ever. To take a type apart takes the square of
    its length as well.
    """
    kind = _media_type(given)
    long = len(given.get(b"content-type", b"")) > _LONGEST_TYPE
    return long or kind.endswith("+json") or kind.startswith("multipart/")


def _media_type(given: dict[bytes, bytes]) -> str:
    return media_type(given.get(b"content-type", b"").decode("latin-1"))


def route_of(scope: Scope) -> str:
    """The route's template, never the address itself: an address may hold an id."""
    context: Any = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    path = getattr(context, "path", None)
    return path if isinstance(path, str) else "(none)"
