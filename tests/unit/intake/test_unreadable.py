"""One stored report or call that cannot be read or sent keeps no other from its turn."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.intake.phone import rules as call_rules
from services.intake.phone import scripts
from services.intake.phone.call_page import CallPage
from services.intake.phone.drafts import CallDraft
from services.intake.phone.models import Assent, Call, CallEnding, CallState, Notes
from services.intake.phone.repository import CallRepository
from services.intake.phone.submitting import CallSubmitter
from services.intake.reports.authentication import ReportNotAuthenticError
from services.intake.reports.documents import Document
from services.intake.reports.lifecycle import NEW, Lifecycle
from services.intake.reports.repository import ERASE_AT, PAGE
from services.intake.retention.jobs import ErasureJob
from services.intake.retention.service import RetentionService
from services.intake.submissions.rules import ConflictError
from services.intake.submissions.service import SubmissionOrigin
from shared.errors import TransientError
from shared.jobs import Skipped, SkippedError
from shared.metrics import REGISTRY
from shared.web.problems import Problem
from tests.support.clock import ManualClock, agreeing
from tests.support.keys import issuer
from tests.unit.intake.retention.test_erasure import NOW, facts, taken_back

OVER = NOW + timedelta(days=4)
BROKEN = {"role": "somebody this build does not know"}


def stored(name: str, life: Lifecycle = NEW, **more: Any) -> Document:
    return {
        "_id": name,
        "received_at": NOW,
        "intake_version": 1,
        "facts": facts().model_dump(mode="json"),
        "life": life.model_dump(),
        **({ERASE_AT: life.plan.at} if life.plan else {}),
        **more,
    }


class Reports:
    """As much of intake's reports as its jobs need."""

    authentication = SimpleNamespace(check=lambda document: document)

    def __init__(self, *documents: Document) -> None:
        self.documents = {document["_id"]: document for document in documents}
        self.erased: list[str] = []
        self.done: list[str] = []

    async def of_report(self, report_id: str) -> Document | None:
        return self.documents.get(report_id)

    async def marked(self, mark: str, *, besides: Sequence[str] = (), limit: int = PAGE, **_: Any) -> list[Document]:
        return [d for d in self.documents.values() if mark in d and d["_id"] not in besides][:limit]

    async def count(self, mark: str) -> int:
        return len(await self.marked(mark))

    async def everything(self) -> AsyncIterator[Document]:
        for document in list(self.documents.values()):
            yield document

    async def claim(self, _: str, day: str, *__: Any) -> bool:
        return day not in self.done

    async def finished(self, _: str, day: str, __: str) -> None:
        self.done.append(day)

    async def alarm(self, *_: Any) -> None:
        pass

    async def unassigned(self, received: Mapping[str, datetime]) -> None:
        for name, at in received.items():
            self.documents[name] = {**self.documents[name], "unassigned_since": at}

    async def erase(self, before: Document, life: Lifecycle) -> bool:
        self.erased.append(before["_id"])
        self.documents[before["_id"]] = {"_id": before["_id"], "life": life.model_dump()}
        return True


class Nothing:
    """Takes every call and does nothing."""

    def __getattr__(self, _: str) -> Any:
        async def nothing(*_: Any, **__: Any) -> None:
            pass

        return nothing


def eraser(reports: Any) -> ErasureJob:
    nothing: Any = Nothing()
    clock = ManualClock(OVER)
    return ErasureJob(reports, nothing, nothing, clock, agreeing(clock))


def skipped(job: str) -> float:
    return REGISTRY.get_sample_value("ieum_documents_skipped_total", {"job_name": job}) or 0.0


async def test_one_unreadable_report_does_not_end_the_daily_job(capsys: pytest.CaptureFixture[str]) -> None:
    reports, before = Reports(stored("bad", facts=BROKEN), stored("good")), skipped("retention")
    with pytest.raises(SkippedError):
        await eraser(reports).daily()
    assert reports.done == ["2026-11-28"]
    assert skipped("retention") == before + 1
    said = capsys.readouterr()
    assert "job.document_skipped" in said.out + said.err
    assert "this build does not know" not in said.out + said.err


async def test_a_report_that_could_not_be_judged_is_judged_again_until_it_is_gone() -> None:
    reports = Reports(stored("bad", facts=BROKEN), stored("good"))
    job = eraser(reports)
    for _ in range(2):
        with pytest.raises(SkippedError):
            await job.daily()
    reports.documents["bad"]["facts"] = reports.documents["good"]["facts"]
    assert not await job.daily(), "the day was judged already"


async def test_a_report_that_is_refused_keeps_no_other_from_being_judged_again() -> None:
    reports = Reports(stored("bad", facts=BROKEN), stored("other", facts=BROKEN))
    job, of_report = eraser(reports), reports.of_report
    with pytest.raises(SkippedError):
        await job.daily()

    async def refused(report_id: str) -> Document | None:
        if report_id == "bad":
            raise ReportNotAuthenticError(report_id, "report")
        return await of_report(report_id)

    reports.of_report = refused  # type: ignore[method-assign]  # somebody changed it in the store
    reports.documents["other"]["facts"] = facts().model_dump(mode="json")
    with pytest.raises(SkippedError, match="1 documents"):
        await job.daily()


