"""Sends nonsense to a running intake and looks at what it answered and at what the store has afterwards."""

import asyncio
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import bson
import httpx
import jsonschema

from shared.web.openapi import openapi_of
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.nonsense import REPORTS, TORN, Body, Nonsense
from tests.support.waiting import eventually

AT_ONCE: Final = 8
_BUSY: Final = {"clients", "audit_anchors", "jobs", "outbox_leases", "wrong_receipts"}
"""Collections that change beside refused requests: when a front end was last heard of, where the audit ends, when
periodic work ran last, which relay publishes a backlog, and how many wrong receipts came."""
_GROWS: Final = "audit"
"""Receipts that do not exist are written down there; what stands in it stays as it is."""

Shot = dict[str, dict[str, str]]
"""Collection, id, digest."""


@dataclass(slots=True)
class Outcome:
    """What became of the bodies of one run."""

    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


async def fuzzed(harness: IntakeHarness, seed: int, count: int) -> Outcome:
    """Send so many bodies. What was refused must have left the store as it was, to the last bit."""
    lodged = await harness.lodge({"role": "victim", "harm_types": ["other"], "narrative": "kept as it is"})
    assert lodged.status_code == httpx.codes.ACCEPTED, lodged.text
    await at_rest(harness)
    before = await shot(harness)
    outcome = Outcome()
    schema = _schema(harness)
    waiting = iter(Nonsense(seed, lodged.json()["receipt"]).bodies(count))

    async def sends() -> None:
        for body in waiting:
            _judge(await _sent(harness, body), body, schema, outcome)

    await asyncio.gather(*(sends() for _ in range(AT_ONCE)))
    await at_rest(harness)
    outcome.faults += compared(before, await shot(harness), set(outcome.accepted))
    return outcome


async def at_rest(harness: IntakeHarness) -> None:
    """Wait until nothing is waiting to be published or to be found by its digests."""

    async def quiet() -> bool:
        busy = {"$or": [{"outbox": {"$exists": True}}, {"links_since": {"$exists": True}}]}
        return not await harness.collection.count_documents(busy)

    await eventually(quiet)


async def shot(harness: IntakeHarness) -> Shot:
    """A digest of every document of intake's store."""
    database = harness.collection.database
    found: Shot = {}
    for name in sorted(set(await database.list_collection_names()) - _BUSY):
        found[name] = {
            str(document["_id"]): hashlib.sha256(bson.encode(document)).hexdigest()
            async for document in database[name].find({})
        }
    return found


def compared(before: Shot, after: Shot, accepted: set[str]) -> list[str]:
    """What differs between two shots beyond the accepted reports and what they are found by."""
    faults = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, {}), after.get(name, {})
        faults += [f"{name}: a document changed or went" for key, digest in old.items() if new.get(key) != digest]
        more = new.keys() - old.keys()
        expected = accepted if name == "reports" else set()
        if name == _GROWS or (name == "links" and accepted):
            continue  # that nothing in them changed was looked at above; links are those of accepted reports
        if more != expected:
            faults.append(f"{name}: {len(more)} documents more, {len(expected)} reports were accepted")
    return faults


async def _sent(harness: IntakeHarness, body: Body) -> httpx.Response:
    headers = {**body.headers, **(harness.headers() if body.path.startswith("/api/") else {})}
    return await harness.http.post(body.path, content=body.content, headers=headers)


def _judge(answer: httpx.Response, body: Body, schema: Any, outcome: Outcome) -> None:
    outcome.kinds[body.kind] += 1
    outcome.statuses[answer.status_code] += 1
    if answer.status_code == httpx.codes.ACCEPTED:
        outcome.accepted.append(answer.json()["report_id"])
        if body.kind != TORN or not _as_published(body.content, schema):
            outcome.faults.append(f"accepted nonsense ({body.kind}) at {body.path}: {body.content[:300]!r}")
    elif not 400 <= answer.status_code < 500:
        outcome.faults.append(f"{answer.status_code} for {body.kind} at {body.path}: {body.content[:300]!r}")


def _as_published(content: bytes, schema: Any) -> bool:
    """Whether a body fits what the OpenAPI document says, asked of somebody who knows only that."""
    try:
        value = json.loads(content.decode())
    except ValueError:
        return False
    return bool(schema.is_valid(value))


def _schema(harness: IntakeHarness) -> Any:
    document = openapi_of(harness.intake.app)
    body = document["paths"][REPORTS]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator({**body, "components": document["components"]})
