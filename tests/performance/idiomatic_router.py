"""Routing as the tutorial would have it: one message per handler, models in and out, one publish and one commit each.

``python -m tests.performance.idiomatic_router BOOTSTRAP PREFIX`` reads ``<prefix>reports`` and writes
``<prefix>idiomatic`` until it is killed. It decides by the same rule with loads in memory and explains as fully.
FastStream's own defaults but for two: committing after the message instead of on a timer, without which it would lose
reports, and no log lines.
"""

import asyncio
import sys
from datetime import UTC, datetime

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker

from services.routing.assignment.rules import assign, decision_of
from services.routing.state.loads import LoadView
from shared.clock import seoul_date
from shared.events.reports import ReportReceived
from shared.events.routings import Cause, ReportRouted
from shared.events.vocabulary import CauseKind


def service(bootstrap: str, prefix: str) -> FastStream:
    """One subscriber, one publisher."""
    broker = KafkaBroker(bootstrap, acks="all", enable_idempotence=True, logger=None)
    center_loads = LoadView(cases_per_person=15).center_loads({})

    @broker.subscriber(
        f"{prefix}reports", group_id=f"{prefix}idiomatic", ack_policy=AckPolicy.ACK, auto_offset_reset="earliest"
    )
    async def route(report: ReportReceived) -> None:
        decision = decision_of(assign(report.facts, center_loads, seoul_date(report.received_at)))
        seat = center_loads[decision.center_id]
        center_loads[decision.center_id] = seat._replace(load=seat.load + 10)
        event = ReportRouted(
            report_id=report.report_id,
            version=1,
            ownership=1,
            intake_version=report.intake_version,
            cause=Cause(kind=CauseKind.REPORT, event_id=report.report_id),
            decided_at=datetime.now(UTC),
            received_at=report.received_at,
            decision=decision,
            facts=report.facts,
        )
        await broker.publish(
            event,
            f"{prefix}idiomatic",
            key=report.report_id.encode(),
            headers={"ce_type": ReportRouted.TYPE, "ce_specversion": "1.0", "ce_source": "/ieum/routing"},
        )

    return FastStream(broker, logger=None)


if __name__ == "__main__":
    asyncio.run(service(*sys.argv[1:3]).run())
