"""Authenticates what a front end may do, as ``reports.authentication`` does for reports (decision 31).

Whoever can write to the store could give a front end scopes, let a disabled one in again, or put a secret's digest
back that has ended. One code is therefore over the whole document, its id and version among it; a front end whose
document does not fit it is unknown.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from services.intake.encryption.keys import KeyedDigests
from services.intake.reports.authentication import FAILURES, plain
from services.intake.reports.documents import Document
from shared import log
from shared.errors import PermanentError

_log = log.get(__name__)

FIELD: Final = "authentication"
BESIDE: Final = frozenset({"used", "last_used", FIELD})
"""Written with each use, beside changes: they say which secrets a rotation leaves, and let nobody in."""
_PART: Final = "client"


class ClientAuthentication:
    """Makes and checks the codes."""

    def __init__(self, keys: KeyedDigests, on_failure: Callable[[str], None]) -> None:
        """``on_failure`` is told of a front end when it begins to fail in this process."""
        self._keys = keys
        self._on_failure = on_failure
        self._failed: set[str] = set()

    def code_of(self, document: Mapping[str, Any]) -> bytes:
        """The code of a whole document."""
        steering = {name: value for name, value in document.items() if name not in BESIDE}
        options = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
        return self._keys.mac("front end", orjson.dumps(steering, default=_plain, option=options))

    def is_authentic(self, document: Mapping[str, Any]) -> bool:
        """Return whether a document is as intake wrote it; reports nothing."""
        try:
            return hmac.compare_digest(bytes(document[FIELD]), self.code_of(document))
        except (TypeError, KeyError, ValueError):  # a code or a field that is missing, or of a kind never written
            return False

    def check(self, document: Document) -> Document:
        """The document, if it is believed. Raises ``PermanentError`` (``client_not_authentic``)."""
        client_id = str(document["_id"])
        if self.is_authentic(document):
            self._failed.discard(client_id)
            return document
        FAILURES.labels(_PART).inc()
        if client_id not in self._failed:
            self._failed.add(client_id)
            _log.critical("client.authentication_failed", client=client_id)
            self._on_failure(client_id)
        raise PermanentError("client_not_authentic", "add it anew, or sign it after a look")


def _plain(value: object) -> object:
    return {"$bytes": value.hex()} if isinstance(value, bytes) else plain(value)
