"""The sums an auditor looks at tell attempts from what came too early."""

from datetime import UTC, datetime

import pytest

from shared.audit import chain
from shared.audit.chain import START, AuditKeys
from shared.audit.entries import BEHIND, STALE
from shared.audit.model import AuditEntry, AuditOutcome
from shared.audit.queries import days_of, usage_counts


def entry(outcome: AuditOutcome, **detail: str) -> AuditEntry:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    return AuditEntry(at=at, action="details.open", where="192.0.2.0/24", outcome=outcome, actor="s-1", detail=detail)


def test_what_was_asked_before_it_was_known_is_no_refusal_and_an_old_sign_in_is_one() -> None:
    entries = [
        entry(AuditOutcome.REFUSED, **{STALE: BEHIND}),
        entry(AuditOutcome.REFUSED, **{STALE: "sign_in"}),
        entry(AuditOutcome.REFUSED),
        entry(AuditOutcome.DONE, **{STALE: BEHIND}),
    ]
    [row] = usage_counts(chain.link(AuditKeys(b"a" * 32), "intake", entries, 0, START))
    assert (row.done, row.refused, row.stale) == (1, 2, 3)


def test_a_row_of_what_only_came_too_early_is_shown() -> None:
    [row] = usage_counts(
        chain.link(AuditKeys(b"a" * 32), "intake", [entry(AuditOutcome.REFUSED, **{STALE: BEHIND})], 0, START)
    )
    assert (row.done, row.refused, row.stale) == (0, 0, 1)


def test_every_month_there_is_has_its_days_and_all_else_is_none() -> None:
    assert days_of("2024-02")[-1] == "2024-02-29"
    assert days_of("9999-12") == [f"9999-12-{day:02}" for day in range(1, 32)], "the last there is"
    for wrong in ("2026-13", "2026-1", "x", ""):
        with pytest.raises(ValueError, match=r"Invalid isoformat|month must be"):
            days_of(wrong)
