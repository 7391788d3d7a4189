"""Verify a whole log."""

import asyncio
from collections.abc import Sequence
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import OperationFailure

from shared.audit import chain
from shared.audit.anchors import CHECKPOINT, HEAD, AnchorStore
from shared.audit.chain import AuditKeys, ChainVerifier
from shared.audit.documents import line_of, tolerant
from shared.audit.model import Anchor, ChainEntry, ChainFinding
from shared.audit.register import COLLECTION, VOUCHED, register_findings
from shared.mongo import SLICE, Document, store_errors

NEVER_WITHOUT_LINES: Final = ("reports", "accounts", "redrives")
"""Collections that are empty until a line is written: intake begins its log before it accepts (``store.begin``), no
account is made without a line, and no dead letter is sent back from a page without one."""

_NO_COLLECTION: Final = 26
"""The store's code where there is none of that name; MongoDB says that it is empty."""
_MOST: Final = 2**53
"""Of a number."""

Lines = AsyncIOMotorCollection[Document]


async def verify_chain(
    keys: AuditKeys,
    service: str,
    lines: "Lines",
    stored: AnchorStore,
    anchors: Sequence[Anchor],
    positions: Sequence[Anchor],
) -> list[ChainFinding]:
    """Every finding up to the chain's present end. ``anchors`` are heads kept elsewhere, ``positions`` genuine ones.

    So is what differs in a register that lines vouch for.
    """
    heads, checkpoint = await stored.heads(), await stored.get(CHECKPOINT)
    end = await last_seq(lines)
    findings: list[ChainFinding] = []
    verifier = ChainVerifier(keys, service)
    if checkpoint is not None:
        if chain.is_genuine(keys, service, CHECKPOINT, checkpoint):
            verifier = ChainVerifier(keys, service, after=checkpoint.seq, previous=checkpoint.mac)
        else:
            findings.append(ChainFinding("bad_mark", checkpoint.seq, "the checkpoint of the sweep was forged"))
    if not heads and not end and (checkpoint is not None or await is_used(lines)):
        findings.append(
            ChainFinding("emptied", None, "there is neither a line nor a head, and what cannot be without any")
        )
    if not heads and end:
        findings.append(ChainFinding("no_mark", None, "there are lines and no signed head beside them"))
    genuine, forged = _sorted_out(keys, service, (*heads, *anchors))
    findings += [ChainFinding("bad_mark", one.seq, f"the signed head at line {one.seq} was forged") for one in forged]
    for position in (*genuine, *positions):
        verifier.expect(position)
    vouching: list[ChainEntry] = []
    read = 0
    with store_errors():
        async for document in lines.find({}).hint([("$natural", 1)]):
            read += 1
            if read % SLICE == 0:
                await asyncio.sleep(0)  # thousands of lines come in one answer: others want the loop too
            line = line_of(document)
            if line is None:
                findings.append(ChainFinding("foreign", None, "there is something in the log that is no line"))
            elif line.seq <= end:
                verifier.feed(line)
                vouching += [line] if line.action == VOUCHED else []
    register = tolerant(lines.database[COLLECTION])
    return findings + verifier.finish() + await register_findings(register, vouching)


def _sorted_out(keys: AuditKeys, service: str, heads: Sequence[Anchor]) -> tuple[list[Anchor], list[Anchor]]:
    """Those the service signed, and the others."""
    signed = [chain.is_genuine(keys, service, HEAD, head) for head in heads]
    both = list(zip(heads, signed, strict=True))
    return [head for head, good in both if good], [head for head, good in both if not good]


async def is_used(lines: "Lines") -> bool:
    """Return whether the log's database holds anything that cannot exist before a first line.

    By the size of collections alone: the verifier may read none of them.
    """
    with store_errors():
        return any([await _is_filled(lines, name) for name in NEVER_WITHOUT_LINES])


async def _is_filled(lines: "Lines", name: str) -> bool:
    try:
        found = await lines.database.command("collStats", name)
    except OperationFailure as error:
        if error.code != _NO_COLLECTION:
            raise
        return False
    return int(found["count"]) > 0


async def last_seq(lines: "Lines") -> int:
    """The number of the last line; 0 where there is none. What has no number is no line."""
    among = {"_id": {"$gt": 0, "$lt": _MOST, "$type": ["int", "long"]}}
    with store_errors():
        last = await lines.find(among, {"_id": 1}).sort("_id", -1).limit(1).to_list(1)
    return int(last[0]["_id"]) if last else 0
