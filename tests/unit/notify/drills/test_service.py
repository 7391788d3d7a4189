"""Drills see each other through: what came of one is no matter of another's case."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from services.notify.cases.models import Case
from services.notify.drills.rules import WINDOW, Drill
from services.notify.drills.service import Drills
from shared.jobs import Skipped, SkippedError
from tests.support.clock import ManualClock
from tests.unit.notify.samples import NOW, report_id


class Running:
    """The store of drills, and of cases of which one cannot be read."""

    def __init__(self) -> None:
        begun = {"center_id": "busan", "by": "s-1", "started_at": NOW, "tried_at": NOW, "accepted_at": NOW}
        self.drills = [Drill(drill_id=f"drill-{n}", report_id=report_id(n), **begun) for n in (1, 2)]
        self.over: list[str] = []

    async def running(self, skipped: Skipped) -> list[Drill]:
        del skipped
        return self.drills

    async def save(self, drill: Drill) -> None:
        assert drill.over
        self.over.append(drill.drill_id)

    async def load(self, report_ids: Sequence[str], skipped: Skipped | None = None) -> dict[str, Case]:
        assert report_ids == [report_id(1), report_id(2)]
        if skipped is None:
            raise ValueError("a word of a later build")
        skipped.add(report_id(1), ValueError("a word of a later build"))
        return {}


async def test_a_drill_whose_case_cannot_be_read_keeps_no_other_from_its_verdict() -> None:
    store = Running()
    settings = cast("Any", type("Settings", (), {"drills": "off"}))
    clock = ManualClock(NOW)
    drills = Drills(cast("Any", store), cast("Any", store), settings, clock)
    await clock.advance((WINDOW + timedelta(seconds=1)).total_seconds())
    with pytest.raises(SkippedError):
        await drills.look()
    assert store.over == ["drill-2"]
