"""The records that follow the first one: each stands one version above what the log says of the report. Pure."""

from datetime import datetime

from services.routing.assignment.models import Assignment
from services.routing.assignment.rules import decision_of
from services.routing.models import ReportState
from shared.centers import TABLES, Tables
from shared.events.reports import ReportFacts
from shared.events.routings import Cause, ReportEnded, ReportRerouted, ReportUpdated
from shared.events.vocabulary import EndReason, TransferVoid, UpdateKind


def rerouted(
    report_id: str,
    before: ReportState,
    assignment: Assignment,
    facts: ReportFacts,
    cause: Cause,
    now: datetime,
    *,
    intake_version: int | None = None,
    tables: Tables = TABLES,
) -> ReportRerouted:
    """A new owner, and with it a new ownership: the only record that makes one. ``tables`` are those it rests on.

    ``intake_version`` is what it passes on at the same time; without one, the newest passed on before.
    """
    return ReportRerouted(
        report_id=report_id,
        version=before.version + 1,
        ownership=before.ownership + 1,
        intake_version=intake_version or before.intake_version,
        cause=cause,
        decided_at=now,
        received_at=before.received_at,
        previous_center_id=before.center_id,
        decision=decision_of(assignment, tables=tables),
        facts=facts,
    )


def updated(
    report_id: str,
    before: ReportState,
    kind: UpdateKind,
    cause: Cause,
    now: datetime,
    *,
    intake_version: int | None = None,
    facts: ReportFacts | None = None,
    why: TransferVoid | None = None,
) -> ReportUpdated:
    """An update for the owner; without facts those known, without an intake version the newest passed on."""
    return ReportUpdated(
        report_id=report_id,
        version=before.version + 1,
        ownership=before.ownership,
        intake_version=intake_version or before.intake_version,
        cause=cause,
        decided_at=now,
        kind=kind,
        void_reason=why,
        center_id=before.center_id,
        facts=facts or ReportFacts.model_validate_json(before.facts),
    )


def ended(
    report_id: str,
    before: ReportState,
    reason: EndReason,
    cause: Cause,
    now: datetime,
    *,
    intake_version: int | None = None,
) -> ReportEnded:
    """Make the record that ends a report."""
    return ReportEnded(
        report_id=report_id,
        version=before.version + 1,
        ownership=before.ownership,
        intake_version=intake_version or before.intake_version,
        cause=cause,
        decided_at=now,
        reason=reason,
        center_id=before.center_id,
    )
