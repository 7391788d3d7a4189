"""A report as one document: facts in the open, everything personal sealed, its first event embedded."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from services.intake.reports.models import Progress
from services.intake.submissions.models import Consents
from shared.encryption import DataKey, Keyring, WrappedKey
from shared.errors import PermanentError
from shared.events.base import Record
from shared.events.reports import ReportFacts
from shared.outbox import pending

Document = dict[str, Any]
"""As in ``shared.mongo``, which decisions may not import."""

SEALED_FIELDS: Final = (
    "narrative",
    "urls",
    "fingerprints",
    "picture_hashes",
    "offender_handles",
    "contact",
    "on_behalf",
    "answers",
)
FRONT_END: Final = "front_end"
CALLBACK: Final = "callback"
"""By which reference the front end wants to be told, and a code, see ``callbacks``; missing where it did not ask."""
CALLBACK_SINCE: Final = "callback_since"
"""A mark of reports of which something may still be told: from when the sweep of callbacks looks at it."""
CALL: Final = "call"
"""The sealed part that says who took a report by phone, and how assent was given."""
DIGESTS: Final = "links"
UNINDEXED_SINCE: Final = "links_since"
UNASSIGNED_SINCE: Final = "unassigned_since"
"""When a report that no centre has yet was received; gone once one has it."""
OF_HOLDER: Final = ("messages", "amendments", "replies")
"""The lists of which the holder of the receipt has a part, see ``of_holder``."""
_TEXTS: Final = {"messages": "message", "replies": "answer", "notes": "note"}
"""The lists of later texts, and the sealed part that each of their entries has."""
_ANSWERED: Final = "answers"
"""The sealed part that gathers single answers."""
_ANSWERS: Final = (
    "still_spreading",
    "threatened",
    "money_demanded",
    "threat_deadline",
    "seen_when",
    "search_words",
    "already_told",
)


def new_document(
    *,
    report_id: str,
    front_end: str,
    parts: Mapping[str, bytes],
    consents: Consents | None,
    facts: ReportFacts,
    received_at: datetime,
    content_mac: str,
    key: DataKey,
    wrapped: WrappedKey,
    event: Record,
    digests: Sequence[str],
    call: Mapping[str, object] | None,
    callback: Mapping[str, object] | None,
) -> Document:
    """The document of a new report, without its receipt (see ``with_receipt``).

    ``parts`` are sealed, see ``personal_parts``; ``digests`` are those it can be found by; ``call`` is where one taken
    by phone comes from; ``callback`` is by what its front end is told.
    """
    fields = {name: key.encrypt(name, plain) for name, plain in parts.items()}
    if call is not None:
        fields[CALL] = key.encrypt(CALL, orjson.dumps(call))
    return {
        "_id": report_id,
        "intake_version": 1,
        "received_at": received_at,
        FRONT_END: front_end,
        "content_mac": content_mac,
        "facts": facts.model_dump(mode="json"),
        "consents": consents.model_dump(mode="json") if consents else None,
        "sealed": {"key_id": wrapped.key_id, "key": wrapped.blob, "fields": fields},
        "progress": Progress().model_dump(),
        UNASSIGNED_SINCE: received_at,
        **({CALLBACK: dict(callback), CALLBACK_SINCE: received_at} if callback is not None else {}),
        **to_be_found(digests, received_at),
        **pending([event], received_at),
    }


def to_be_found(digests: Sequence[str], since: datetime) -> Document:
    """The fields of a report that say by which digests it is to be found, and that this is not written yet."""
    return {DIGESTS: list(digests), UNINDEXED_SINCE: since} if digests else {}


def with_receipt(document: Document, receipt_hash: str, counter: int) -> Document:
    """The document with the hash of a receipt; ``counter`` says which of the report's receipts it is."""
    return {**document, "receipt_hash": receipt_hash, "receipt_counter": counter}


def is_sandbox(document: Document) -> bool:
    """Whether a report is a drill of a front end that is being tried out."""
    return bool((document.get("facts") or {}).get("sandbox"))


def is_own_drill(document: Document, client: str | None) -> bool:
    """Whether a report is a drill that this front end made while it was confined to drills.

    Of what is erased only such a drill still has a front end.
    """
    erased = "facts" not in document
    return document.get(FRONT_END) == client is not None and (erased or is_sandbox(document))


def former(document: Document) -> Document:
    """Return what the former receipt of a report that was handed over may see: nothing from after that."""
    return {"received_at": document["received_at"], "handed_over_at": document["life"]["handed_over_at"]}


def of_holder(document: Mapping[str, Any], what: str) -> list[Mapping[str, Any]]:
    """The ``messages``, ``amendments`` or ``replies`` since the present holder of the receipt has it.

    Whoever reported for somebody does not use up what that person may say after taking over, and what was answered
    to the one is not told to the other. Counted, for another clock than the hand-over's may date an entry; only of a
    hand-over by a build that did not count do the times tell.
    """
    since = (document.get("life") or {}).get("handed_over_at")
    made = list(document.get(what) or ())
    if since is None:
        return made
    said_before = (document.get("hand_over") or {}).get("said_before")
    if said_before is None:
        return [one for one in made if one["at"] > since]
    return made[said_before[what] :]


def personal_parts(content: bytes) -> dict[str, bytes]:
    """Return the parts of a submission to be sealed, each as bytes. Empty parts are left out.

    ``content`` is the submission as JSON, without what is at its default.
    """
    said: dict[str, object] = orjson.loads(content)
    parts = {name: said.get(name) for name in SEALED_FIELDS if name != _ANSWERED}
    parts[_ANSWERED] = {name: said[name] for name in _ANSWERS if name in said}
    return {name: orjson.dumps(value) for name, value in parts.items() if value}


def opened(document: Document, keyring: Keyring) -> dict[str, Any]:
    """The personal parts of a document, decrypted.

    Raises ``PermanentError`` if any part was changed or moved, or if one that came after the report was removed: an
    earlier contact would stand as the present one.
    """
    key, fields = key_of(document, keyring), document["sealed"]["fields"]
    if removed := [name for name in _came_later(document) if name not in fields]:
        raise PermanentError("not_opened", f"{removed[0]} was removed")
    return {name: orjson.loads(key.decrypt(name, bytes(blob))) for name, blob in fields.items()}


def _came_later(document: Document) -> Iterator[str]:
    """Yield the names of the sealed parts that additions, messages, answers and notes brought."""
    for made in document.get("amendments") or ():
        for part in made["parts"]:
            yield f"{part}:{made['version']}"
    for entries, part in _TEXTS.items():
        for left in document.get(entries) or ():
            yield f"{part}:{left['number']}"


def opened_at(document: Document) -> dict[int, datetime]:
    """Return when staff first opened the details, by ownership version."""
    return {int(ownership): at for ownership, at in (document.get("opened") or {}).items()}


def key_of(document: Document, keyring: Keyring) -> DataKey:
    """The key a document's personal parts are sealed with. Raises ``PermanentError`` if it does not open."""
    sealed = document["sealed"]
    return keyring.unwrap_key(document["_id"], WrappedKey(sealed["key_id"], bytes(sealed["key"])))


def facts_in(document: Document) -> ReportFacts:
    """Return the facts that were published about a report, as of now; a tombstone has none (``KeyError``)."""
    return ReportFacts.model_validate_json(orjson.dumps(document["facts"]))


def progress_of(document: Document) -> Progress:
    """Return what the streams said of a report; an empty progress if nothing is stored."""
    return Progress.model_validate(document.get("progress") or {})
