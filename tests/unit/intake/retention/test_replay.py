"""A restored store is brought up to the register: taken back, undone and destroyed again, whichever came last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.intake.reports.documents import Document
from services.intake.reports.erasure_register import Happened, RegisterLine
from services.intake.reports.lifecycle import NEW, Lifecycle, Reason
from services.intake.retention import rules as retention_rules
from services.intake.retention.replay import ErasureReplay
from shared.events.base import Record
from shared.events.vocabulary import AgeBand, Role
from tests.support.clock import ManualClock
from tests.unit.intake.retention.test_erasure import NOW, decide, decision, facts, taken_back
from tests.unit.intake.test_unreadable import Nothing

ONE = "10000000-0000-5000-8000-000000000000"
RESTORED = NOW + timedelta(days=5)
"""Later than any time for second thoughts of a withdrawal in the backup."""


class Restored:
    """A store that holds one report as it was in the backup, and the register's lines."""

    def __init__(
        self, life: Lifecycle, *lines: tuple[Happened, int], received_at: datetime = NOW, **about: Any
    ) -> None:
        self.document: Document = {
            "_id": ONE,
            "received_at": received_at,
            "intake_version": 2,
            "changes": 1,
            "facts": facts(**about).model_dump(mode="json"),
            "life": life.model_dump(),
        }
        entries = [
            RegisterLine(NOW + timedelta(hours=hour), what, ONE, changes)
            for hour, (what, changes) in enumerate(lines, 1)
        ]
        self.register = SimpleNamespace(entries=lambda: entries)
        self.told: list[str] = []

    async def before_open(self, _: str) -> Document:
        return self.document

    async def write(self, before: Document, *, life: Lifecycle, records: Sequence[Record], **_: Any) -> bool:
        if before["changes"] != self.document["changes"]:
            return False
        self.document = {**before, "life": life.model_dump(), "changes": before["changes"] + 1}
        self.told += [dict(record.headers)["ce_type"].decode() for record in records]
        return True

    async def erase(self, before: Document, life: Lifecycle) -> bool:
        if before["changes"] != self.document["changes"]:
            return False
        self.document = {"_id": before["_id"], "life": life.model_dump(), "changes": before["changes"] + 1}
        return True

    @property
    def life(self) -> Lifecycle:
        return retention_rules.lifecycle_of(self.document)


async def replayed(store: Any) -> tuple[int, int, int]:
    nothing: Any = Nothing()
    job = ErasureReplay(store, nothing, nothing, ManualClock(RESTORED))
    done = await job.run()
    assert done.left == []
    again = await job.run()
    assert [again.withdrawn, again.reinstated, again.erased] == [[], [], []], "twice is once"
    return len(done.withdrawn), len(done.reinstated), len(done.erased)


async def test_a_withdrawal_that_was_undone_after_the_backup_is_undone_again_and_destroys_nothing() -> None:
    store = Restored(taken_back(), (Happened.WITHDRAWN, 0), (Happened.REINSTATED, 1))
    assert await replayed(store) == (0, 1, 0)
    assert (store.life.withdrawal, store.life.plan, store.told) == (None, None, ["report.reinstated.v1"])


async def test_what_a_lead_undid_long_after_is_undone_again() -> None:
    child: dict[str, Any] = {"age_band": AgeBand.UNDER_14}
    waiting = taken_back(**child)
    undone = decide(waiting, decision(destroy=False, reason=Reason.VICTIM_OBJECTS), NOW + timedelta(days=4))
    assert undone.withdrawal is None
    store = Restored(waiting, (Happened.WITHDRAWN, 0), (Happened.REINSTATED, 1), **child)
    assert await replayed(store) == (0, 1, 0)
    assert (store.life.withdrawal, store.life.decide_since) == (None, None)


@pytest.mark.parametrize(
    ("life", "lines", "expected"),
    [
        (NEW, [(Happened.WITHDRAWN, 1)], (1, 0, 0)),
        (NEW, [(Happened.WITHDRAWN, 1), (Happened.REINSTATED, 2)], (0, 0, 0)),
        (NEW, [(Happened.WITHDRAWN, 1), (Happened.REINSTATED, 2), (Happened.WITHDRAWN, 3)], (1, 0, 0)),
        (NEW, [(Happened.WITHDRAWN, 1), (Happened.ERASED, 2)], (1, 0, 1)),
        (taken_back(), [(Happened.WITHDRAWN, 0), (Happened.REINSTATED, 1), (Happened.ERASED, 2)], (0, 1, 1)),
        # An erasure that was noted and then lost to a decision to keep the report.
        (taken_back(), [(Happened.WITHDRAWN, 0), (Happened.ERASED, 1), (Happened.KEPT, 1)], (0, 0, 0)),
        # The same lines say nothing of a report that has gone on since.
        (taken_back(), [(Happened.WITHDRAWN, 0), (Happened.REINSTATED, 0)], (0, 0, 0)),
        (taken_back(), [(Happened.WITHDRAWN, 0), (Happened.REINSTATED, 1), (Happened.WITHDRAWN, 2)], (1, 0, 0)),
        # As another process has just withdrawn it again, whose register may know of a later withdrawal.
        (taken_back(now=RESTORED), [(Happened.WITHDRAWN, 0), (Happened.REINSTATED, 1)], (0, 0, 0)),
    ],
)
async def test_the_last_line_counts(
    life: Lifecycle, lines: list[tuple[Happened, int]], expected: tuple[int, int, int]
) -> None:
    assert await replayed(Restored(life, *lines)) == expected


async def test_who_took_it_back_again_since_the_backup_has_all_the_time_for_second_thoughts() -> None:
    store = Restored(taken_back(), (Happened.WITHDRAWN, 0), (Happened.REINSTATED, 1), (Happened.WITHDRAWN, 2))
    assert await replayed(store) == (1, 0, 0)
    assert store.life.withdrawal is not None
    assert store.life.withdrawal.undo_until == RESTORED + retention_rules.UNDO_FOR
    assert store.told == [], "contact was stopped before"


@pytest.mark.parametrize(("synthetic", "days"), [(True, 30), (True, 29), (False, 30)])
async def test_a_drill_that_the_job_withdrew_waits_for_no_lead_after_a_restore(*, synthetic: bool, days: int) -> None:
    store = Restored(
        NEW,
        (Happened.WITHDRAWN, 1),
        received_at=NOW - timedelta(days=days),
        synthetic=synthetic,
        role=Role.THIRD_PARTY,
    )
    assert await replayed(store) == (1, 0, 0)
    ended_by_job = synthetic and days == 30
    assert (store.life.plan is not None, store.life.decide_since is None) == (ended_by_job, ended_by_job)
    assert store.told == ["report.withdrawn.v1"]
