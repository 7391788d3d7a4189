"""Makers of events for the analytics tests: only what a test cares about is an argument."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shared.events.alerts import AlertEscalated, AlertFailed, AlertSent
from shared.events.base import ReportEvent
from shared.events.cases import CaseAcknowledged, CaseContacted
from shared.events.reports import ReportAmended, ReportFacts, ReportReceived, ReportReinstated, ReportWithdrawn
from shared.events.routings import Cause, Decision, ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import (
    AlertChannel,
    CauseKind,
    Channel,
    EndReason,
    HarmType,
    Role,
    RoutingReason,
    UpdateKind,
    Urgency,
    UrgencyReason,
)

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CAUSE = Cause(kind=CauseKind.REPORT)


def report_id(number: int) -> str:
    return str(uuid.UUID(int=number))


def facts(harms: Sequence[HarmType] = (HarmType.SYNTHESIS,), *, synthetic: bool = False) -> ReportFacts:
    return ReportFacts(
        role=Role.VICTIM,
        harm_types=tuple(harms),
        urgency=Urgency.NORMAL,
        urgency_reasons=(UrgencyReason.NONE_OF_THESE,),
        division="busan",
        channel=Channel.WEB,
        language="ko",
        synthetic=synthetic,
        triage_version=1,
    )


def received(rid: str, body: ReportFacts | None = None, at: datetime = START) -> ReportReceived:
    return ReportReceived(report_id=rid, intake_version=1, received_at=at, facts=body or facts())


def amended(rid: str, body: ReportFacts, version: int = 2) -> ReportAmended:
    return ReportAmended(report_id=rid, intake_version=version, amended_at=START, facts=body)


def withdrawn(rid: str, version: int = 2) -> ReportWithdrawn:
    return ReportWithdrawn(report_id=rid, intake_version=version, withdrawn_at=START)


def reinstated(rid: str, version: int = 3) -> ReportReinstated:
    return ReportReinstated(report_id=rid, intake_version=version, reinstated_at=START)


def decision(center: str) -> Decision:
    return Decision(
        center_id=center,
        home_center_id=center,
        reason=RoutingReason.HOME,
        candidates=(),
        rule_version=1,
        table_version="2026-07-01",
    )


def routed(rid: str, center: str = "busan", body: ReportFacts | None = None, at: datetime = START) -> ReportRouted:
    return ReportRouted(
        report_id=rid,
        version=1,
        ownership=1,
        intake_version=1,
        cause=CAUSE,
        decided_at=at + timedelta(seconds=1),
        received_at=at,
        decision=decision(center),
        facts=body or facts(),
    )


def rerouted(
    rid: str,
    center: str,
    *,
    version: int = 2,
    ownership: int = 2,
    at: datetime = START,
    body: ReportFacts | None = None,
) -> ReportRerouted:
    return ReportRerouted(
        report_id=rid,
        version=version,
        ownership=ownership,
        intake_version=1,
        cause=CAUSE,
        decided_at=at + timedelta(seconds=60),
        received_at=at,
        previous_center_id="busan",
        decision=decision(center),
        facts=body or facts(),
    )


def updated(rid: str, version: int, ownership: int = 1, kind: UpdateKind = UpdateKind.MESSAGE_LEFT) -> ReportUpdated:
    return ReportUpdated(
        report_id=rid,
        version=version,
        ownership=ownership,
        intake_version=1,
        cause=CAUSE,
        decided_at=START,
        kind=kind,
        center_id="busan",
        facts=facts(),
    )


def ended(rid: str, version: int, ownership: int = 1, reason: EndReason = EndReason.CLOSED) -> ReportEnded:
    return ReportEnded(
        report_id=rid,
        version=version,
        ownership=ownership,
        intake_version=1,
        cause=CAUSE,
        decided_at=START,
        reason=reason,
        center_id="busan",
    )


def acknowledged(rid: str, version: int = 1, ownership: int = 1, seconds: float = 90) -> CaseAcknowledged:
    at = START + timedelta(seconds=seconds)
    return CaseAcknowledged(report_id=rid, case_version=version, ownership=ownership, center_id="busan", at=at)


def contacted(rid: str, version: int = 2, ownership: int = 1) -> CaseContacted:
    return CaseContacted(report_id=rid, case_version=version, ownership=ownership, center_id="busan", at=START)


def alert_sent(rid: str, version: int = 1, ownership: int = 1) -> AlertSent:
    return AlertSent(
        report_id=rid,
        alert_version=version,
        ownership=ownership,
        center_id="busan",
        step=1,
        at=START,
        channel=AlertChannel.EMAIL,
        attempt=1,
    )


def alert_failed(rid: str, version: int) -> AlertFailed:
    return AlertFailed(
        report_id=rid,
        alert_version=version,
        ownership=1,
        center_id="busan",
        step=1,
        at=START,
        channel=AlertChannel.EMAIL,
        attempt=1,
        reason="smtp_away",
    )


def escalated(rid: str, version: int, ownership: int = 1) -> AlertEscalated:
    return AlertEscalated(
        report_id=rid, alert_version=version, ownership=ownership, center_id="busan", step=2, at=START
    )


def history(number: int, seed: int) -> dict[str, list[ReportEvent]]:
    """All four topics of one report; ``seed`` picks how much happens to it."""
    rid = report_id(number)
    at = START + timedelta(hours=7 * (seed % 5))
    body = facts((HarmType.SYNTHESIS, HarmType.OTHER)[: 1 + seed % 2], synthetic=seed % 11 == 10)
    topics: dict[str, list[ReportEvent]] = {
        "reports": [received(rid, body, at)],
        "routings": [routed(rid, ("busan", "daegu")[seed % 2], body, at)],
        "cases": [acknowledged(rid, 1, 1, 30 + 100 * seed)],
        "alerts": [alert_failed(rid, 1), alert_sent(rid, 2), escalated(rid, 3)],
    }
    if seed % 3 == 0:
        topics["reports"].append(amended(rid, facts((HarmType.DISTRIBUTION,), synthetic=body.synthetic)))
        topics["routings"].append(updated(rid, 2))
    if seed % 4 == 0:
        version = len(topics["routings"]) + 1
        topics["routings"].append(rerouted(rid, "ulsan", version=version, at=at, body=body))
        topics["cases"] += [contacted(rid, 2, 1), acknowledged(rid, 3, 2, 500)]
        topics["alerts"].append(alert_sent(rid, 4, 2))
    ownership = 1 + (seed % 4 == 0)
    if seed % 5 == 0:
        topics["routings"].append(ended(rid, len(topics["routings"]) + 1, ownership))
    if seed % 7 == 0:
        topics["reports"].append(withdrawn(rid, len(topics["reports"]) + 1))
        topics["routings"].append(ended(rid, len(topics["routings"]) + 1, ownership, EndReason.WITHDRAWN))
    if seed % 14 == 0:
        topics["reports"].append(reinstated(rid, len(topics["reports"]) + 1))
        topics["routings"].append(updated(rid, len(topics["routings"]) + 1, ownership, UpdateKind.REINSTATED))
    return topics
