"""A register in the log's own database: entries that a hash chain without a key binds, and what the log says of them.

Whoever can write to the store could write such a register anew, with all its digests. So the service writes the head of
the register into its audit, which has a key and whose own heads are published outside the store. A line vouches for
every entry up to the head that it names: older lines may go (``AuditLog.sweep``).
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from motor.motor_asyncio import AsyncIOMotorCollection

from shared.audit.model import SYSTEM, AuditEntry, ChainEntry, ChainFinding
from shared.mongo import Document, store_errors

COLLECTION: Final = "register"
VOUCHED: Final = "register.vouched"
"""The action of a line that names a head."""
NOTHING_BEFORE: Final = ""
_ENTRIES: Final = "entries"
_DIGEST: Final = "digest"


def digest(number: int, content: Mapping[str, Any], before: str) -> str:
    """Of an entry (numbers begin with 0) and, through ``before``, of all earlier ones."""
    return hashlib.sha256(orjson.dumps([number, before, content], option=orjson.OPT_SORT_KEYS)).hexdigest()


def vouch(entries: int, head: str, at: datetime) -> AuditEntry:
    """The line that says that the register has so many entries, and the digest of the last one."""
    detail = {_ENTRIES: str(entries), _DIGEST: head}
    return AuditEntry(at=at, action=VOUCHED, where="releases", actor=SYSTEM, detail=detail)


async def register_findings(
    register: "AsyncIOMotorCollection[Document]", lines: Sequence[ChainEntry]
) -> list[ChainFinding]:
    """Compare the register with the lines that vouch for it; the first entry that is not what one names is told.

    Raises ``TransientError``.
    """
    vouched = {(line.detail.get(_ENTRIES, ""), line.detail.get(_DIGEST, "")): line.seq for line in lines}
    if not vouched:
        return []
    with store_errors():
        documents = await register.find({}, hint={"$natural": 1}).to_list(None)
    heads = _heads(documents)
    for (entries, head), seq in sorted(vouched.items(), key=lambda each: each[1]):
        if not entries.isdecimal() or heads.get(int(entries)) != head:
            message = f"the register of releases is not what line {seq} vouches for: it differs up to entry {entries}"
            return [ChainFinding("rewritten", seq, message)]
    return []


def _heads(documents: Sequence[Document]) -> dict[int, str]:
    """By number of entries, the digest of the last, worked out anew from what the entries hold."""
    by_number = {document["_id"]: document for document in documents if isinstance(document["_id"], int)}
    heads: dict[int, str] = {}
    before = NOTHING_BEFORE
    while (document := by_number.get(len(heads))) is not None:
        content = {key: value for key, value in document.items() if key not in ("_id", _DIGEST)}
        try:
            before = digest(len(heads), content, before)
        except TypeError:  # no service wrote that
            break
        heads[len(heads) + 1] = before
    return heads
