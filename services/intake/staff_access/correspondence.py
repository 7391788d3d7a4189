"""Texts by a centre's staff about a report: answers, which its holder reads, and notes. Sealed with its own key."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from services.intake.audit_recorder import AuditRecorder
from services.intake.caller import Require
from services.intake.concurrency import Attempts
from services.intake.encryption.keys import KeyedDigests
from services.intake.problems import unavailable_to_staff
from services.intake.reports import documents
from services.intake.reports.documents import Document
from services.intake.reports.models import Taken
from services.intake.reports.repository import ReportRepository
from services.intake.retention import rules as retention_rules
from services.intake.retention.rules import RefusedError
from services.intake.staff_access import correspondence_rules
from services.intake.staff_access import words as staff_words
from services.intake.staff_access.correspondence_rules import WriteRefusal
from services.intake.staff_access.views import details_of
from services.intake.submissions import idempotency
from services.intake.submissions.idempotency import IdempotencyRecord
from shared.clock import Clock, whole_milliseconds
from shared.encryption import Keyring
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import NOBODY, Action
from shared.web.app import Problem


class TextKind(StrEnum):
    """Kinds of text; the values name sealed parts and lines of the audit."""

    ANSWER = "answer"
    NOTE = "note"


_LISTS: Final = {TextKind.ANSWER: "replies", TextKind.NOTE: "notes"}
_MOST: Final = {TextKind.ANSWER: correspondence_rules.ANSWERS, TextKind.NOTE: correspondence_rules.NOTES}


class Correspondence:
    """Writes."""

    def __init__(
        self,
        reports: ReportRepository,
        recorder: AuditRecorder,
        keyring: Keyring,
        keys: KeyedDigests,
        clock: Clock,
    ) -> None:
        """``keys`` sign the leave to write and digest idempotency keys."""
        self._reports = reports
        self._recorder = recorder
        self._keyring = keyring
        self._keys = keys
        self._clock = clock

    def leave(self, report_id: str, ownership: int, subject: str, session: str) -> str:
        """Leave to write, for whom a ticket has just opened the details."""
        until = self._clock.now() + correspondence_rules.LASTS
        return correspondence_rules.leave_for(self._keys, report_id, ownership, subject, session, until)

    async def write(
        self,
        where: str,
        principal: Principal,
        require: Require,
        report_id: str,
        kind: TextKind,
        leave: str,
        text: str,
        key: str | None,
        *,
        reader: str = "",
        marked: bool = False,
    ) -> None:
        """Seal a text with the report, once under a ``key``. ``require`` says whose report they may write about.

        ``reader`` is whom an answer was written for, ``marked`` that its writer says so; see
        ``correspondence_rules.meant_for``.

        Raises ``Problem``; then nothing was kept, or (503) nobody knows.
        """
        action = f"details.{kind}"
        mark = idempotency.mark(self._keys, action, text, key)
        try:
            async for attempt in Attempts():
                document = await self._reports.of_report(report_id)
                owner = _owner(document)
                # Unknown and not theirs are one answer: nobody learns which reports exist elsewhere.
                require(Action.DETAILS_WRITE, owner or NOBODY)
                now = whole_milliseconds(self._clock.now())
                try:
                    if idempotency.is_repeat(document or {}, mark):
                        return
                    why = self._judged(document or {}, principal, report_id, kind, leave, now)
                    if why is None and kind is TextKind.ANSWER:
                        why = self._may_answer(document or {}, reader, marked=marked)
                except RefusedError:
                    why = WriteRefusal.SENT_BEFORE
                if why is not None or document is None:
                    refused = why or WriteRefusal.ERASED
                    self._recorder.staff_refused(where, principal, action, report_id, refused.value)
                    status, words = staff_words.NOT_WRITTEN[refused]
                    raise Problem(status, refused.value, words)
                if attempt == 0:
                    await self._recorder.by_staff(where, principal, action, report_id, kind.value)
                if await self._written(document, principal, kind, text, now, mark, reader):
                    return
        except TransientError:
            raise unavailable_to_staff() from None
        raise unavailable_to_staff()

    def _judged(
        self, document: Document, principal: Principal, report_id: str, kind: TextKind, leave: str, now: datetime
    ) -> WriteRefusal | None:
        ownership = correspondence_rules.ownership_in(
            self._keys, leave, report_id, principal.subject, principal.session, now
        )
        owned = documents.progress_of(document).ownership
        room = len(document.get(_LISTS[kind]) or ()) < _MOST[kind]
        access = retention_rules.report_access(document)
        return correspondence_rules.judge(ownership, principal.organisation, access, owned, room=room)

    def _may_answer(self, document: Document, reader: str, *, marked: bool) -> WriteRefusal | None:
        contact = details_of(document, documents.opened(document, self._keyring)).contact
        if not correspondence_rules.may_answer(contact, len(documents.of_holder(document, "messages"))):
            return WriteRefusal.NOT_AGREED
        return correspondence_rules.meant_for(reader, correspondence_rules.reader_of(document), marked=marked)

    async def _written(
        self,
        document: Document,
        principal: Principal,
        kind: TextKind,
        text: str,
        now: datetime,
        mark: IdempotencyRecord | None,
        reader: str,
    ) -> bool:
        number = len(document.get(_LISTS[kind]) or ()) + 1
        name = f"{kind}:{number}"
        key = documents.key_of(document, self._keyring)
        entry: dict[str, Any] = {"number": number, "at": now, "by": principal.subject}
        if reader and kind is TextKind.ANSWER:
            entry[correspondence_rules.READER] = reader
        written = await self._reports.write(
            document,
            now=now,
            fields={f"sealed.fields.{name}": key.encrypt(name, orjson.dumps(text))},
            pushed={_LISTS[kind]: entry, **idempotency.noted(mark, Taken(number=number, at=now))},
        )
        return written is not None


def _owner(document: Document | None) -> str | None:
    owned = documents.progress_of(document).ownership if document else None
    return owned.center_id if owned is not None else None
