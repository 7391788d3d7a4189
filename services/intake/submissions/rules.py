"""Turn a submission into facts, document and first event, from one serialisation of it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from services.intake.encryption.keys import KeyedDigests
from services.intake.reports import documents, events
from services.intake.reports.documents import Document
from services.intake.submissions import identifiers
from services.intake.submissions.facts import facts_of
from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import triage
from shared.clock import seoul_date
from shared.encryption import DataKey, WrappedKey
from shared.events.base import Record
from shared.events.reports import ReportFacts
from shared.events.vocabulary import Suspicion


class PreparedReport(NamedTuple):
    """A report as it is stored and told, but for its receipt and passphrase."""

    document: Document
    event: Record
    facts: ReportFacts
    digest: str
    """SHA-256 of the content; never stored as it is."""


def judged(
    submission: Submission, now: datetime, suspicion: tuple[Suspicion, ...], *, sandbox: bool = False
) -> ReportFacts:
    """The facts of a submission that comes now. Raises ``NotAdmittedError``."""
    facts = facts_of(submission, triage(submission, now), seoul_date(now), suspicion)
    return facts.model_copy(update={"sandbox": True}) if sandbox else facts


def prepare_report(
    submission: Submission,
    facts: ReportFacts,
    *,
    report_id: str,
    front_end: str,
    now: datetime,
    keys: KeyedDigests,
    key: DataKey,
    wrapped: WrappedKey,
    digests: Sequence[str],
    call: Mapping[str, object] | None,
    traceparent: str,
    callback: Mapping[str, object] | None,
) -> PreparedReport:
    """Make document and first event of a submission with its facts, linked reports among them.

    ``key`` seals what is personal; ``digests`` are those the report is found by; ``call`` is where one taken by phone
    comes from; ``callback`` is by what its front end is told.
    """
    content = identifiers.content_of(submission)
    digest = identifiers.content_digest(content)
    event = events.record_of(events.received(report_id, now, facts), now, traceparent)
    document = documents.new_document(
        report_id=report_id,
        front_end=front_end,
        parts=documents.personal_parts(content),
        consents=submission.consents,
        facts=facts,
        received_at=now,
        content_mac=identifiers.content_mac(keys, digest),
        key=key,
        wrapped=wrapped,
        event=event,
        digests=digests,
        call=call,
        callback=callback,
    )
    return PreparedReport(document, event, facts, digest)
