"""Changes by a receipt's holder: leave a message, add, withdraw, reinstate, set a passphrase."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from services.intake import problems
from services.intake.caller import Caller
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.links import rules as link_rules
from services.intake.links.service import LinkService
from services.intake.problems import unavailable
from services.intake.receipts import amendments
from services.intake.receipts.authentication import Spoken
from services.intake.receipts.models import AmendmentAsked, MessageAsked, ReceiptQuestion, WithdrawalAsked, WordAsked
from services.intake.receipts.status import StatusAnswerBuilder
from services.intake.receipts.updates import ReportUpdate, ReportUpdater, open_life, taken_of
from services.intake.reports import documents, waiting_period
from services.intake.reports.documents import Document
from services.intake.reports.events import amended
from services.intake.reports.lifecycle import Lifecycle
from services.intake.reports.models import AnswerLeft, AnswersLeft, StatusAnswer, Taken
from services.intake.retention import rules as retention_rules
from services.intake.retention.jobs import WITHDRAWALS
from services.intake.retention.rules import RefusedError
from services.intake.staff_access import correspondence_rules
from services.intake.staff_access.views import written
from services.intake.submissions.facts import NotAdmittedError, demand_consent, demand_deadline, demand_told
from services.intake.submissions.idempotency import IdempotencyRecord, is_repeat, noted
from services.intake.submissions.rules import content_of
from shared.clock import Clock, seoul_date, whole_milliseconds
from shared.encryption import Keyring
from shared.errors import TransientError
from shared.events.reports import ReportMessageLeft, ReportReinstated, ReportWithdrawn
from shared.store_clock import StoreClock

MESSAGES: Final = 50
"""Messages with one receipt; more belong in a conversation."""


Destroy = Callable[[str], Awaitable[Document | None]]


class _Found(NamedTuple):
    digests: tuple[str, ...]
    linked: tuple[str, ...]


class ReceiptService:
    """Changes with a receipt."""

    def __init__(
        self,
        updater: ReportUpdater,
        keyring: Keyring,
        words: PassphraseHasher,
        link_service: LinkService,
        tell: StatusAnswerBuilder,
        clock: Clock,
        store_clock: StoreClock,
        destroy: Destroy,
    ) -> None:
        """``destroy`` ends the key of a report whose time has come, and gives what is then stored of it.

        ``store_clock`` tells where this process's clock is wrong, for the time in which a withdrawal can be undone.
        """
        self._updater = updater
        self._keyring = keyring
        self._words = words
        self._link_service = link_service
        self._tell = tell
        self._clock = clock
        self._store_clock = store_clock
        self._destroy = destroy

    async def message(self, asked: MessageAsked, caller: Caller, key: str | None) -> Taken:
        """Seal a message and tell the centre that there is one. Raises ``Problem``."""
        mark = self._updater.mark("message", asked, key)

        def judge(document: Document, now: datetime) -> ReportUpdate | None:
            if is_repeat(document, mark):
                return None
            open_life(document)
            number = len(document.get("messages") or ()) + 1
            if waiting_period.counted(document, documents.of_holder(document, "messages"), now) >= MESSAGES:
                raise RefusedError("too_many_messages")
            version = document["intake_version"] + 1
            taken = Taken(number=number, at=now)
            name = f"message:{number}"
            return ReportUpdate(
                fields={
                    f"sealed.fields.{name}": documents.key_of(document, self._keyring).encrypt(
                        name, orjson.dumps(asked.text)
                    )
                },
                pushed={"messages": {"number": number, "at": now, "version": version}, **noted(mark, taken)},
                events=(ReportMessageLeft(report_id=document["_id"], intake_version=version, left_at=now),),
                detail={"message": str(number)},
                taken=taken,
            )

        return taken_of(await self._updater.change("receipts.message", asked, caller, judge), mark)

    async def amend(
        self, asked: AmendmentAsked, caller: Caller, key: str | None, *, spoken: Spoken | None = None
    ) -> Taken:
        """Add to a report or correct it; what is now true of it is judged anew. Raises ``Problem``.

        ``spoken``: by a call, see ``ReceiptAuthenticator.authenticate``.
        """
        mark = self._updater.mark("amend", asked, key)
        if amendments.is_empty(asked):
            raise problems.nothing_said()
        try:
            # Of what is said now only: what was taken before stands as it is, and a consent may be taken back alone.
            demand_deadline(asked.threat_deadline, self._clock.now())
            demand_told(asked.already_told)
            demand_consent(asked.contact, asked.consents)
        except NotAdmittedError as error:
            raise problems.from_admission(error) from None
        admitted = await self._updater.authenticator.authenticate(asked, caller, "receipts.amend", spoken=spoken)
        found = await self._found(admitted, asked)

        def judge(document: Document, now: datetime) -> ReportUpdate | None:
            if is_repeat(document, mark):
                return None
            life = open_life(document)
            number = len(document.get("amendments") or ()) + 1
            made = waiting_period.counted(document, documents.of_holder(document, "amendments"), now)
            if made >= amendments.AMENDMENTS:
                raise RefusedError("too_many_amendments")
            return self._amendment(document, life, asked, mark, Taken(number=number, at=now), found)

        changed = await self._updater.apply("receipts.amend", admitted, caller, judge)
        since = changed.document.get(documents.UNINDEXED_SINCE)
        if found.digests and since is not None:
            self._link_service.enqueue(changed.document["_id"], changed.document[documents.DIGESTS], since)
        return taken_of(changed, mark)

    async def withdraw(self, asked: WithdrawalAsked, caller: Caller) -> StatusAnswer:
        """Stop contact and seal the report at once; destroy it later, or sooner if that was understood.

        Destruction at once waits a day where only the receipt was shown, see ``policy.receipt_alone``. Where this
        process's clock and the store's are apart the store's counts, but the time for second thoughts begins by the
        later of the two: another process destroys by a clock that is right, and nothing tells which one that is.
        """
        correction = await self._correction()

        def judge(document: Document, by_clock: datetime) -> ReportUpdate | None:
            now = whole_milliseconds(by_clock + correction)
            if asked.at_once and not asked.understood:
                raise RefusedError("not_understood")
            before = retention_rules.lifecycle_of(document)
            if before.erased_at is not None:
                return None  # it is what they want, and they are told that it is so
            facts = documents.facts_in(document)
            life = retention_rules.withdrawn(
                before,
                facts,
                at_once=asked.at_once,
                understood=asked.understood,
                receipt_alone=not waiting_period.may_act_at_once(document),
                now=now,
                latest=max(now, by_clock),
            )
            if life == before:
                return None
            version = document["intake_version"] + 1
            event = ReportWithdrawn(report_id=document["_id"], intake_version=version, withdrawn_at=now)
            return ReportUpdate(
                life=life,
                events=(event,) if before.withdrawal is None else (),
                detail={"at_once": str(asked.at_once).lower()},
            )

        document, step = await self._updater.change("receipts.withdraw", asked, caller, judge)
        if step is not None and step.events:
            WITHDRAWALS.inc()
        life = retention_rules.lifecycle_of(document)
        if life.plan is not None and life.plan.at <= self._clock.now():
            # Where this fails the job does it within the minute, and the answer says that it is planned.
            with contextlib.suppress(TransientError):
                document = await self._destroy(document["_id"]) or document
        return self._tell(document)

    async def reinstate(self, asked: ReceiptQuestion, caller: Caller) -> StatusAnswer:
        """Undo a withdrawal within the time for it. Raises ``Problem``: 409 ``too_late``, 410 ``erased``.

        Where the clocks are apart it is over by both: what is not destroyed can still be saved. It is dated by the
        store's, as the withdrawal is.
        """
        correction = await self._correction()

        def judge(document: Document, by_clock: datetime) -> ReportUpdate | None:
            now = whole_milliseconds(by_clock + correction)
            before = retention_rules.lifecycle_of(document)
            life = retention_rules.reinstated(before, now, earliest=min(now, by_clock))
            if life == before:
                return None
            version, at = document["intake_version"] + 1, life.reinstated_at or now
            event = ReportReinstated(report_id=document["_id"], intake_version=version, reinstated_at=at)
            return ReportUpdate(life=life, events=(event,))

        document, _ = await self._updater.change("receipts.reinstate", asked, caller, judge)
        return self._tell(document)

    async def _correction(self) -> timedelta:
        try:
            return await self._store_clock.correction()
        except TransientError:
            raise unavailable() from None

    async def answers(self, asked: ReceiptQuestion, caller: Caller) -> AnswersLeft:
        """Return the centre's answers to this holder; they count as read from then on. Raises ``Problem``."""

        def judge(document: Document, now: datetime) -> ReportUpdate | None:
            del now
            open_life(document)
            left = correspondence_rules.shown_to_holder(document)
            newest = max((one["number"] for one in left), default=0)
            if newest <= (document.get("replies_read") or 0):
                return None
            return ReportUpdate(fields={"replies_read": newest}, detail={"answers": str(newest)})

        document, _ = await self._updater.change("receipts.answers", asked, caller, judge)
        if "sealed" not in document:
            return AnswersLeft(answers=[])
        parts = documents.opened(document, self._keyring)
        own = {one["number"] for one in correspondence_rules.shown_to_holder(document)}
        found = [one for one in written(document, parts, "replies", "answer") if one.number in own]
        return AnswersLeft(answers=[AnswerLeft(number=one.number, at=one.at, text=one.value) for one in found])

    async def set_word(self, asked: WordAsked, caller: Caller) -> StatusAnswer:
        """Set a word, or replace the one in force; the first one counts a day later.

        Raises ``Problem``; 409 ``word_waits`` where one waits for its day. The waiting one itself is answered alike, or
        whoever found the receipt could try words on it.
        """
        fresh = asked.new_word or problems.fit_word(asked.word)
        document = await self._updater.authenticator.authenticate(asked, caller, "receipts.word")
        now = self._clock.now()
        unchanged = asked.for_status in (None, waiting_period.needed_for_status(document, now))
        if waiting_period.word_in_force(document, now) is not None and asked.new_word is None and unchanged:
            return self._tell(document)  # it is the word that is set, or nobody would have come this far
        try:
            stored = await self._words.hashed(document["_id"], fresh)
        except TransientError:
            raise unavailable() from None

        def judge(known: Document, now: datetime) -> ReportUpdate:
            open_life(known)
            if waiting_period.waiting_word(known, now) is not None:
                raise RefusedError("word_waits")
            replaced = waiting_period.word_in_force(known, now) is not None
            detail = {"replaced": str(replaced).lower()}
            if asked.for_status is not None:
                detail["for_status"] = str(asked.for_status).lower()
            fields = waiting_period.with_word(known, stored, now, for_status=asked.for_status)
            return ReportUpdate(fields=fields, detail=detail)

        changed = await self._updater.apply("receipts.word", document, caller, judge)
        self._updater.authenticator.word_replaced(caller, asked.receipt, stored)
        return self._tell(changed.document)

    async def cancel_word(self, asked: ReceiptQuestion, caller: Caller) -> StatusAnswer:
        """Make a word void that does not count yet; nothing where there is none. Raises ``Problem``."""

        def judge(document: Document, now: datetime) -> ReportUpdate | None:
            if waiting_period.waiting_word(document, now) is None:
                return None
            return ReportUpdate(fields={waiting_period.LATER: None})

        document, _ = await self._updater.change("receipts.word_cancel", asked, caller, judge)
        return self._tell(document)

    async def _found(self, admitted: Document, asked: AmendmentAsked) -> "_Found":
        """Return the digests of an addition, and the reports that share one."""
        facts = admitted.get("facts") or {}
        synthetic = bool(facts.get("synthetic"))
        digests = link_rules.digests_of(self._link_service.keys, asked.model_dump(), synthetic=synthetic)
        return _Found(digests, await self._link_service.linked(admitted["_id"], digests))

    def _amendment(
        self,
        document: Document,
        life: Lifecycle,
        asked: AmendmentAsked,
        mark: IdempotencyRecord | None,
        taken: Taken,
        found: "_Found",
    ) -> ReportUpdate:
        before = documents.facts_in(document)
        # Who took it over is asked how they may be reached: the ways of whoever reported ended with the hand-over.
        theirs = life.handed_over_at is None and retention_rules.made_by_other(life, before)
        if theirs and retention_rules.stood_by(life) and amendments.reaches(asked):
            raise RefusedError("not_with_this_receipt")
        key = documents.key_of(document, self._keyring)
        now, version = taken.at, document["intake_version"] + 1
        alone = not waiting_period.may_act_at_once(document)
        try:
            whole = amendments.merged(before, documents.opened(document, self._keyring), asked, receipt_alone=alone)
            facts = amendments.amended_facts(before, whole, asked, now, seoul_date(now), receipt_alone=alone)
            if alone:
                amendments.demand_centre_not_chosen(document, before, facts)
        except ValidationError as error:
            raise problems.from_errors(error) from None
        except NotAdmittedError as error:
            raise problems.from_admission(error) from None
        links = amendments.linked(document, before, facts, found.linked, receipt_alone=alone)
        facts = facts.model_copy(update={"linked_reports": links})
        parts = documents.personal_parts(content_of(whole))
        fields: dict[str, Any] = {"facts": facts.model_dump(mode="json")}
        touched = sorted(amendments.touched(asked))
        for part in touched:
            name = f"{part}:{version}"
            fields[f"sealed.fields.{name}"] = key.encrypt(name, parts.get(part, b"{}"))
        if found.digests:
            fields |= documents.to_be_found(
                link_rules.merged(document.get(documents.DIGESTS) or (), found.digests), now
            )
        made = {"number": taken.number, "at": now, "version": version, "parts": touched, "receipt_alone": alone}
        if replaced := amendments.replaced(before, facts):
            made["before"] = replaced
        if amendments.changes_contact(asked):
            made["contact"] = True
        if alone and amendments.moves(before, facts):
            made["place"] = True
        if alone and (brought := [one for one in links if one not in before.linked_reports]):
            made["linked"] = brought
        pushed: dict[str, Any] = {"amendments": made}
        if asked.consents is not None:
            made["consents"] = True
            fields["consents"] = asked.consents.model_dump(mode="json")
            if document.get("consents"):
                pushed["earlier_consents"] = {**document["consents"], "until": now}
        return ReportUpdate(
            life=retention_rules.amended(life, before, facts),
            fields=fields,
            pushed={**pushed, **noted(mark, taken)},
            events=(amended(document["_id"], version, now, facts),),
            detail={"amendment": str(taken.number)},
            taken=taken,
        )
