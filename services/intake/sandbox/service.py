"""The drills of a front end that is being tried out."""

from typing import Final

from services.intake.callbacks.repository import CallbackRepository
from services.intake.receipts.status import StatusAnswerBuilder
from services.intake.reports.documents import Document, is_own_drill
from services.intake.reports.repository import ReportRepository
from services.intake.sandbox.views import SandboxDrill, drill
from shared.jobs import Skipped

SHOWN: Final = 50


class SandboxService:
    """Reads drills, newest first."""

    def __init__(self, reports: ReportRepository, callbacks: CallbackRepository, tell: StatusAnswerBuilder) -> None:
        """``tell`` says what a receipt would show."""
        self._reports = reports
        self._callbacks = callbacks
        self._tell = tell

    async def drills(self, client_id: str) -> list[SandboxDrill]:
        """The newest of one front end, and of nobody else. Raises ``TransientError``."""
        documents = await self._reports.drills_of(client_id, SHOWN)
        kept = await self._callbacks.of_reports([document["_id"] for document in documents])

        def shown(document: Document) -> SandboxDrill:
            self._reports.authentication.check(document)
            return drill(document, self._tell(document), kept.get(document["_id"]))

        own = [document for document in documents if is_own_drill(document, client_id)]
        return Skipped("sandbox").readable(own, shown)
