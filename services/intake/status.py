"""Telling a reporter the truth about their report, to whoever holds the receipt and nobody else."""

from starlette.requests import Request

from services.intake import projection
from services.intake.holder import Holders
from services.intake.model.asking import ReceiptQuestion
from services.intake.model.life import Access
from services.intake.model.report import CenterName, StatusAnswer
from services.intake.policy import erasure, promise
from services.intake.store import documents
from services.intake.store.documents import Document
from shared.centers import center
from shared.events.vocabulary import Role, Urgency


class StatusDesk:
    """Answers receipts."""

    def __init__(self, holders: Holders) -> None:
        """``holders`` says whose receipt it is."""
        self._holders = holders

    async def answer(self, question: ReceiptQuestion, request: Request) -> StatusAnswer:
        """Where the report stands. Raises ``Problem``: 404 ``unknown_receipt``, 429 ``too_many_requests``, 503."""
        return told(await self._holders.admit(question, request, "receipts.read", guarded=False))


def told(document: Document) -> StatusAnswer:
    """What the holder of a report's receipt may know of it."""
    life = erasure.life_of(document)
    facts = document.get("facts")
    role = Role(facts["role"]) if facts else Role.VICTIM
    progress = documents.progress_of(document)
    standing = projection.standing(document["received_at"], progress, life, role)
    name = None
    if standing.center_id is not None:
        owner = center(standing.center_id)
        name = CenterName(id=owner.id, name_ko=owner.name_ko, name_en=owner.name_en)
    messages = len(document.get("messages") or ())
    replies = 0 if standing.limited else len(document.get("replies") or ())
    unread = replies - min(replies, document.get("replies_read") or 0)
    shown = erasure.access_of(life) is Access.OPEN and replies > 0
    return StatusAnswer(
        answers=replies if shown else None,
        answers_unread=unread if shown else None,
        center=name,
        messages=messages if messages and not standing.limited else None,
        expected_by=promise.expected_by(Urgency(facts["urgency"]), standing, progress) if facts else None,
        **standing.model_dump(exclude={"center_id"}),
    )
