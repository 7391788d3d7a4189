"""Check the end of every stored report, whatever was killed and when. For integration and torture tests."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.intake.reports.lifecycle import Access, ErasureCause
from services.intake.reports.repository import DECIDE_SINCE, ERASE_AT, KEPT_SINCE, TOMBSTONE
from services.intake.retention import rules as retention_rules

LATE = timedelta(minutes=3)
"""How late a destruction may be before something is wrong: the job looks every minute."""


def faults(documents: Iterable[Mapping[str, Any]], now: datetime) -> list[str]:
    """Return the faults of these documents of intake's collection of reports; empty if there are none."""
    return [f"{document['_id']}: {fault}" for document in documents for fault in _faults(document, now)]


def _faults(document: Mapping[str, Any], now: datetime) -> Iterable[str]:
    life = retention_rules.lifecycle_of(document)
    access = retention_rules.access_of(life)
    if access is Access.ERASED:
        left = set(document) - {*TOMBSTONE, "changes", "life"}
        if left:
            yield f"an erased report still has {sorted(left)}"
        return
    if "sealed" not in document or "facts" not in document:
        yield "it lost its key or its facts without being erased"
    planned, waits, kept = (document.get(mark) for mark in (ERASE_AT, DECIDE_SINCE, KEPT_SINCE))
    if planned != (life.plan.at if life.plan else None) or waits != life.decide_since:
        yield "its marks are not those of its life"
    if access is Access.OPEN and life.plan is not None and life.plan.cause is not ErasureCause.RETENTION:
        yield "it is planned for destruction although it was not withdrawn"
    if access is Access.SEALED:
        if (planned is not None) + (waits is not None) + (kept is not None) != 1:
            yield "it was withdrawn, and is not exactly one of planned, waiting and kept"
        if document["intake_version"] < 2:
            yield "it was withdrawn without an event"
    if planned is not None and planned + LATE < now:
        yield "its key should be gone by now"
