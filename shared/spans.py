"""OpenTelemetry spans of a report's way: request, each service that handles its records, each alert.

Exported by OTLP over HTTP where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; otherwise nothing is imported and nothing is
made. A span is recorded when what it stands for is over, under the trace that the record carries (``shared.trace``), so
that nothing about a report's path depends on tracing. Attributes are places, kinds and outcomes; never a key, an id of
a report, an address, a centre or a person.
"""

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

Attributes = Mapping[str, str | int]


class Kind(Enum):
    """What a span stands for, by OpenTelemetry's names."""

    SERVER = "SERVER"
    CONSUMER = "CONSUMER"
    CLIENT = "CLIENT"


class _Tracing(NamedTuple):
    tracer: Any
    provider: Any
    given_ids: list[int]
    """Trace and span id that the next span takes; empty: ids of its own."""


_tracing: _Tracing | None = None


def enabled() -> bool:
    """Whether spans are exported."""
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
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415
    except ImportError:
        said = f"setting {SETTING}: needs packages that are not installed; install them: pip install 'ieum[tracing]'"
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
    _tracing = _Tracing(provider.get_tracer("ieum", VERSION), provider, given)


def shut_down() -> None:
    """Export what is left and stop."""
    global _tracing  # noqa: PLW0603
    if _tracing is not None:
        _tracing.provider.shutdown()
        _tracing = None


def record_request(traceparent: str, method: str, route: str, status: int, started: int) -> None:
    """The span of a request, which is the root of its trace: it has the ids of ``traceparent``."""
    if _tracing is None or (context := _context(traceparent)) is None:
        return
    attributes = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    _tracing.given_ids[:] = context.trace_id, context.span_id
    try:
        span = _tracing.tracer.start_span(
            f"{method} {route}", _root(), _kind(Kind.SERVER), attributes, start_time=started
        )
    finally:
        _tracing.given_ids.clear()
    _end(span, failed=status >= 500)  # noqa: PLR2004  # HTTP's own number


def record_child(
    name: str, kind: Kind, traceparent: str, started: int, attributes: Attributes, *, failed: bool
) -> None:
    """A span below the one that ``traceparent`` names."""
    if _tracing is None or (context := _context(traceparent)) is None:
        return
    _end(_tracing.tracer.start_span(name, _below(context), _kind(kind), attributes, start_time=started), failed=failed)


def record_batch(group: str, records: Sequence[tuple[str, str]], started: int) -> None:
    """A batch that a consumer group is done with: one span with a link to each record, one below each record's trace.

    ``records``: topic and ``traceparent`` of each.
    """
    if _tracing is None:
        return
    from opentelemetry.trace import Link  # noqa: PLC0415

    told = [(topic, context) for topic, parent in records[:MOST_OF_A_BATCH] if (context := _context(parent))]
    about = {"messaging.system": "kafka", "messaging.consumer.group.name": group}
    batch = _tracing.tracer.start_span(
        f"{group} batch",
        _root(),
        _kind(Kind.CONSUMER),
        {**about, "messaging.batch.message_count": len(records)},
        [Link(context) for _, context in told],
        started,
    )
    for topic, context in told:
        attributes = {**about, "messaging.destination.name": topic}
        links = [Link(batch.get_span_context())]
        kind = _kind(Kind.CONSUMER)
        _end(_tracing.tracer.start_span(f"{group} {topic}", _below(context), kind, attributes, links, started))
    _end(batch)


def _end(span: Any, *, failed: bool = False) -> None:  # noqa: ANN401  # OpenTelemetry's, known only where it is installed
    if failed:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        span.set_status(StatusCode.ERROR)
    span.end()


def _kind(kind: Kind) -> Any:  # noqa: ANN401
    from opentelemetry.trace import SpanKind  # noqa: PLC0415

    return SpanKind[kind.value]


def _root() -> Any:  # noqa: ANN401
    from opentelemetry.context import Context  # noqa: PLC0415

    return Context()


def _below(context: "SpanContext") -> Any:  # noqa: ANN401
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context  # noqa: PLC0415

    return set_span_in_context(NonRecordingSpan(context), _root())


def _context(traceparent: str) -> "SpanContext | None":
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415

    if trace.accept(traceparent) != traceparent:
        return None  # a record that is not ours
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
