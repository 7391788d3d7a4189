"""Drills see each other through: what came of one is no matter of another's case."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr

from services.notify.cases.models import Case
from services.notify.drills.rules import SUBMISSION_LASTS, WINDOW, Drill, Verdict
from services.notify.drills.service import EVERY_S, Drills
from shared.drills import begun_by_notify
from shared.errors import PermanentError
from shared.jobs import Skipped, SkippedError
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.support.staff import TICKET_KEY
from tests.unit.notify.samples import NOW, report_id


class Running:
    """The store of drills, and of cases of which one cannot be read."""

    def __init__(self) -> None:
        begun = {"center_id": "busan", "by": "s-1", "started_at": NOW, "tried_at": NOW, "accepted_at": NOW}
        self.drills = [Drill(drill_id=f"drill-{n}", report_id=report_id(n), **begun) for n in (1, 2)]
        self.over: list[str] = []
        self.skips = True

    async def begun(self, drill_ids: list[str]) -> dict[str, datetime]:
        return dict.fromkeys(drill_ids, NOW)

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
        if self.skips:
            skipped.add(report_id(1), ValueError("a word of a later build"))
        return {}


async def test_a_drill_whose_case_cannot_be_read_keeps_no_other_from_its_verdict() -> None:
    store = Running()
    settings = cast("Any", type("Settings", (), {"drills": "off"}))
    clock = ManualClock(NOW)
    drills = Drills(cast("Any", store), cast("Any", store), settings, clock)
    await clock.advance((WINDOW + timedelta(seconds=1)).total_seconds())
    before = not_passed()
    with pytest.raises(SkippedError):
        await drills.look()
    assert store.over == ["drill-2"]
    assert not_passed() == before + 1


def not_passed() -> float:
    """What somebody is called by."""
    verdicts = set(Verdict) - {Verdict.PASSED, Verdict.RUNNING}
    return sum(
        REGISTRY.get_sample_value("ieum_notify_drills_total", {"verdict": verdict.value}) or 0.0 for verdict in verdicts
    )


class Refused:
    """The store of drills, with one that intake takes from nobody."""

    def __init__(self) -> None:
        begun = {"center_id": "busan", "by": "s-1", "started_at": NOW, "tried_at": NOW}
        self.drill = Drill(drill_id="drill-1", **begun)
        self.submitted = 0

    async def running(self, skipped: Skipped) -> list[Drill]:
        del skipped
        return [self.drill]

    async def retake(self, drill: Drill, now: datetime) -> bool:
        taken = drill.tried_at == self.drill.tried_at
        if taken:
            self.drill = self.drill.model_copy(update={"tried_at": now})
        return taken

    async def save(self, drill: Drill) -> None:
        self.submitted += 1
        self.drill = drill

    async def load(self, report_ids: Sequence[str], skipped: Skipped) -> dict[str, Case]:
        del skipped
        return dict.fromkeys(report_ids, cast("Any", None))


async def test_a_drill_that_intake_does_not_take_is_submitted_again_once_in_its_time() -> None:
    store, clock = Refused(), ManualClock(NOW)
    kept = {"drills": "off", "drill_credential": None, "drill_credential_file": None}
    drills = Drills(cast("Any", store), cast("Any", store), cast("Any", type("Settings", (), kept)), clock)
    for tried in (1, 2):
        await clock.advance(SUBMISSION_LASTS.total_seconds() + 1)
        await drills.look()
        await clock.advance(EVERY_S)
        await drills.look()
        assert store.submitted == tried, "whoever tries has it for as long as it lasts"


async def test_monthly_drills_without_a_credential_are_told_of_and_keep_no_other_from_its_verdict(
    tmp_path: Path,
) -> None:
    store, clock, file = Running(), ManualClock(NOW), tmp_path / "drill"
    kept = {"drills": "monthly", "drill_credential": None, "drill_credential_file": file}
    store.skips = False
    drills = Drills(cast("Any", store), cast("Any", store), cast("Any", type("Settings", (), kept)), clock)
    await clock.advance((WINDOW + timedelta(seconds=1)).total_seconds())
    with pytest.raises(PermanentError, match="NOTIFY_DRILL_CREDENTIAL"):
        await drills.look()
    assert store.over == ["drill-1", "drill-2"]
    file.write_text("drill.secret", encoding="ascii")
    await drills.look()


async def test_intake_knows_a_drill_of_notifys_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503)

    monkeypatch.setattr(httpx, "AsyncClient", partial(httpx.AsyncClient, transport=httpx.MockTransport(answer)))
    key = SecretStr(base64.b64encode(TICKET_KEY).decode())
    kept = {"drill_credential": SecretStr("drill.secret"), "ticket_key": key, "intake_url": "http://intake"}
    settings = cast("Any", type("Settings", (), {"drills": "off", **kept}))
    store, clock = Refused(), ManualClock(NOW)
    drills = Drills(cast("Any", store), cast("Any", store), settings, clock)
    for _ in range(2):
        await clock.advance(SUBMISSION_LASTS.total_seconds() + 1)
        await drills.look()
    keys = [request.headers["Idempotency-Key"] for request in asked]
    assert keys == [keys[0]] * 2, "submitted again, it is the same report"
    assert begun_by_notify(TICKET_KEY, keys[0])
