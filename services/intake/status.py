"""Telling a reporter the truth about their report, to whoever holds the receipt and nobody else."""

from datetime import datetime

from starlette.requests import Request

from services.intake import projection
from services.intake.holder import Holders
from services.intake.model.asking import ReceiptQuestion
from services.intake.model.life import Access
from services.intake.model.report import CenterName, State, StatusAnswer
from services.intake.policy import amending, erasure, handing_over, promise
from services.intake.policy.promise import FirstOnDuty
from services.intake.store import documents
from services.intake.store.documents import Document
from shared.centers import center
from shared.clock import Clock
from shared.events.vocabulary import Role, Urgency


class Teller:
    """Tells what may be told, with what is promised by who is on duty."""

    def __init__(self, first_on_duty: FirstOnDuty, clock: Clock) -> None:
        """``first_on_duty`` knows the shifts."""
        self._first_on_duty = first_on_duty
        self._clock = clock

    def __call__(self, document: Document) -> StatusAnswer:
        """What the holder of a report's receipt may know of it now."""
        return told(document, self._clock.now(), self._first_on_duty)


class StatusDesk:
    """Answers receipts."""

    def __init__(self, holders: Holders, tell: Teller) -> None:
        """``holders`` says whose receipt it is."""
        self._holders = holders
        self._tell = tell

    async def answer(self, question: ReceiptQuestion, request: Request) -> StatusAnswer:
        """Where the report stands. Raises ``Problem``: 404 ``unknown_receipt``, 429 ``too_many_requests``, 503."""
        found = await self._holders.admit(question, request, "receipts.read", guarded=False)
        return self._tell(found)


def told(document: Document, now: datetime, first_on_duty: FirstOnDuty) -> StatusAnswer:
    """What the holder of a report's receipt may know of it."""
    if "handed_over_at" in document:
        handed = document["handed_over_at"]
        return StatusAnswer(state=State.HANDED_OVER, since=handed, received_at=document["received_at"])
    life = erasure.life_of(document)
    facts = document.get("facts")
    role = Role(facts["role"]) if facts else Role.VICTIM
    progress = documents.progress_of(document)
    standing = projection.standing(document["received_at"], progress, life, role)
    name = None
    if standing.center_id is not None:
        owner = center(standing.center_id)
        name = CenterName(id=owner.id, name_ko=owner.name_ko, name_en=owner.name_en)
    messages = amending.by_holder(document, "messages")
    mine = facts is not None and life.erased_at is None and life.withdrawal is None
    may_offer = mine and handing_over.may_offer(life, documents.facts_in(document))
    offer = handing_over.offer_of(document) if may_offer else None
    replies = 0 if standing.limited else len(document.get("replies") or ())
    unread = replies - min(replies, document.get("replies_read") or 0)
    shown = erasure.access_of(life) is Access.OPEN and replies > 0
    return StatusAnswer(
        answers=replies if shown else None,
        answers_unread=unread if shown else None,
        center=name,
        messages=messages if messages and not standing.limited else None,
        expected_by=promise.expected_by(Urgency(facts["urgency"]), standing, progress, first_on_duty)
        if facts
        else None,
        may_hand_over=may_offer or None,
        hand_over_until=handing_over.open_until(offer, now),
        taken_over_at=life.handed_over_at,
        **standing.model_dump(exclude={"center_id"}),
    )
