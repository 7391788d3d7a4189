"""Makers of events for the analytics tests: only what a test cares about is an argument."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.centers import TABLES
from shared.events.alerts import AlertEscalated, AlertFailed, AlertSent
from shared.events.cases import CaseAcknowledged, CaseClosed, CaseContacted, CaseReopened, CaseSupported
from shared.events.centers import CenterChanged
from shared.events.reports import ReportAmended, ReportFacts, ReportReceived, ReportReinstated, ReportWithdrawn
from shared.events.routings import Cause, Decision, ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import (
    AgeBand,
    AlertChannel,
    CauseKind,
    CenterState,
    Channel,
    EndReason,
    Gender,
    HarmType,
    Outcome,
    PlatformKind,
    Relationship,
    Role,
    RoutingReason,
    SupportKind,
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


_PLACES = (*TABLES.divisions, *TABLES.elsewhere, "of-a-later-version")


def varied(seed: int, harms: Sequence[HarmType], *, synthetic: bool = False) -> ReportFacts:
    """Facts in which every coded word comes up for some seed."""

    def one(words: type[StrEnum], step: int = 1) -> str:
        return list(words)[seed // step % len(words)].value

    changes = {
        "role": one(Role),
        "channel": one(Channel, 2),
        "age_band": one(AgeBand),
        "gender": one(Gender, 3),
        "relationship": one(Relationship),
        "platform_kind": one(PlatformKind),
        "urgency": one(Urgency, 2),
        "division": _PLACES[seed % len(_PLACES)],
    }
    return ReportFacts.model_validate({**facts(harms, synthetic=synthetic).model_dump(), **changes})


def received(rid: str, body: ReportFacts | None = None, at: datetime = START) -> ReportReceived:
    return ReportReceived(report_id=rid, intake_version=1, received_at=at, facts=body or facts())


def amended(rid: str, body: ReportFacts) -> ReportAmended:
    return ReportAmended(report_id=rid, intake_version=2, amended_at=START, facts=body)


def withdrawn(rid: str, version: int = 2) -> ReportWithdrawn:
    return ReportWithdrawn(report_id=rid, intake_version=version, withdrawn_at=START)


def reinstated(rid: str, version: int = 3) -> ReportReinstated:
    return ReportReinstated(report_id=rid, intake_version=version, reinstated_at=START)


def decision(
    center: str, home: str | None = None, reason: RoutingReason = RoutingReason.HOME, *, homeless: bool = False
) -> Decision:
    return Decision(
        center_id=center,
        home_center_id=None if homeless else home or center,
        reason=reason,
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
    at: datetime = START,
    body: ReportFacts | None = None,
    reason: RoutingReason = RoutingReason.TRANSFER_ACCEPTED,
) -> ReportRerouted:
    return ReportRerouted(
        report_id=rid,
        version=version,
        ownership=2,
        intake_version=1,
        cause=CAUSE,
        decided_at=at + timedelta(seconds=60),
        received_at=at,
        previous_center_id="busan",
        decision=decision(center, "busan", reason),
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


def contacted(rid: str, version: int = 2, ownership: int = 1, seconds: float = 0) -> CaseContacted:
    at = START + timedelta(seconds=seconds)
    return CaseContacted(report_id=rid, case_version=version, ownership=ownership, center_id="busan", at=at)


def supported(rid: str, support: SupportKind, version: int, ownership: int = 1) -> CaseSupported:
    return CaseSupported(
        report_id=rid, case_version=version, ownership=ownership, center_id="busan", at=START, support=support
    )


def closed(
    rid: str, version: int, ownership: int = 1, outcome: Outcome = Outcome.SUPPORTED, seconds: float = 90_000
) -> CaseClosed:
    at = START + timedelta(seconds=seconds)
    return CaseClosed(
        report_id=rid, case_version=version, ownership=ownership, center_id="busan", at=at, outcome=outcome
    )


def reopened(rid: str, version: int, ownership: int = 1) -> CaseReopened:
    return CaseReopened(report_id=rid, case_version=version, ownership=ownership, center_id="busan", at=START)


def center_changed(center: str, version: int, staff: int, at: datetime = START) -> CenterChanged:
    return CenterChanged(
        center_id=center,
        center_version=version,
        state=CenterState.OPEN,
        staff_on_duty=staff,
        cases_per_person=10,
        changed_at=at,
    )


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


def escalated(rid: str, version: int) -> AlertEscalated:
    return AlertEscalated(report_id=rid, alert_version=version, ownership=1, center_id="busan", step=2, at=START)
