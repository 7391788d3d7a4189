"""Authenticates the fields of a stored report that steer: who may read it, who owns it, and what becomes of it.

Whoever can write to the store could point a receipt at another report, set a passphrase, undo a withdrawal or give a
report to another centre. Each report therefore carries two message authentication codes (HMAC-SHA256) under a key that
the store does not hold, written in the same update as what they are about: one over the fields that change with the
report's revision (``changes``), one over its progress, which is written beside them. Both name the report's id. A
report that fails is refused: nobody reads it, nothing changes it, and a person has to look (decision 31).
"""

import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from prometheus_client import Counter

from services.intake.reports.documents import Document
from shared import log
from shared.errors import PermanentError
from shared.metrics import REGISTRY

_log = log.get(__name__)

FIELD: Final = "authentication"
REPORT: Final = "report"
PROGRESS: Final = "progress"
SEALED: Final = "sealed"
"""Parts without a code here: their encryption authenticates them."""
_VERSION: Final = 1
"""Of the fields and their encoding. Other ones are another version, which builds must read before one writes it."""
STEERING: Final = (
    "changes",
    "intake_version",
    "received_at",
    "front_end",
    "content_mac",
    "receipt_hash",
    "receipt_counter",
    "former_receipt_hash",
    "hand_over",
    "hand_over_code",
    "word",
    "word_later",
    "word_for_status",
    "life",
    "erase_at",
    "decide_since",
    "kept_since",
    "facts",
    "consents",
    "earlier_consents",
    "amendments",
    "messages",
    "replies",
    "replies_read",
    "notes",
    "requests",
)
"""Fields that every change is made on, and only by raising ``changes``."""
BESIDE: Final = (
    "_id",
    "sealed",
    "progress",
    "unassigned_since",
    "opened",
    "alarm",
    "alarm_since",
    "links",
    "links_since",
    "callback",
    "callback_since",
    "outbox",
    "outbox_since",
    FIELD,
)
"""Fields outside the first code: authenticated in another way (id, sealed parts, progress, callback), or not at all."""

FAILURES: Final = Counter(
    "ieum_intake_report_authentication_failures",
    "Times a stored report, or a front end (`client`), was refused because its fields were changed by hand, by part.",
    ["part"],
    registry=REGISTRY,
)
_MOST_KNOWN: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NEVER_WRITTEN: Final = (TypeError, KeyError, AttributeError, orjson.JSONEncodeError)
"""Errors raised by codes and fields that are missing, or of a kind that intake never writes."""


class ReportNotAuthenticError(PermanentError):
    """The store holds something of a report that intake did not write."""

    def __init__(self, report_id: str, part: str) -> None:
        """``part`` says which of its parts."""
        super().__init__("report_not_authentic", f"{part} of report {report_id}: restore it, or sign it after a look")
        self.report_id: Final = report_id
        self.part: Final = part


class ReportAuthentication:
    """Makes and checks the codes."""

    def __init__(self, key: bytes, on_failure: Callable[[str, str], None]) -> None:
        """``on_failure`` is told of report and part when one begins to fail in this process."""
        self._key = key
        self._on_failure = on_failure
        self._failed: set[tuple[str, str]] = set()

    def signed(self, document: Document) -> Document:
        """A new document with its codes."""
        codes = {
            REPORT: self.code_of_report(document),
            PROGRESS: self.code_of_progress(document["_id"], document["progress"]),
        }
        return {**document, FIELD: codes}

    def code_of_report(self, document: Mapping[str, Any]) -> bytes:
        """The code of all fields that steer; one that is missing counts as one that is null."""
        fields = {name: value for name in STEERING if (value := document.get(name)) is not None}
        return self._code(REPORT, document["_id"], fields)

    def code_of_progress(self, report_id: str, progress: Mapping[str, Any]) -> bytes:
        """The code of what the streams said."""
        return self._code(PROGRESS, report_id, progress)

    def check(self, document: Document) -> Document:
        """The document, if it is as intake wrote it. Raises ``ReportNotAuthenticError``."""
        for part in _parts_of(document):
            self._demand(document, part)
        return document

    def check_progress(self, document: Document) -> None:
        """Pass if the progress of a report is as intake wrote it. Raises ``ReportNotAuthenticError``."""
        self._demand(document, PROGRESS)

    def is_authentic(self, document: Document) -> bool:
        """Return whether a document is as intake wrote it; reports nothing."""
        return all(self._is_right(document, part) for part in _parts_of(document))

    def failed(self, report_id: str, part: str) -> ReportNotAuthenticError:
        """Log, count and tell of a report that is not as intake wrote it; the error to raise."""
        FAILURES.labels(part).inc()
        _log.critical("report.authentication_failed", report_id=report_id, part=part)
        if (report_id, part) not in self._failed and len(self._failed) < _MOST_KNOWN:
            self._failed.add((report_id, part))
            self._on_failure(report_id, part)
        return ReportNotAuthenticError(report_id, part)

    def _demand(self, document: Document, part: str) -> None:
        if not self._is_right(document, part):
            raise self.failed(document["_id"], part)
        self._failed.discard((document["_id"], part))

    def _is_right(self, document: Document, part: str) -> bool:
        try:
            if part == REPORT:
                code = self.code_of_report(document)
            else:
                code = self.code_of_progress(document["_id"], document["progress"])
            return hmac.compare_digest(_stored(document, part), code)
        except _NEVER_WRITTEN:
            return False

    def _code(self, part: str, report_id: str, value: object) -> bytes:
        canonical = orjson.dumps(
            ["ieum report", _VERSION, part, report_id, value],
            default=plain,
            option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME,
        )
        return hmac.digest(self._key, canonical, "sha256")


def _parts_of(document: Document) -> Iterator[str]:
    """Yield the parts of a document that have codes. Erasure is looked at once the code over it was checked."""
    yield REPORT
    if (document.get("life") or {}).get("erased_at") is None:  # what stays of an erased report has no progress
        yield PROGRESS


def _stored(document: Mapping[str, Any], part: str) -> bytes:
    return bytes(document[FIELD][part])


def plain(value: object) -> object:
    """A value of the store as JSON has it. Raises ``TypeError`` for a kind that is never stored."""
    if isinstance(value, datetime):  # as the store keeps it: a moment to the millisecond, in no time zone
        return {"$date": (value - _EPOCH) // _MILLISECOND}
    raise TypeError(f"no code is over a {type(value).__name__}")
