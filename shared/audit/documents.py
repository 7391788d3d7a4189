"""Lines as they are stored."""

from datetime import datetime
from typing import Final

from bson.codec_options import DatetimeConversion
from motor.motor_asyncio import AsyncIOMotorCollection

from shared.audit.model import AuditOutcome, ChainEntry
from shared.clock import seoul_day
from shared.mongo import Document

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
    if document.keys() != _FIELDS or not isinstance(at, datetime):
        return None
    try:
        values = {name: document[name] for name in ChainEntry.__slots__ if name != "seq"}
        line = ChainEntry(
            **{
                **values,
                "seq": int(document["_id"]),
                "roles": tuple(values["roles"]),
                "outcome": AuditOutcome(values["outcome"]),
                "detail": dict(values["detail"]),
            }
        )
        return line if document["day"] == seoul_day(at) and _holds_text(line) else None
    except (OverflowError, TypeError, ValueError):
        return None


def _holds_text(line: ChainEntry) -> bool:
    """Return whether everything else in it is text, as its MAC covers it."""
    named = (line.action, line.where, line.previous, line.mac, *line.roles, *line.detail, *line.detail.values())
    maybe = (line.actor, line.organisation, line.report, line.reason)
    return all(isinstance(one, str) for one in (*named, *(one for one in maybe if one is not None)))


def tolerant(collection: "AsyncIOMotorCollection[Document]") -> "AsyncIOMotorCollection[Document]":
    """The collection, read so that no document of it keeps the others from being read.

    A date that Python's calendar does not hold stays a number, and bytes that are no text become some.
    """
    options = collection.codec_options.with_options(
        datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
    )
    return collection.with_options(codec_options=options)
