"""Telling a reporter the truth about their report, to whoever holds the receipt and nobody else."""

from datetime import date, datetime

from services.intake.caller import Caller
from services.intake.handover import rules as handover_rules
from services.intake.receipts import amendments, promise
from services.intake.receipts.authentication import ReceiptAuthenticator
from services.intake.receipts.models import ReceiptQuestion
from services.intake.receipts.promise import FirstOnDuty
from services.intake.reports import documents, waiting_period
from services.intake.reports import rules as progress_rules
from services.intake.reports.documents import Document
from services.intake.reports.lifecycle import Access
from services.intake.reports.models import (
    CenterName,
    CenterStay,
    ReportStatus,
    State,
    StatusAnswer,
)
from services.intake.retention import rules as retention_rules
from services.intake.staff_access import correspondence_rules
from shared.centers import CENTRAL, center, centers_near, home_candidates
from shared.clock import Clock, seoul_date
from shared.events.vocabulary import Role, Urgency
from shared.severity import known_urgency


class StatusAnswerBuilder:
    """Tells what may be told, with what is promised by who is on duty."""

    def __init__(self, first_on_duty: FirstOnDuty, clock: Clock) -> None:
        """``first_on_duty`` knows the shifts."""
        self._first_on_duty = first_on_duty
        self._clock = clock

    def __call__(self, document: Document) -> StatusAnswer:
        """Return the status as the report's present holder may see it."""
        return status_answer(document, self._clock.now(), self._first_on_duty)


class StatusService:
    """Answers receipts."""

    def __init__(self, authenticator: ReceiptAuthenticator, tell: StatusAnswerBuilder) -> None:
        """``authenticator`` says whose receipt it is."""
        self._authenticator = authenticator
        self._tell = tell

    async def answer(self, question: ReceiptQuestion, caller: Caller) -> StatusAnswer:
        """Return the report's status. Raises ``Problem``: 404 ``unknown_receipt``, 429 ``too_many_requests``, 503."""
        found = await self._authenticator.authenticate(question, caller, "receipts.read", guarded=False)
        return self._tell(found)

    def device_proof(self, caller: Caller, receipt: str) -> str | None:
        """The cookie for a browser that has just given this receipt rightly, and its word where one was compared."""
        return self._authenticator.device_proof(caller, receipt)


def status_answer(document: Document, now: datetime, first_on_duty: FirstOnDuty) -> StatusAnswer:
    """Return the status as the holder of the report's receipt may see it."""
    if "handed_over_at" in document:
        handed = document["handed_over_at"]
        return StatusAnswer(state=State.HANDED_OVER, since=handed, received_at=document["received_at"])
    life = retention_rules.lifecycle_of(document)
    facts = document.get("facts")
    role = Role.read(facts["role"]) if facts else Role.VICTIM
    progress = documents.progress_of(document)
    status = progress_rules.status_of(document["received_at"], progress, life, role, documents.opened_at(document))
    messages = len(documents.of_holder(document, "messages"))
    mine = facts is not None and life.erased_at is None and life.withdrawal is None
    may_offer = mine and handover_rules.may_offer(life, documents.facts_in(document))
    offer = handover_rules.handover_code_of(document) if may_offer else None
    left = correspondence_rules.shown_to_holder(document) if facts is not None else []
    replies = len(left)
    unread = sum(one["number"] > (document.get("replies_read") or 0) for one in left)
    access = retention_rules.access_of(life)
    shown = access is Access.OPEN and replies > 0
    waiting = waiting_period.waiting_word(document, now) if access is Access.OPEN else None
    named = facts is not None and names_centers(status, facts)

    def hours_told(center_id: str, moment: datetime) -> datetime | None:
        """Of a centre that is not named no hours either: whoever knows them would know the centre."""
        own_place = facts is not None and center_id in _near(facts, seoul_date(status.received_at))
        return first_on_duty(center_id, moment) if own_place else None

    return StatusAnswer(
        answered_at=max(one["at"] for one in left) if shown else None,
        answers=replies if shown else None,
        answers_unread=unread if shown else None,
        center=CenterName(**_name(status.center_id)) if named and status.center_id is not None else None,
        centers=[CenterStay(**_name(one.center_id), **one.model_dump(exclude={"center_id"})) for one in status.stays]
        if named and status.moved_at is not None
        else None,
        center_unnamed=True if status.center_id is not None and not named else None,
        contact_changed_at=amendments.contact_changed_at(document) if mine else None,
        destroy_asked_at=retention_rules.destroy_asked_at(life),
        limited_because=retention_rules.limited_because(life, role) if status.limited else None,
        messages=messages if messages and not status.limited else None,
        expected_by=promise.expected_by(
            known_urgency(Urgency.read(facts["urgency"])), status, progress, first_on_duty if named else hours_told
        )
        if facts
        else None,
        may_hand_over=may_offer or None,
        hand_over_until=handover_rules.open_until(offer, now),
        taken_over_at=life.handed_over_at,
        word_from=waiting.counts_from if waiting else None,
        word_for_status=waiting_period.needed_for_status(document, now) or None,
        **status.model_dump(exclude={"center_id", "stays"}),
    )


def names_centers(status: ReportStatus, facts: Document) -> bool:
    """Return whether the centres may be named: those of the reporter's own place, or any once one was in contact.

    A report goes to the centre that has an earlier one of the same address. Whoever posted a picture could report it as
    somebody from far away, and would learn from another centre's name where the person lives who reported it before.
    """
    if facts.get("synthetic") or status.contacted_at is not None:
        return True
    near = _near(facts, seoul_date(status.received_at))
    return near.issuperset({status.center_id, *(one.center_id for one in status.stays)} - {None})


def _near(facts: Document, day: date) -> set[str]:
    """Return the centres of the reporter's own place on a day, which tell nobody anything."""
    near = {CENTRAL, *centers_near(facts["division"], day)}
    near.update(home_candidates(facts["division"], facts.get("district"), day))
    return near


def _name(center_id: str) -> dict[str, str]:
    found = center(center_id)
    return {"id": found.id, "name_ko": found.name_ko, "name_en": found.name_en}