async def test_what_is_entered_into_the_index_while_it_is_destroyed_does_not_stay_there() -> None:
    index: set[str] = {"good"}

    class Links:
        async def forget(self, document: Document) -> None:
            index.discard(document["_id"])

    class Entering(Reports):
        async def erase(self, before: Document, life: Lifecycle) -> bool:
            index.add(before["_id"])  # by who read it as it was before
            return await super().erase(before, life)

    links: Any = Links()
    reports: Any = Entering(stored("good", taken_back()))
    nothing: Any = Nothing()
    clock = ManualClock(OVER)
    assert await ErasureJob(reports, links, nothing, clock, agreeing(clock)).minute() == 1
    assert index == set()


async def test_whole_pages_of_unreadable_reports_keep_no_key_from_being_destroyed() -> None:
    withdrawn = taken_back()
    bad = [stored(f"bad {number}", withdrawn, facts=BROKEN) for number in range(PAGE + 1)]
    reports, before = Reports(*bad, stored("good", withdrawn)), skipped("erasures")
    with pytest.raises(SkippedError):
        await eraser(reports).minute()
    assert reports.erased == ["good"]
    assert skipped("erasures") == before + PAGE + 1


async def test_a_store_that_is_away_is_waited_for_and_not_counted_against_a_report() -> None:
    reports, before = Reports(stored("good", taken_back())), skipped("erasures")

    async def away(_: str) -> None:
        raise TransientError("store: gone")

    reports.of_report = away  # type: ignore[assignment]  # the store goes away between two reads
    with pytest.raises(TransientError):
        await eraser(reports).minute()
    assert skipped("erasures") == before


async def test_the_page_of_decisions_shows_the_readable_ones() -> None:
    reports: Any = Reports(stored("bad", taken_back(), facts=BROKEN), stored("good", taken_back()))
    nobody: Any = type("Auditor", (), {"may": lambda *_: True})()
    nothing: Any = None
    lists = await RetentionService(reports, nothing, nothing, ManualClock(OVER)).lists(nobody)
    assert [row.report_id for row in lists.rows[ERASE_AT]] == ["good"]


class Collection:
    """Finds one call that this build cannot read and one that it can."""

    def find(self, *_: Any) -> "Collection":
        return self

    sort = limit = find

    async def to_list(self, _: int) -> list[Document]:
        good = {name: getattr(sending("good"), name) for name in Call.__dataclass_fields__ if name != "call_id"}
        return [{"_id": "bad", "state": "somewhere else"}, {"_id": "good", **good, "state": "open"}]


async def test_a_stored_call_this_build_cannot_read_is_left_out_of_the_lists() -> None:
    database: Any = {"calls": Collection()}
    left_out = Skipped("test")
    assert [call.call_id for call in await CallRepository(database).overdue(NOW, left_out)] == ["good"]
    assert left_out.references == ["bad"]


class Calls:
    """Half-sent calls; those named in ``fails`` raise when they are read."""

    def __init__(self, *calls: Call, **fails: Exception) -> None:
        self.store = self
        self.calls = {call.call_id: call for call in calls}
        self.fails = fails
        self.kept_until: dict[str, datetime] = {}

    async def keep_unsent(self, call: Call, until: datetime) -> None:
        self.kept_until[call.call_id] = until

    async def half_sent(self, *_: Any) -> list[Call]:
        return [call for call in self.calls.values() if call.state is CallState.SENDING]

    async def read(self, call_id: str) -> CallDraft:
        if call_id in self.fails:
            raise self.fails[call_id]
        return CallDraft(self.calls[call_id], Notes({"role": ("victim",), "harm_types": ("other",)}))

    async def write(self, before: CallDraft, after: Call, _: Notes | None) -> bool:
        self.calls[before.call.call_id] = after
        return True

    def key_of_report(self, call_id: str) -> str:
        return call_id

    report_id = key_of_report


class Lodging:
    """Lodges, or says what it is told to say."""

    def __init__(self, says: Exception | None = None) -> None:
        self.says = says
        self.lodged: list[str] = []

    async def submit(self, _: object, origin: SubmissionOrigin) -> None:
        if self.says is not None:
            raise self.says
        self.lodged.append(str(origin.idempotency_key))


def sending(name: str) -> Call:
    return call_rules.sending(Call(name, CallState.OPEN, "s-first", "busan", NOW, NOW + call_rules.KEPT), NOW)


def sender(calls: Any, lodging: Any, *lodged: str) -> CallSubmitter:
    changes: Any = Reports(*(stored(name) for name in lodged))
    return CallSubmitter(calls, lodging, changes, issuer(), agreeing(ManualClock(OVER)))


