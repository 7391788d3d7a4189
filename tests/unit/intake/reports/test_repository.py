"""Which writes of the repository of reports are made, and which reads are refused, without a store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.intake.reports.authentication import ReportAuthentication
from services.intake.reports.documents import Document
from services.intake.reports.erasure_register import ErasureRegister, Happened, LastWord, last_words
from services.intake.reports.lifecycle import NEW, Category, ErasureDecision, Lifecycle, Reason
from services.intake.reports.repository import ERASE_AT, KEPT_SINCE, ReportRepository
from services.intake.retention import rules as retention_rules
from services.intake.retention.jobs import DAILY
from shared.errors import TransientError
from shared.store_clock import MOST_APART
from tests.support.clock import ManualClock
from tests.unit.intake.retention.test_erasure import taken_back

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
KEY = b"k" * 32
DAY = "2026-11-27"


class Claims:
    """The collection of daily jobs with the one document of a job, as far as claims ask it."""

    def __init__(self) -> None:
        self.job: Document | None = None

    async def insert_one(self, document: Document) -> None:
        self.job = self.job or document

    async def find_one_and_update(self, query: Document, update: Document) -> Document | None:
        assert self.job is not None
        if not _fits(self.job, query):
            return None
        before, self.job = self.job, {**self.job, **update["$set"]}
        return before

    async def update_one(self, query: Document, update: Document) -> None:
        await self.find_one_and_update(query, update)


def _fits(document: Document, query: Document) -> bool:
    def one(name: str, wanted: Any) -> bool:
        if name == "$or":
            return any(_fits(document, some) for some in wanted)
        if not isinstance(wanted, dict):
            return bool(document[name] == wanted)
        [(operator, value)] = wanted.items()
        found = document[name]
        return bool({"$lte": found <= value, "$gt": found > value, "$ne": found != value}[operator])

    return all(one(name, wanted) for name, wanted in query.items())


class Reports:
    """Takes every update."""

    def __init__(self) -> None:
        self.updates: list[Document] = []

    async def update_one(self, _: Document, update: Document) -> Any:
        self.updates.append(update)
        return SimpleNamespace(matched_count=1)


def repository(reports: Any = None, jobs: Any = None, folder: Path | None = None) -> ReportRepository:
    database: Any = {"reports": reports or Reports(), "jobs": jobs or Claims()}
    authentication = ReportAuthentication(KEY, lambda _report_id, _part: None)
    return ReportRepository(database, ManualClock(NOW), authentication, ErasureRegister(folder, KEY))


async def test_a_pass_that_broke_off_is_begun_again_and_not_refused_by_its_own_claim() -> None:
    jobs = Claims()
    one, other = repository(jobs=jobs), repository(jobs=jobs)
    assert await one.claim(DAILY, DAY, "one", NOW)
    assert not await other.claim(DAILY, DAY, "other", NOW), "somebody is at it"
    assert await one.claim(DAILY, DAY, "one", NOW + timedelta(minutes=1)), "what broke off did not work"
    assert await other.claim(DAILY, DAY, "other", NOW + timedelta(minutes=12)), "who claimed it is gone"
    await other.finished(DAILY, DAY, "other")
    assert not await one.claim(DAILY, DAY, "one", NOW + timedelta(minutes=13))


async def test_a_lease_that_no_clock_can_have_written_keeps_the_job_from_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    jobs = Claims()
    one, other = repository(jobs=jobs), repository(jobs=jobs)
    assert await one.claim(DAILY, DAY, "one", NOW + 2 * MOST_APART)
    assert not await other.claim(DAILY, DAY, "other", NOW), "the clocks of two processes may be so far apart"
    assert await one.claim(DAILY, DAY, "one", NOW + timedelta(days=365))
    assert await other.claim(DAILY, DAY, "other", NOW)
    assert "job.lease_cut" in capsys.readouterr().out
    assert not await one.claim(DAILY, DAY, "one", NOW)


@pytest.mark.parametrize(
    ("before", "after"), [(NEW, taken_back()), (taken_back(), retention_rules.undone(taken_back(), NOW))]
)
async def test_a_register_that_cannot_be_written_neither_stops_nor_denies_a_change(
    before: Lifecycle, after: Lifecycle, tmp_path: Path
) -> None:
    (tmp_path / "erasures").touch()
    reports = Reports()
    document = {"_id": "one", "intake_version": 1, "received_at": NOW, "life": before.model_dump()}
    assert await repository(reports, folder=tmp_path / "erasures").write(document, now=NOW, life=after)
    assert [update["$set"]["life"] for update in reports.updates] == [after.model_dump()]


@pytest.mark.parametrize(
    ("after", "noted"),
    [
        (retention_rules.undone(taken_back(), NOW), Happened.REINSTATED),
        (taken_back().model_copy(update={"plan": None}), Happened.KEPT),
        (None, Happened.KEPT),
    ],
)
async def test_who_changes_a_report_that_is_to_be_destroyed_notes_that_it_goes_on(
    after: Lifecycle | None, noted: Happened, tmp_path: Path
) -> None:
    """Its erasure may have been noted a moment before, and loses to the change."""
    reports = repository(folder=tmp_path)
    planned = {"_id": "one", "intake_version": 1, "received_at": NOW, "changes": 3, "life": taken_back().model_dump()}
    await reports.register.note(Happened.ERASED, "one", NOW, 3)
    assert await reports.write(planned, now=NOW, life=after)
    lines = reports.register.entries()
    assert {(line.what, line.changes) for line in lines} == {(Happened.ERASED, 3), (noted, 3)}
    assert last_words(lines).get("one", LastWord()).erased is None, "a restore would destroy it"
    await reports.write({**planned, "life": NEW.model_dump()}, now=NOW, fields={"facts": {}})
    assert len(reports.register.entries()) == len(lines), "of all others nothing is noted"


@pytest.mark.parametrize("days", [-4, 4])
async def test_the_register_has_the_times_that_the_store_has_whatever_the_clock_of_the_process(
    days: int, tmp_path: Path
) -> None:
    """A restore compares them: what was undone by a process that is days behind would be destroyed."""
    reports, wrong = repository(folder=tmp_path), NOW + timedelta(days=days)
    document = {"_id": "one", "intake_version": 1, "received_at": NOW, "changes": 3, "life": NEW.model_dump()}
    withdrawn = taken_back(now=NOW)
    undone = retention_rules.undone(withdrawn, NOW)
    assert await reports.write(document, now=wrong, life=withdrawn)
    assert await reports.write({**document, "changes": 4, "life": withdrawn.model_dump()}, now=wrong, life=undone)
    lines = reports.register.entries()
    assert [(line.at, line.what) for line in lines] == [(NOW, Happened.WITHDRAWN), (NOW, Happened.REINSTATED)]


async def test_no_list_shows_a_report_before_the_register_was_replayed() -> None:
    reports = repository()
    for read in (reports.marked(ERASE_AT), reports.drills_of("portal", 1), reports.of_report("one")):
        with pytest.raises(TransientError, match="not replayed"):
            await read


async def test_a_change_gives_the_report_as_it_then_is_without_reading_it_again() -> None:
    before = {
        "_id": "one",
        "intake_version": 1,
        "received_at": NOW,
        "erase_at": NOW,
        "sealed": {"key_id": "k", "fields": {"narrative": b"x"}},
    }
    reports = repository()
    after = await reports.write(
        before, now=NOW, life=NEW, fields={"sealed.fields.message:1": b"y"}, pushed={"messages": {"number": 1}}
    )
    assert after is not None
    assert after["sealed"] == {"key_id": "k", "fields": {"narrative": b"x", "message:1": b"y"}}
    assert (after["messages"], after["changes"], "erase_at" in after) == ([{"number": 1}], 1, False)
    assert not [name for name in after if "." in name]
    assert before["sealed"] == {"key_id": "k", "fields": {"narrative": b"x"}}


async def test_a_decision_about_a_withdrawal_that_was_undone_keeps_nothing_of_a_later_one() -> None:
    objects = ErasureDecision(
        at=NOW - timedelta(days=1), by="s-1", organisation="busan", destroy=False, reason=Reason.VICTIM_OBJECTS
    )
    taken_over = NEW.model_copy(
        update={"decisions": (objects,), "handed_over_at": NOW - timedelta(hours=2), "confirmed_at": NOW}
    )
    life = taken_back(taken_over, now=NOW)
    reports = Reports()
    document = {"_id": "one", "intake_version": 1, "received_at": NOW}
    assert await repository(reports).write(document, now=NOW, life=life)
    [update] = reports.updates
    assert life.plan is not None
    assert update["$set"][ERASE_AT] == life.plan.at
    assert KEPT_SINCE in update["$unset"], "the page would say that it is kept for ever, while it is to be destroyed"
    kept = objects.model_copy(update={"at": NOW, "reason": Reason.INVESTIGATION, "category": Category.PERMANENT})
    since = life.model_copy(update={"plan": None, "decisions": (objects, kept)})
    assert await repository(reports).write(document, now=NOW, life=since)
    assert reports.updates[-1]["$set"][KEPT_SINCE] == NOW
