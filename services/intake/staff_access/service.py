"""Opens a report's details to whoever brings a ticket: judged, used up and written down before anything is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from prometheus_client import Counter

from services.intake.reports import documents
from services.intake.reports.authentication import FAILURES, SEALED
from services.intake.reports.documents import Document
from services.intake.reports.repository import ReportRepository
from services.intake.retention import rules as retention_rules
from services.intake.staff_access.repository import UsedTickets
from services.intake.staff_access.rules import AccessRefusal, judge
from shared import log as logs
from shared.audit.entries import BEHIND, STALE
from shared.audit.model import AuditEntry, AuditOutcome
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.encryption import Keyring
from shared.errors import IeumError, PermanentError
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.identity.source import Identity
from shared.identity.tokens import Ticket, TicketKey, TokenError
from shared.metrics import REGISTRY
from shared.store_clock import StoreClock

_log = logs.get(__name__)

PATIENCE_S: Final = 2.0
"""How long a ticket that is ahead of what intake has read may wait for it."""
_LOOK_S: Final = 0.1
SWEEP_S: Final = 60.0
_KEPT_AFTER: Final = timedelta(minutes=5)
"""A used ticket is remembered for so long after it expired: clocks differ."""

OPENED: Final = Counter(
    "ieum_intake_details_requests", "Details asked for with a ticket, by outcome.", ["outcome"], registry=REGISTRY
)


class DetailsClosedError(IeumError):
    """The details stay closed."""

    def __init__(self, refusal: AccessRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal: Final = refusal


@dataclass(frozen=True, slots=True)
class OpenedDetails:
    """A report's details, for one look."""

    ticket: Ticket
    document: Document
    parts: dict[str, Any]
    stale: bool
    """The owner is the last known one: Kafka does not answer, intake has not read all of it, or a record is missing."""


class DetailsService:
    """Opens details."""

    def __init__(
        self,
        *,
        identity: Identity,
        ticket_key: TicketKey,
        reports: ReportRepository,
        used: UsedTickets,
        keyring: Keyring,
        audit: AuditLog,
        clock: Clock,
        current: Callable[[], bool],
    ) -> None:
        """``current`` says whether intake has read all that routing wrote until a few seconds ago."""
        self._identity = identity
        self._ticket_key = ticket_key
        self._reports = reports
        self._used = used
        self._keyring = keyring
        self._audit = audit
        self._clock = clock
        self.current: Final = current

    async def sweep(self, store_clock: StoreClock) -> None:
        """Forget tickets that expired by the store's clock: by one that is ahead each would count once more elsewhere.

        Raises ``TransientError``.
        """
        await store_clock.look()
        await self._used.sweep(store_clock.corrected.now() - _KEPT_AFTER)

    async def open(self, token: str, where: str, signed_in: Principal | None) -> OpenedDetails:
        """The details. ``signed_in``: who is where the ticket is used; None where nobody is, or identity is away.

        Raises ``DetailsClosedError``, or ``TransientError`` where store or audit do not answer.
        """
        try:
            ticket = self._identity.verify_ticket(token, self._ticket_key)
        except TokenError as error:
            refusal = AccessRefusal.EXPIRED if error.code == "expired" else AccessRefusal.INVALID
            raise self._closed(refusal, self._unsigned(where, refusal, error.code)) from None
        if signed_in is not None and signed_in.subject != ticket.subject:
            used_by = {"refused": AccessRefusal.OTHER_PERSON.value, "used_by": signed_in.subject}
            raise self._closed(AccessRefusal.OTHER_PERSON, self._line(where, ticket, AuditOutcome.REFUSED, **used_by))
        session = {} if signed_in is not None else {"session": "none"}
        document, refused = await self._judged(ticket, patience_s=PATIENCE_S)
        if refused is None and not await self._used.use(ticket.ticket_id, ticket.expires_at):
            refused = AccessRefusal.USED
        if refused is None:
            why = "hole" if documents.progress_of(document).hole is not None else None if self.current() else BEHIND
            detail = {**session, STALE: why} if why is not None else session
            await self._audit.append(self._line(where, ticket, AuditOutcome.DONE, **detail))
            # Once more: what was withdrawn or moved while that was written is not shown.
            document, refused = await self._judged(ticket)
            if refused is None:
                opened = self._opened(where, ticket, document, stale=why is not None)
                if ticket.ownership not in documents.opened_at(document):
                    # Before anybody reads it: the reporter is never told that nobody has.
                    await self._reports.opened(ticket.report_id, ticket.ownership, self._clock.now())
                return opened
        # A ticket that intake cannot judge yet is not used up and no attempt at anything: the sums tell it apart.
        behind = {STALE: BEHIND} if refused is AccessRefusal.BEHIND else {}
        raise self._closed(
            refused, self._line(where, ticket, AuditOutcome.REFUSED, refused=refused.value, **session, **behind)
        )

    def _opened(self, where: str, ticket: Ticket, document: Document, *, stale: bool) -> OpenedDetails:
        try:
            parts = documents.opened(document, self._keyring)
        except PermanentError as error:
            FAILURES.labels(SEALED).inc()
            _log.critical("details.not_opened", report_id=ticket.report_id, reason=error.reason)
            line = self._line(
                where, ticket, AuditOutcome.REFUSED, refused=AccessRefusal.NOT_OPENED.value, said=error.reason
            )
            raise self._closed(AccessRefusal.NOT_OPENED, line) from None
        OPENED.labels("opened").inc()
        return OpenedDetails(ticket, document, parts, stale)

    async def _judged(self, ticket: Ticket, *, patience_s: float = 0.0) -> tuple[Document, AccessRefusal | None]:
        until = self._clock.monotonic() + patience_s
        while True:
            document = await self._reports.of_report(ticket.report_id)
            if document is None:
                return {}, AccessRefusal.UNKNOWN
            refusal = judge(
                ticket,
                retention_rules.report_access(document),
                documents.progress_of(document).ownership,
            )
            if refusal is not AccessRefusal.BEHIND or self._clock.monotonic() >= until:
                return document, refusal
            await self._clock.sleep(_LOOK_S)

    def _closed(self, refusal: AccessRefusal, line: AuditEntry) -> DetailsClosedError:
        OPENED.labels(refusal.value).inc()
        self._audit.note(line)
        return DetailsClosedError(refusal)

    def _line(self, where: str, ticket: Ticket, outcome: AuditOutcome, **detail: str) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            action=Action.DETAILS_OPEN,
            where=where,
            outcome=outcome,
            actor=ticket.subject,
            organisation=ticket.organisation,
            roles=tuple(ticket.roles),
            report_id=ticket.report_id,
            reason=ticket.purpose,
            detail={"ownership": str(ticket.ownership), **detail},
        )

    def _unsigned(self, where: str, refusal: AccessRefusal, code: str) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            action=Action.DETAILS_OPEN,
            where=where,
            outcome=AuditOutcome.REFUSED,
            reason=refusal.value,
            detail={"said": code},
        )
