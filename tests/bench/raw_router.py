"""The straightforward loop routing is measured against: parse, decide, one ``send`` per record, commit.

``python -m tests.bench.raw_router BOOTSTRAP PREFIX FORM`` reads ``<prefix>reports`` and writes ``<prefix>raw.<form>``
until it is killed. The decision is the simplest one: the least loaded of 16, counted in memory. FORM ``bare`` writes
only the choice and the 16 loads; ``explained`` writes an event of the shape, size and headers of routing's.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

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
    candidates = [
        {
            "center_id": c,
            "state": "open",
            "staff_on_duty": 3,
            "load": load,
            "capacity": 450,
            "passed_over": "chosen" if c == center else "busier",
        }
        for c, load in loads.items()
    ]
    return orjson.dumps(
        {
            "report_id": report["report_id"],
            "version": 1,
            "ownership": 1,
            "intake_version": 1,
            "cause": {"kind": "report", "event_id": report["report_id"]},
            "decided_at": datetime.now(UTC).isoformat(),
            "received_at": report["received_at"],
            "decision": {"center_id": center, "reason": "home", "candidates": candidates, "rule_version": 1},
            "facts": report["facts"],
        }
    )


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
    loads = dict.fromkeys(CENTERS, 0)
    render, headers = (bare, []) if form == "bare" else (explained, HEADERS)
    while True:
        polled = await consumer.getmany(timeout_ms=200, max_records=3000)
        sent = []
        for records in polled.values():
            for record in records:
                report = orjson.loads(record.value)
                center = min(CENTERS, key=loads.__getitem__)
                loads[center] += 10
                value = render(report, center, loads)
                sent.append(await producer.send(f"{prefix}raw.{form}", value, key=record.key, headers=headers))
        if sent:
            await asyncio.gather(*sent)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:4]))
