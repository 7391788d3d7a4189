"""What the page of drills reads: of one front end, and nothing that intake did not write."""

from types import SimpleNamespace
from typing import Any

from services.intake.receipts.status import StatusAnswerBuilder
from services.intake.reports.authentication import ReportNotAuthenticError
from services.intake.reports.documents import FRONT_END, Document
from services.intake.sandbox.service import SandboxService
from tests.support.clock import ManualClock
from tests.unit.intake.retention.test_erasure import NOW, facts
from tests.unit.intake.test_unreadable import stored


class Reports:
    """Two drills; one was pointed at this front end in the store."""

    def __init__(self) -> None:
        drill = facts(sandbox=True, synthetic=True).model_dump(mode="json")
        self.documents = [{**stored(name, facts=drill), FRONT_END: "portal"} for name in ("of-another", "own")]
        self.authentication = SimpleNamespace(check=self.check)

    async def drills_of(self, _: str, __: int) -> list[Document]:
        return self.documents

    def check(self, document: Document) -> Document:
        if document["_id"] == "of-another":
            raise ReportNotAuthenticError(document["_id"], "report")
        return document


async def test_a_report_that_somebody_pointed_at_a_front_end_in_the_store_is_not_shown_to_it() -> None:
    reports: Any = Reports()
    callbacks: Any = SimpleNamespace(of_reports=_nothing_kept)
    tell = StatusAnswerBuilder(lambda *_: None, ManualClock(NOW))
    found = await SandboxService(reports, callbacks, tell).drills("portal")
    assert [drill.report_id for drill in found] == ["own"]


async def _nothing_kept(_: object) -> dict[str, object]:
    return {}
