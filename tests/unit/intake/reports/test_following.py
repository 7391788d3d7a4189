"""One report's missing record keeps no other report from going on, and is said where somebody looks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.intake.main import RELAY_CLEAR_AFTER_S, RELAY_LEAVE_S
from services.intake.reports.consumers import HOLES, ProgressFollower, consumers
from services.intake.reports.models import Progress
from services.intake.reports.repository import Fold, ReportRepository
from shared.events.base import Event
from shared.events.envelope import Envelope
from shared.events.routings import ReportEnded
from shared.events.vocabulary import EndReason
from shared.kafka.router import Received
from shared.outbox import BACKLOG_AGE_SECONDS, Relay
from tests.unit.intake.reports.test_rules import REPORT, rerouted, routed

OTHER = "00000000-0000-4000-8000-000000000001"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
NO_RELAY: Any = None  # progress is kept in memory here


class Kept(ReportRepository):
    """Progress in memory."""

    def __init__(self) -> None:
        self.progress = {REPORT: Progress(), OTHER: Progress()}

    async def advance(self, ids: Sequence[str], fold: Fold, relay: Relay) -> list[str]:
        for report_id in ids:
            self.progress[report_id] = fold(report_id, self.progress[report_id])
        return []


def received(*events: Event) -> list[Received]:
    envelope = Envelope(id="e", source="routing", type="t", time=NOW, traceparent="00-" + "1" * 32 + "-" + "2" * 16)
    return [Received(event, envelope, "routings", 3, offset, 0) for offset, event in enumerate(events)]


def known(kept: Kept, report_id: str) -> int:
    ownership = kept.progress[report_id].ownership
    return ownership.version if ownership else 0


async def test_a_missing_record_stops_nobody_else_and_shows_until_the_hole_is_closed() -> None:
    kept = Kept()
    follower = ProgressFollower(kept, NO_RELAY)
    assert follower.check() is None
    others = routed().model_copy(update={"report_id": OTHER})
    await follower(received(routed(), rerouted(3, 2, "ulsan", 10), others))
    assert (known(kept, REPORT), kept.progress[REPORT].hole) == (1, 3)
    assert (known(kept, OTHER), kept.progress[OTHER].hole) == (1, None)
    assert "1 report" in str(follower.check())
    assert HOLES._value.get() == 1
    await follower(received(rerouted(2, 2, "daegu", 9), rerouted(3, 3, "ulsan", 10)))
    assert (known(kept, REPORT), follower.check(), HOLES._value.get()) == (3, None, 0)


async def test_a_stream_that_begins_in_the_middle_is_a_hole_too() -> None:
    kept = Kept()
    follower = ProgressFollower(kept, NO_RELAY)
    start = routed()
    end = ReportEnded(
        report_id=REPORT,
        version=1,
        ownership=1,
        intake_version=1,
        decided_at=NOW,
        cause=start.cause,
        reason=EndReason.CLOSED,
        center_id="busan",
    )
    await follower(received(end))
    assert kept.progress[REPORT] == Progress(hole=1)
    assert follower.check() is not None


def test_progress_is_gathered_and_comes_while_the_relay_leaves_the_events_to_it() -> None:
    [spec] = consumers(ProgressFollower(Kept(), NO_RELAY)).specs
    assert spec.pace_s >= 0.5
    assert 2 * spec.pace_s < RELAY_LEAVE_S
    assert RELAY_LEAVE_S + RELAY_CLEAR_AFTER_S < BACKLOG_AGE_SECONDS
