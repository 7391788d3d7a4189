"""Reads a whole log and says what is wrong with it."""

import asyncio
from collections.abc import Sequence
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection

from shared.audit import chain
from shared.audit.anchors import CHECKPOINT, HEAD, Marks
from shared.audit.chain import AuditKeys, Walk
from shared.audit.documents import line_of
from shared.audit.model import Finding, Mark
from shared.mongo import SLICE, Document, store_errors

_NEVER_ALONE: Final = ("reports", "accounts", "redrives")
"""Collections that are empty until a line is written: intake begins its log before it accepts (``beginning``), no
account is made without a line, and no dead letter is sent back from a page without one."""

Lines = AsyncIOMotorCollection[Document]


async def prove(keys: AuditKeys, service: str, lines: "Lines", marks: Marks, anchors: Sequence[Mark]) -> list[Finding]:
    """Everything wrong with the chain, judged up to its present end. ``anchors`` are heads noted elsewhere."""
    heads, checkpoint = await marks.heads(), await marks.get(CHECKPOINT)
    end = await end_of(lines)
    findings: list[Finding] = []
    walk = Walk(keys, service)
    if checkpoint is not None:
        if chain.genuine(keys, service, CHECKPOINT, checkpoint):
            walk = Walk(keys, service, after=checkpoint.seq, previous=checkpoint.mac)
        else:
            findings.append(Finding("bad_mark", checkpoint.seq, "the checkpoint of the sweep was forged"))
    if not heads and not end and (checkpoint is not None or await used(lines)):
        findings.append(Finding("emptied", None, "there is neither a line nor a head, and what cannot be without any"))
    if not heads and end:
        findings.append(Finding("no_mark", None, "there are lines and no signed head beside them"))
    for given in (*heads, *anchors):
        if chain.genuine(keys, service, HEAD, given):
            walk.want(given)
        else:
            findings.append(Finding("bad_mark", given.seq, f"the signed head at line {given.seq} was forged"))
    read = 0
    with store_errors():
        async for document in lines.find({}).hint([("$natural", 1)]):
            read += 1
            if read % SLICE == 0:
                await asyncio.sleep(0)  # thousands of lines come in one answer: others want the loop too
            line = line_of(document)
            if line is None:
                findings.append(Finding("foreign", None, "there is something in the log that is no line"))
            elif line.seq <= end:
                walk.feed(line)
    return findings + walk.finish()


async def used(lines: "Lines") -> bool:
    """Whether the log's database holds what is never there before a first line."""
    with store_errors():
        for name in _NEVER_ALONE:
            if await lines.database[name].find_one({}, {"_id": 1}) is not None:
                return True
    return False


async def end_of(lines: "Lines") -> int:
    """The number of the last line; 0 where there is none."""
    with store_errors():
        last = await lines.find({}, {"_id": 1}).sort("_id", -1).limit(1).to_list(1)
    return int(last[0]["_id"]) if last else 0
