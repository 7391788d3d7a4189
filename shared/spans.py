"""OpenTelemetry spans of a report's way: request, each service that handles its records, each alert.

Exported by OTLP over HTTP where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; otherwise nothing is imported and nothing is
made. A span is recorded when what it stands for is over, under the trace that the record carries (``shared.trace``), so
that nothing about a report's path depends on tracing. Attributes are places, kinds and outcomes; never a key, an id of
a report, an address, a centre or a person.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from shared import VERSION, trace
from shared.settings import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

MOST_OF_A_BATCH: Final = 100
"""Records of a batch that have spans of their own; a consumer that catches up reads thousands."""
SETTING: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
STOP_SECONDS: Final = 3.0
"""How long a stop waits for the last spans to be exported; a collector that is away must not hold it up."""

Attributes = Mapping[str, str | int]


class SpanKind(Enum):
    """Kinds of span, by OpenTelemetry's names."""

    SERVER = "SERVER"
    CONSUMER = "CONSUMER"
    CLIENT = "CLIENT"


class _Tracing(NamedTuple):
    tracer: Any
    provider: Any
    given_ids: list[int]
    """Trace and span id that the next span takes; empty: ids of its own."""
    api: Any
    """The module ``opentelemetry.trace``."""
    root: Any
    """A context without a span."""


_tracing: _Tracing | None = None


def enabled() -> bool:
    """Return whether spans are exported."""
    return _tracing is not None


def now() -> int:
    """Nanoseconds, as spans count them."""
    return time.time_ns()


def configure(service: str, endpoint: str, exporter: "SpanExporter | None" = None) -> None:
    """Export spans from now on; the first call of a process counts. ``exporter``: another one, for tests.

    Raises ``SettingsError`` where an endpoint is set and the packages are not installed.
    """
    global _tracing  # noqa: PLW0603  # one exporter a process
    if _tracing is not None or not (endpoint or exporter):
        return
    try:
        # ruff: noqa: PLC0415  # imported only where spans are exported
        from opentelemetry import context
        from opentelemetry import trace as api
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    except ImportError:
        said = f"setting {SETTING}: needs packages that are not installed: pip install '.[tracing]' in the project"
        raise SettingsError([said]) from None
    given: list[int] = []

    class GivenIds(RandomIdGenerator):
        """A request's span has the ids that its ``traceparent`` already told everybody."""

        def generate_span_id(self) -> int:
            return given[1] if given else super().generate_span_id()

        def generate_trace_id(self) -> int:
            return given[0] if given else super().generate_trace_id()

    resource = Resource.create({"service.name": f"ieum-{service}", "service.version": VERSION})
    provider = TracerProvider(resource=resource, id_generator=GivenIds(), shutdown_on_exit=True)
    address = f"{endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint=address)))
    _tracing = _Tracing(provider.get_tracer("ieum", VERSION), provider, given, api, context.Context())


def shut_down() -> None:
    """Export what is left, for at most ``STOP_SECONDS``, and stop."""
    global _tracing  # noqa: PLW0603  # one exporter a process
    if _tracing is not None:
        exporting = threading.Thread(target=_tracing.provider.shutdown, name="spans", daemon=True)
        exporting.start()
        exporting.join(STOP_SECONDS)
        _tracing = None


def record_request(traceparent: str, method: str, route: str, status: int, started: int) -> None:
    """The span of a request, which is the root of its trace: it has the ids of ``traceparent``."""
    if _tracing is None or (context := _context(_tracing, traceparent)) is None:
        return
    attributes: Attributes = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    _tracing.given_ids[:] = context.trace_id, context.span_id
    try:
        span = _start(_tracing, f"{method} {route}", SpanKind.SERVER, started, attributes)
    finally:
        _tracing.given_ids.clear()
    _end(_tracing, span, failed=status >= 500)  # noqa: PLR2004  # HTTP's own number


def record_child(
    name: str, kind: SpanKind, traceparent: str, started: int, attributes: Attributes, *, failed: bool
) -> None:
    """A span below the one that ``traceparent`` names."""
    if _tracing is None or (context := _context(_tracing, traceparent)) is None:
        return
    _end(_tracing, _start(_tracing, name, kind, started, attributes, parent=context), failed=failed)


def record_batch(group: str, records: Sequence[tuple[str, str]], started: int) -> None:
    """A batch that a consumer group is done with: one span with a link to each record, one below each record's trace.

    ``records``: topic and ``traceparent`` of each.
    """
    if _tracing is None:
        return
    told = [(topic, context) for topic, parent in records[:MOST_OF_A_BATCH] if (context := _context(_tracing, parent))]
    about = {"messaging.system": "kafka", "messaging.consumer.group.name": group}
    number = {"messaging.batch.message_count": len(records)}
    links = [context for _, context in told]
    batch = _start(_tracing, f"{group} batch", SpanKind.CONSUMER, started, {**about, **number}, links=links)
    for topic, context in told:
        attributes = {**about, "messaging.destination.name": topic}
        links = [batch.get_span_context()]
        name = f"{group} {topic}"
        _end(_tracing, _start(_tracing, name, SpanKind.CONSUMER, started, attributes, parent=context, links=links))
    _end(_tracing, batch)


def _start(
    tracing: _Tracing,
    name: str,
    kind: SpanKind,
    started: int,
    attributes: Attributes,
    *,
    parent: "SpanContext | None" = None,
    links: Sequence["SpanContext"] = (),
) -> Any:  # noqa: ANN401  # OpenTelemetry's, known only where it is installed
    api, below = tracing.api, tracing.root
    if parent is not None:
        below = api.set_span_in_context(api.NonRecordingSpan(parent), tracing.root)
    linked = [api.Link(context) for context in links]
    return tracing.tracer.start_span(name, below, api.SpanKind[kind.value], attributes, linked, started)


def _end(tracing: _Tracing, span: Any, *, failed: bool = False) -> None:  # noqa: ANN401  # as above
    if failed:
        span.set_status(tracing.api.StatusCode.ERROR)
    span.end()


def _context(tracing: _Tracing, traceparent: str) -> "SpanContext | None":
    if trace.accept(traceparent) != traceparent:
        return None  # a record that is not ours
    _, trace_id, span_id, flags = traceparent.split("-")
    api = tracing.api
    found: SpanContext = api.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=api.TraceFlags(int(flags, 16))
    )
    return found
