"""Turn a submission into identifiers, facts, document and first event, from one serialisation of it. Pure.

The identifiers are keyed functions of the submission: the same one under the same key gives the same id and digests, so
a repeated request finds the report it made, whose receipt ``encryption.receipt_issuer`` makes again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from services.intake.encryption.keys import KeyedDigests
from services.intake.reports import documents, events
from services.intake.reports.documents import Document
from services.intake.submissions.facts import facts_of
from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import triage
from shared.clock import seoul_date
from shared.encryption import DataKey, WrappedKey
from shared.errors import IeumError
from shared.events.base import Record
from shared.events.reports import ReportFacts
from shared.events.vocabulary import Suspicion

_UUID_VERSION: Final = 8
"""UUID of our own making (RFC 9562): the other bits are a keyed digest."""


class ConflictError(IeumError):
    """The idempotency key was used before, with another content."""


class PreparedReport(NamedTuple):
    """A report as it is stored and told, but for its receipt and passphrase."""

    document: Document
    event: Record
    digest: str
    """SHA-256 of the content; never stored as it is."""


def report_id_for(keys: KeyedDigests, front_end: str, idempotency_key: str) -> str:
    """The id of the one report a front end may submit under this key, as UUID text."""
    raw = bytearray(keys.mac("report id", front_end, idempotency_key)[:16])
    raw[6] = (raw[6] & 0x0F) | _UUID_VERSION << 4
    raw[8] = (raw[8] & 0x3F) | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def content_of(submission: Submission) -> bytes:
    """The submission in canonical form, as JSON."""
    # Without the word and what it guards: they are no content. Without what is left at its default: a field added later
    # must not change the digest of a report that does not have it, or an honest repeat across an upgrade would be a
    # conflict.
    return submission.model_dump_json(exclude={"word", "word_for_status"}, exclude_defaults=True).encode()


def content_digest(content: bytes) -> str:
    """SHA-256 of the content, hex. Never shown or stored: most reports could be guessed."""
    return hashlib.sha256(content).hexdigest()


def content_mac(keys: KeyedDigests, digest: str) -> str:
    """Digest the content's digest with a key, to tell a repeat from a conflict."""
    return keys.mac("content", digest).hex()


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
    content = content_of(submission)
    digest = content_digest(content)
    event = events.record_of(events.received(report_id, now, facts), now, traceparent)
    document = documents.new_document(
        report_id=report_id,
        front_end=front_end,
        parts=documents.personal_parts(content),
        consents=submission.consents,
        facts=facts,
        received_at=now,
        content_mac=content_mac(keys, digest),
        key=key,
        wrapped=wrapped,
        event=event,
        digests=digests,
        call=call,
        callback=callback,
    )
    return PreparedReport(document, event, digest)