@pytest.mark.parametrize("trouble", [KeyError("assent"), TransientError("too many words wait"), ValueError("?")])
async def test_one_call_that_cannot_be_sent_holds_up_no_other(trouble: Exception) -> None:
    calls, lodging = Calls(sending("bad"), sending("good"), bad=trouble), Lodging()
    before = REGISTRY.get_sample_value("ieum_intake_call_completion_failures_total") or 0.0
    with pytest.raises(SkippedError):
        await sender(calls, lodging).finish_others()
    assert lodging.lodged == ["good"]
    assert REGISTRY.get_sample_value("ieum_intake_call_completion_failures_total") == before + 1
    assert [call.state for call in calls.calls.values()] == [CallState.SENDING, CallState.SENT]


async def test_a_call_whose_report_another_version_lodged_is_sent_and_ends_nothing() -> None:
    calls = Calls(sending("one"))
    assert await sender(calls, Lodging(ConflictError("another content"))).finish_others() == 1
    assert calls.calls["one"].state is CallState.SENT


async def test_a_call_that_is_a_report_already_is_not_lodged_again() -> None:
    calls, lodging = Calls(sending("one")), Lodging()
    assert await sender(calls, lodging, "one").send(CallDraft(calls.calls["one"], Notes()))
    assert (calls.calls["one"].state, lodging.lodged) == (CallState.SENT, [])


EARLIER = "2026-11-25"
"""The wording of the consents that a build before this one read aloud."""
SAID = {
    "role": ("victim",),
    "harm_types": ("other",),
    "consents": ("personal",),
    "assent": (f"ko:{EARLIER}",),
}


class ReadOut(Calls):
    """A call in whose course an operator of an earlier build read the texts of consent aloud."""

    def __init__(self, answers: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(sending("one"))
        self.notes = Notes(answers, Assent(version=EARLIER, language="ko", by="s-first", at=NOW))

    async def read(self, call_id: str) -> CallDraft:
        return CallDraft(self.calls[call_id], self.notes)


async def test_a_call_that_another_build_fixed_becomes_a_report_under_the_texts_that_were_read_out() -> None:
    assert EARLIER != scripts.VERSION
    calls, lodging = ReadOut(SAID), Lodging()
    assert await sender(calls, lodging).finish_others() == 1
    assert (lodging.lodged, calls.calls["one"].state) == (["one"], CallState.SENT)


async def test_a_call_that_this_build_cannot_send_stays_fixed_until_its_operator_looks() -> None:
    calls, lodging = ReadOut({**SAID, "harm_types": ("a kind that only a later build knows",)}), Lodging()
    with pytest.raises(SkippedError):
        await sender(calls, lodging).finish_others()
    assert (lodging.lodged, calls.calls["one"].state) == ([], CallState.SENDING)
    # The store would forget it after a day: it is kept for as long as somebody tries to send it.
    assert calls.kept_until == {"one": OVER + call_rules.UNSENT_KEPT}
    assert not await sender(calls, lodging).send(await calls.read("one"))
    assert calls.calls["one"].state is CallState.OPEN


class Shelf:
    """The collection of calls with one call in it, which somebody changes between two questions."""

    def __init__(self, call: Call) -> None:
        self.document = {**{n: getattr(call, n) for n in Call.__dataclass_fields__ if n != "call_id"}, "_id": "one"}

    async def delete_many(self, query: Document) -> None:
        asked = {name: wanted for name, wanted in query.items() if name not in {"_id", "until"}}
        over = "until" not in query or self.document["until"] <= query["until"]["$lte"]
        if over and all(self.document[name] == wanted for name, wanted in asked.items()):
            self.document = {}


async def test_a_call_revived_while_ended_ones_are_removed_stays_with_what_was_said() -> None:
    ended = call_rules.ended(sending("one"), CallEnding.ABANDONED, NOW)
    for call, left in ((ended, False), (call_rules.saved(ended, OVER), True)):
        shelf = Shelf(call)
        database: Any = {"calls": shelf}
        await CallRepository(database).remove([ended], OVER)
        assert bool(shelf.document) is left


async def test_a_call_whose_report_was_destroyed_since_is_not_called_one_that_was_not_received() -> None:
    sent = CallDraft(call_rules.sent(sending("one"), NOW), Notes())

    async def look(*_: Any) -> CallDraft:
        return sent

    async def given(*_: Any) -> None:
        return None

    parts: dict[str, Any] = {
        "view": SimpleNamespace(receipt=lambda *_: "not received yet"),
        "call_service": SimpleNamespace(look=look),
        "sender": SimpleNamespace(given=given),
        "link_service": None,
        "disk": None,
        "clock": ManualClock(NOW),
    }
    nobody: Any = None
    with pytest.raises(Problem) as refused:
        await CallPage(**parts).show(nobody, "one", nobody)
    assert refused.value.code == "call_ended"
