"""What whoever changes a report with its receipt is answered."""

from types import SimpleNamespace
from typing import Any

from services.intake.caller import Caller
from services.intake.receipts.updates import ReportUpdate, ReportUpdater
from services.intake.reports.documents import Document
from shared.errors import TransientError
from tests.support.clock import ManualClock
from tests.support.keys import KEYS
from tests.unit.intake.retention.test_erasure import NOW
from tests.unit.intake.test_unreadable import Nothing, stored


class Leaving:
    """A store that goes away once it has taken a change."""

    def __init__(self, document: Document) -> None:
        self.document, self.away = document, False

    async def of_report(self, _: str) -> Document:
        if self.away:
            raise TransientError("store: gone")
        return self.document

    async def write(self, before: Document, **_: Any) -> Document:
        self.away = True
        return {**before, "changes": 1}


async def test_what_was_changed_is_not_denied_where_the_store_goes_away_behind_it() -> None:
    reports: Any = Leaving({**stored("one"), "receipt_hash": "hash"})
    relay: Any = SimpleNamespace(enqueue=lambda _: None)
    nothing: Any = Nothing()
    updater = ReportUpdater(
        authenticator=nothing,
        reports=reports,
        relay=relay,
        keys=KEYS.lasting,
        recorder=nothing,
        clock=ManualClock(NOW),
    )
    made = ReportUpdate()
    changed = await updater.apply("receipts.take_over", reports.document, Caller("192.0.2.0/24"), lambda *_: made)
    assert (changed.document["changes"], changed.step) == (1, made)
