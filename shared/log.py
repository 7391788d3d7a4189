"""Structured logs: dotted event names with fields, JSON for machines, colours on a terminal.

No personal data, ever: log ids, versions, counts and codes. aiokafka's own logger is rate-limited, since it floods
during outages.
"""

import logging
import sys
import time

import structlog
from structlog.typing import EventDict, WrappedLogger

from shared import trace

_QUIET_SECONDS = 5.0


class _OncePerWhile(logging.Filter):
    """Lets one record per message template through every few seconds and counts what it held back."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        template = str(record.msg)[:120]
        if now - self._last.get(template, -_QUIET_SECONDS) < _QUIET_SECONDS:
            self._held[template] = self._held.get(template, 0) + 1
            return False
        self._last[template] = now
        if held := self._held.pop(template, 0):
            record.msg = f"{record.msg} (and {held} alike held back)"
        return True


def _with_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    bound = trace.bound()
    if bound is not None:
        event.setdefault("trace_id", trace.trace_id(bound))
    return event


def _flatten_extra(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    extra = event.pop("extra", None)
    if isinstance(extra, dict):
        for name, value in extra.items():
            event.setdefault(name, value)
    return event


def configure(service: str, level: str = "INFO") -> None:
    """Set up logging for this process; called once, by ``main``."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
        _flatten_extra,
        structlog.processors.StackInfoRenderer(),
    ]
    pretty = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    tail: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not pretty:
        # Without locals: they would carry what a person wrote.
        transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        tail.append(structlog.processors.ExceptionRenderer(transformer))
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*tail, renderer])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("aiokafka", "aiokafka.conn", "aiokafka.consumer", "aiokafka.producer", "aiokafka.cluster"):
        logging.getLogger(name).setLevel(logging.WARNING)
    handler.addFilter(_only_for("aiokafka", _OncePerWhile()))
    # pymongo's DEBUG repeats whole commands, httpx says each request.
    for name in ("uvicorn.access", "pymongo", "motor", "aiosmtplib", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def _only_for(prefix: str, inner: logging.Filter) -> logging.Filter:
    class _Scoped(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            return bool(inner.filter(record)) if record.name.startswith(prefix) else True

    return _Scoped()


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
