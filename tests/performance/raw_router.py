"""The straightforward loop routing is measured against: parse, decide, one ``send`` per record, commit.

``python -m tests.performance.raw_router BOOTSTRAP PREFIX FORM`` reads ``<prefix>reports`` and writes
``<prefix>raw.<form>`` until it is killed. FORM ``bare`` and ``explained`` check nothing and decide in the simplest
way, the least loaded of 16 counted in memory: ``bare`` writes only the choice and the 16 loads, ``explained`` an event
of the shape, size and headers of routing's. ``same_job`` does in this loop what routing does: the same validation,
rule and event, made by the models.
"""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from services.routing.assignment.rules import assign, decision_of, severity_of
from services.routing.state.loads import LoadView
from shared.clock import seoul_date
from shared.events.base import encode
from shared.events.catalog import parse_event
from shared.events.reports import ReportReceived
from shared.events.routings import Cause, ReportRouted
from shared.events.vocabulary import CauseKind

Headers = list[tuple[str, bytes]]
Job = Callable[["ConsumerRecord[bytes, bytes]"], tuple[bytes, Headers]]
"""From a report's record to the value and the headers of routing's."""

CENTERS = [f"center-{n:02d}" for n in range(16)]
HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"5b1f6c1e-8a27-5c0e-9f0a-1f2e3d4c5b6a"),
    ("ce_source", b"/ieum/routing"),
    ("ce_type", b"report.routed.v1"),
    ("ce_time", b"2026-11-24T03:12:07.502Z"),
    ("ce_subject", b"5b1f6c1e-8a27-5c0e-9f0a-1f2e3d4c5b6a"),
    ("ce_partitionkey", b"5b1f6c1e-8a27-5c0e-9f0a-1f2e3d4c5b6a"),
    ("ce_traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("content-type", b"application/json"),
]


def bare(report: dict[str, Any], center: str, loads: dict[str, int]) -> bytes:
    return orjson.dumps({"report_id": report["report_id"], "center_id": center, "loads": loads})


def explained(report: dict[str, Any], center: str, loads: dict[str, int]) -> bytes:
    rows = {c: [3, load, 450, load // 2, load // 40, 12] for c, load in loads.items()}
    others = {c: row for c, row in rows.items() if c != center}
    return orjson.dumps(
        {
            "report_id": report["report_id"],
            "version": 1,
            "ownership": 1,
            "intake_version": 1,
            "cause": {"kind": "report", "event_id": report["report_id"]},
            "decided_at": datetime.now(UTC).isoformat(),
            "received_at": report["received_at"],
            "decision": {
                "center_id": center,
                "home_center_id": center,
                "reason": "all_full",
                "over_capacity": True,
                "copy_central": True,
                "right_of_return": False,
                "compared": {"chosen": {"open": {center: rows[center]}}, "full": {"open": others}},
                "rule_version": 2,
                "table_version": "2026-07-01",
            },
            "facts": report["facts"],
        }
    )


def simple(render: Callable[[dict[str, Any], str, dict[str, int]], bytes], headers: Headers) -> Job:
    loads = dict.fromkeys(CENTERS, 0)

    def job(record: "ConsumerRecord[bytes, bytes]") -> tuple[bytes, Headers]:
        report = orjson.loads(record.value or b"")
        center = min(CENTERS, key=loads.__getitem__)
        loads[center] += 10
        return render(report, center, loads), headers

    return job


def same() -> Job:
    center_loads = LoadView(cases_per_person=15).center_loads({})

    def job(record: "ConsumerRecord[bytes, bytes]") -> tuple[bytes, Headers]:
        report, envelope = parse_event("reports", record.key, record.headers, record.value)
        assert isinstance(report, ReportReceived)
        decision = decision_of(assign(report.facts, center_loads, seoul_date(report.received_at)))
        seat = center_loads[decision.center_id]
        center_loads[decision.center_id] = seat._replace(load=seat.load + severity_of(report.facts).weight)
        now = datetime.now(UTC)
        event = ReportRouted(
            report_id=report.report_id,
            version=1,
            ownership=1,
            intake_version=report.intake_version,
            cause=Cause(kind=CauseKind.REPORT, event_id=envelope.id),
            decided_at=now,
            received_at=report.received_at,
            decision=decision,
            facts=report.facts,
        )
        made = encode(event, source="routing", time=now, traceparent=envelope.traceparent)
        return made.value, list(made.headers)

    return job


async def run(bootstrap: str, prefix: str, form: str) -> None:
    consumer = AIOKafkaConsumer(
        f"{prefix}reports",
        bootstrap_servers=bootstrap,
        group_id=f"{prefix}raw.{form}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    await consumer.start()
    job = {"bare": lambda: simple(bare, []), "explained": lambda: simple(explained, HEADERS), "same_job": same}[form]()
    while True:
        polled = await consumer.getmany(timeout_ms=200, max_records=3000)
        sent = []
        for records in polled.values():
            for record in records:
                value, headers = job(record)
                sent.append(await producer.send(f"{prefix}raw.{form}", value, key=record.key, headers=headers))
        if sent:
            await asyncio.gather(*sent)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:4]))
