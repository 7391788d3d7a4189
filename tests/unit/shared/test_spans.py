"""Spans: a request, the records it made and the alert are one trace; without an endpoint nothing is made."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from shared import spans, trace
from shared.spans import SpanKind

ROOT = Path(__file__).parents[3]


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    made = InMemorySpanExporter()
    spans.configure("intake", "", made)
    try:
        yield made
    finally:
        spans.shut_down()


def done(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    spans.shut_down()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_request_records_and_alert_are_one_trace(exporter: InMemorySpanExporter) -> None:
    carried = trace.new_traceparent()
    spans.record_request(carried, "POST", "/api/v1/reports", 202, spans.now())
    spans.record_batch("routing", [("reports", carried)], spans.now())
    spans.record_child("alert", SpanKind.CLIENT, carried, spans.now(), {"ieum.channel": "email"}, failed=True)
    found = done(exporter)
    request = found["POST /api/v1/reports"]
    assert f"00-{request.context.trace_id:032x}-{request.context.span_id:016x}-01" == carried
    assert request.parent is None
    for name in ("routing reports", "alert"):
        parent = found[name].parent
        assert parent is not None
        assert (parent.trace_id, parent.span_id) == (request.context.trace_id, request.context.span_id)
    assert found["alert"].status.status_code is StatusCode.ERROR
    assert request.resource.attributes["service.name"] == "ieum-intake"


def test_a_batch_has_a_link_to_each_record_and_a_trace_of_its_own(exporter: InMemorySpanExporter) -> None:
    records = [("reports", trace.new_traceparent()) for _ in range(3)]
    spans.record_batch("routing", [*records, ("cases", "not ours")], spans.now())
    batch = done(exporter)["routing batch"]
    assert {f"{link.context.trace_id:032x}" for link in batch.links} == {trace.trace_id(one) for _, one in records}
    assert batch.context.trace_id not in {link.context.trace_id for link in batch.links}


def test_a_batch_of_thousands_makes_few_spans(exporter: InMemorySpanExporter) -> None:
    spans.record_batch("analytics", [("reports", trace.new_traceparent()) for _ in range(1000)], spans.now())
    spans.shut_down()
    assert len(exporter.get_finished_spans()) == spans.MOST_OF_A_BATCH + 1


def test_no_attribute_holds_more_than_places_kinds_and_outcomes(exporter: InMemorySpanExporter) -> None:
    carried = trace.new_traceparent()
    spans.record_request(carried, "GET", "/cases/{report_id}", 200, spans.now())
    spans.record_batch("notify", [("routings", carried)], spans.now())
    names = {name for span in done(exporter).values() for name in span.attributes or ()}
    assert names <= {
        *("http.request.method", "http.route", "http.response.status_code"),
        *("messaging.system", "messaging.consumer.group.name", "messaging.batch.message_count"),
        "messaging.destination.name",
    }


def test_without_an_endpoint_nothing_is_imported_and_nothing_recorded() -> None:
    script = (
        "import sys\n"
        "import services.notify.main\n"
        "from shared import spans, trace\n"
        "spans.configure('notify', '')\n"
        "spans.record_request(trace.new_traceparent(), 'GET', '/', 200, 0)\n"
        "spans.record_batch('notify', [('routings', trace.new_traceparent())], 0)\n"
        "print(spans.enabled(), 'opentelemetry.sdk' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_an_endpoint_without_the_packages_is_a_setting_that_says_what_to_install() -> None:
    script = (
        "import sys\n"
        "sys.modules['opentelemetry.sdk.resources'] = None\n"
        "from shared import spans\n"
        "from shared.settings import SettingsError\n"
        "try:\n"
        "    spans.configure('notify', 'http://collector:4318')\n"
        "except SettingsError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in run.stdout
    assert "pip install" in run.stdout
