"""W3C trace context: one id from the HTTP request through Kafka to the last log line.

Source: https://www.w3.org/TR/trace-context/ (version 00). Only ``traceparent`` is carried;
``tracestate`` is vendor data.
"""

import re
import secrets
from contextvars import ContextVar

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def new_traceparent() -> str:
    """Make a new trace context."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def accept(header: str | None) -> str:
    """A record's trace if its header is well formed, otherwise a new one; never an error.

    Not for requests: the trace of a report stays on its topics for ever, so it is never one that a caller chose.
    """
    if header is not None and _FORM.fullmatch(header):
        return header
    return new_traceparent()


def trace_id(traceparent: str) -> str:
    """The 32 hex digits that all log lines of one trace share."""
    return traceparent[3:35]


def bind(traceparent: str) -> None:
    """Make this the trace of the current task and of what it starts."""
    _current.set(traceparent)


def bound() -> str | None:
    """The trace bound to the current task, if any."""
    return _current.get()


def current() -> str:
    """The trace of the current task, or a new one where none is bound."""
    return _current.get() or new_traceparent()
