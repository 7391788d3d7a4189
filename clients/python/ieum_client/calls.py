"""Builds requests, judges answers, and decides what is sent again. No I/O: both clients drive it.

A call is a generator. It yields a ``Request`` and is given the ``Reply``, or ``None`` and whether the request may have
arrived; it yields seconds and is resumed after them; it returns the answer or raises an ``IeumError``.
"""

import json
import uuid
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar, cast

from pydantic import ValidationError

from ieum_client.errors import NotReachedError, RefusedError, UnexpectedAnswerError
from ieum_client.models import OPERATIONS, Answer
from ieum_client.rate_limit import RateLimit, rate_limit_of

A = TypeVar("A", bound=Answer)

_REFUSED_FROM: Final = 400
_SERVER_ERROR: Final = 500
_NOT_DONE: Final = frozenset({408, 429, 503})
"""Refused before anything was done: any request may be sent again."""
_UNKNOWN: Final = frozenset({502, 504})
"""Of something on the way; the request may have been carried out."""
_DEFECT: Final = frozenset({"internal_error", "unknown"})
"""Codes of a 500 after which trying again may help. Any other is a verdict on the report: a person has to look."""


class RetryPolicy(NamedTuple):
    """How long a call goes on trying."""

    attempts: int = 5
    first_pause_s: float = 0.5
    """Doubled each time, and up to a quarter longer by chance."""
    longest_pause_s: float = 30.0
    """The longest wait before a retry; if told to come back later, ``RefusedError`` has ``retry_after``."""


class Request(NamedTuple):
    """One request, with the headers of its own."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes | None


class Reply(NamedTuple):
    """A response. Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class NoReply(NamedTuple):
    """None came back."""

    error: str
    sent: bool
    """Whether the request may have arrived."""


Outcome = Reply | NoReply
Steps = Generator[Request | float, Outcome | None, A]


class Call(NamedTuple):
    """One operation with its arguments."""

    operation: str
    body: Mapping[str, Any] | None = None
    key: str | None = None
    visitor: str | None = None
    callback: str | None = None


def new_idempotency_key() -> str:
    """A random key: one per report, message, addition or hand-over, kept until there is an answer."""
    return str(uuid.uuid4())


def with_receipt(receipt: str, word: str | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON
    """A body that names a receipt; what is None is left out."""
    return {"receipt": receipt, **{name: value for name, value in {"word": word, **more}.items() if value is not None}}


def steps(
    call: Call, answer: type[A], policy: RetryPolicy, chance: Callable[[], float], note: Callable[[RateLimit], None]
) -> Steps[A]:
    """Carry a call out. ``chance`` gives 0 to 1; ``note`` is told what is left of the rate limit."""
    if OPERATIONS[call.operation].keyed and not call.key:
        raise ValueError(f"{call.operation} needs an idempotency key: sent again without one it would be done twice")
    request = _request(call)
    pause = policy.first_pause_s
    for attempt in range(1, policy.attempts + 1):
        is_last = attempt == policy.attempts
        outcome = cast("Outcome", (yield request))
        wait = pause * (1 + chance() / 4)
        if isinstance(outcome, NoReply):
            if is_last or (outcome.sent and not _is_repeatable(call)):
                raise NotReachedError(f"{call.operation}: no answer after {attempt} attempts ({outcome.error})")
        else:
            if (told := rate_limit_of(outcome.headers)) is not None:
                note(told)
            if outcome.status < _REFUSED_FROM:
                return _read(call, outcome, answer)
            refused = _refused(outcome)
            if is_last or not _may_repeat(call, refused) or (refused.retry_after or 0) > policy.longest_pause_s:
                raise refused
            wait = max(wait, refused.retry_after or 0)
        yield min(wait, policy.longest_pause_s)
        pause *= 2
    raise ValueError("a policy needs at least one attempt")


def _request(call: Call) -> Request:
    operation = OPERATIONS[call.operation]
    headers = {"Accept": "application/json"}
    if call.key is not None:
        headers["Idempotency-Key"] = call.key
    if call.visitor is not None:
        headers["Ieum-Visitor"] = call.visitor
    if call.callback is not None:
        headers["Ieum-Callback"] = call.callback
    if call.body is None:
        return Request(operation.method, operation.path, headers, None)
    headers["Content-Type"] = "application/json"
    content = json.dumps(call.body, ensure_ascii=False, default=_iso).encode()
    return Request(operation.method, operation.path, headers, content)


def _iso(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    raise TypeError(f"cannot send a {type(value).__name__}; times need a time zone")


def _is_repeatable(call: Call) -> bool:
    """Return whether a request that may have been carried out can be sent again and be answered as the first time.

    With a key it is; a first word would be in its own way (``word_waits``), and so would a destruction.
    """
    if call.operation == "set_word":
        return False
    return not (call.operation == "withdraw_report" and (call.body or {}).get("at_once"))


def _may_repeat(call: Call, refused: RefusedError) -> bool:
    if refused.status in _NOT_DONE:
        return True
    unknown = refused.status in _UNKNOWN or (refused.status == _SERVER_ERROR and refused.code in _DEFECT)
    return unknown and _is_repeatable(call)


def _refused(reply: Reply) -> RefusedError:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip()
    found = _json(reply.content) if kind == "application/problem+json" else None
    after = reply.headers.get("retry-after", "").strip()
    return RefusedError(
        reply.status,
        found if isinstance(found, dict) else {},
        retry_after=float(after) if after.isascii() and after.isdigit() else None,
        rate_limit=rate_limit_of(reply.headers),
    )


def _read(call: Call, reply: Reply, answer: type[A]) -> A:
    if reply.status == OPERATIONS[call.operation].status:
        try:
            return answer.model_validate(_json(reply.content))
        except ValidationError:
            pass  # what it says may be a person's: not repeated
    raise UnexpectedAnswerError(f"{call.operation}: {reply.status} with a body that the API does not have")


def _json(content: bytes) -> object:
    try:
        return cast("object", json.loads(content))
    except (ValueError, RecursionError):
        return None
