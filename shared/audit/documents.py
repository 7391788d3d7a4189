"""Lines as they are stored."""

from datetime import datetime
from typing import Any, Final

from shared.audit.model import AuditOutcome, ChainEntry
from shared.clock import seoul_day

Document = dict[str, Any]
_FIELDS: Final = frozenset(ChainEntry.__slots__) - {"seq"} | {"_id", "day"}


def document_of(line: ChainEntry) -> Document:
    """A line as it is stored, with its day in Seoul to look it up by."""
    values = {name: getattr(line, name) for name in ChainEntry.__slots__ if name != "seq"}
    return {
        "_id": line.seq,
        "day": seoul_day(line.at),
        **values,
        "outcome": line.outcome.value,
        "roles": list(line.roles),
        "detail": dict(line.detail),
    }


def line_of(document: Document) -> ChainEntry | None:
    """A stored line; None for what is none, or has more to it than a line has."""
    at = document.get("at")
    if document.keys() != _FIELDS or not isinstance(at, datetime) or document["day"] != seoul_day(at):
        return None
    try:
        values = {name: document[name] for name in ChainEntry.__slots__ if name != "seq"}
        return ChainEntry(
            **{
                **values,
                "seq": int(document["_id"]),
                "roles": tuple(values["roles"]),
                "outcome": AuditOutcome(values["outcome"]),
                "detail": dict(values["detail"]),
            }
        )
    except (TypeError, ValueError):
        return None
