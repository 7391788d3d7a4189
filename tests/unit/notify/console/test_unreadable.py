"""What stands above every console is shown as far as it can be read: another build may have written some of it."""

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from services.notify.auditor.repository import FindingStore, OverdueReport
from services.notify.dead_letters.repository import DeadLetterStore
from shared.events.vocabulary import Urgency
from shared.metrics import REGISTRY
from shared.mongo import Document
from tests.unit.notify.samples import NOW, report_id

FINDING = OverdueReport(
    report_id=report_id(1),
    alias="가람-4821",
    center_id="busan",
    urgency=Urgency.CRITICAL,
    owed="answer",
    fault="late",
    step=1,
    due_at=NOW,
    seen_at=NOW,
)


class Documents:
    """A collection that gives all of its documents."""

    def __init__(self, *documents: Document) -> None:
        self.documents = documents

    def find(self, *_: object) -> "Documents":
        return self

    def sort(self, *_: object) -> "Documents":
        return self

    def limit(self, _: int) -> "Documents":
        return self

    async def to_list(self, _: int | None) -> list[Document]:
        return list(self.documents)


async def test_a_finding_that_cannot_be_read_hides_no_other() -> None:
    strange = {"_id": report_id(2), "urgency": "a word of a later build"}
    found = Documents(strange, {"_id": report_id(1), **FINDING.model_dump()})
    store = FindingStore(cast("Any", {"findings": found, "auditor": Documents()}))
    assert await store.of(None) == [FINDING]


@pytest.mark.parametrize("looks", [[], [{"_id": "auditor", "at": "a word of a later build"}]])
async def test_a_look_that_cannot_be_read_is_none(looks: list[Document]) -> None:
    store = FindingStore(cast("Any", {"findings": Documents(), "auditor": Documents(*looks)}))
    assert await store.last_look() is None


async def test_a_dead_letter_that_cannot_be_read_hides_no_other() -> None:
    letter = {"_id": "reports/0/7", "topic": "reports", "reason": "not_json", "seen_at": NOW}
    store = DeadLetterStore(cast("Any", {"dead": Documents({"_id": "reports/0/8"}, letter)}))
    assert [one.origin for one in await store.unread()] == ["reports/0/7"]


async def test_what_cannot_be_read_is_logged_once_and_counted_each_time() -> None:
    strange = {"_id": report_id(2), "urgency": "a word of a later build"}
    found = Documents(strange)
    store = FindingStore(cast("Any", {"findings": found, "auditor": Documents()}))
    dead = DeadLetterStore(cast("Any", {"dead": Documents({"_id": "reports/0/8"})}))

    async def logged_of_three() -> int:
        with capture_logs() as said:
            for _ in range(3):  # as consoles ask every few seconds
                await store.of(None)
        return len(said)

    before = REGISTRY.get_sample_value("ieum_documents_skipped_total", {"job_name": "findings"}) or 0
    assert await logged_of_three() == 1
    assert REGISTRY.get_sample_value("ieum_documents_skipped_total", {"job_name": "findings"}) == before + 3
    found.documents = (FINDING.model_dump() | {"_id": report_id(2)},)
    assert await logged_of_three() == 0
    found.documents = (strange,)
    assert await logged_of_three() == 1, "it could be read in between"
    with capture_logs() as said:
        assert [await dead.unread() for _ in range(3)] == [[], [], []]
    assert len(said) == 1
