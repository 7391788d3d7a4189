"""The kit that front-end teams run holds here, and finds what a server does wrong; the client gets a report through."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ieum_client import AsyncClient, NotReachedError, RetryPolicy, models, new_idempotency_key
from ieum_client.checks import CHECKS, NEEDS, WRITE, CredentialError, the_least_report_is_accepted
from ieum_client.conformance import Patient, outcomes
from services.intake.clients.service import ClientService
from services.intake.submissions.models import Submission
from shared.clock import SystemClock
from shared.identity.roles import Scope
from tests.integration.intake.harness import LEAST, IntakeHarness
from tests.support.keys import KEYS


async def test_every_check_holds_here(harness: IntakeHarness) -> None:
    harness.http.headers.update(harness.headers())
    # Two servers of one system, as behind a balancer: here the same one by another connection.
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(harness.intake.app), base_url="http://other", headers=harness.headers()
    ) as other:
        found = await outcomes(harness.http, other)
    assert [(one.name, one.wrong) for one in found if one.wrong] == []
    assert len(found) == len(CHECKS)
    async for document in harness.collection.find({}, {"facts.synthetic": 1}):
        assert document["facts"]["synthetic"], "the kit sends drills only"


async def careless(request: Request) -> JSONResponse:
    """A server that takes everything and forgets it."""
    body: dict[str, Any] = {"receipt": "1234-5678-9012-3450", "report_id": "x", "received_at": "x", "proof": "a.b.c"}
    return JSONResponse(body, 202, {"Location": "/"})


async def test_a_careless_server_fails_every_check_but_the_first() -> None:
    app = Starlette(routes=[Route("/{path:path}", careless, methods=["GET", "POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://stub") as http:
        found = await outcomes(http)
    fine = {one.name for one in found if not one.wrong}
    # It does answer every repeated request alike, since it answers everything alike.
    assert fine == {
        the_least_report_is_accepted.__name__.replace("_", " "),
        "the same key and body give the same answer",
        "twins are one report",
    }


async def test_what_a_credential_may_not_do_is_left_out_by_name(harness: IntakeHarness) -> None:
    service = ClientService(harness.intake.clients.clients, KEYS, SystemClock())
    credential = await service.add(
        "reader", "As the README makes one", [Scope.REPORTS_SUBMIT, Scope.RECEIPTS_READ], 120
    )
    await harness.intake.clients.refresh()
    harness.http.headers.update({"Authorization": f"Bearer {credential}"})
    found = await outcomes(harness.http, rate_limit=True)
    assert [(one.name, one.wrong) for one in found if one.wrong] == []
    assert {one.name: one.left_out for one in found if one.left_out} == dict.fromkeys(
        (check.__name__.replace("_", " ") for check, scope in NEEDS.items() if scope == WRITE),
        "the credential does not have receipts:write",
    )


@pytest.mark.parametrize("credential", ["", "Bearer nobody." + "A" * 43])
async def test_a_credential_that_does_not_count_is_said_once(harness: IntakeHarness, credential: str) -> None:
    harness.http.headers["Authorization"] = credential
    with pytest.raises(CredentialError, match=r"401 at /api/v1/reports"):
        await outcomes(harness.http)


async def test_the_kit_waits_as_long_as_it_is_told() -> None:
    answers = [httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(202)]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    patient = Patient(httpx.MockTransport(lambda _: answers.pop(0)), sleep)
    async with httpx.AsyncClient(transport=patient, base_url="http://stub") as http:
        assert (await http.get("/")).status_code == 202
        assert slept == [7.0]
        answers.append(httpx.Response(429))
        with pytest.raises(AssertionError, match="Retry-After"):
            await http.get("/")


class Shaky(httpx.AsyncBaseTransport):
    """A line that breaks after the server has taken the request, so many times."""

    def __init__(self, inner: httpx.AsyncBaseTransport, breaks: int) -> None:
        self._inner = inner
        self._breaks = breaks

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        self._breaks -= 1
        if self._breaks >= 0:
            await answer.aread()
            raise httpx.ReadError("the line broke")
        return answer


async def test_a_broken_line_makes_one_report(harness: IntakeHarness) -> None:
    report: models.Submission = {"role": "victim", "harm_types": ["other"], "synthetic": True}

    def client(breaks: int) -> AsyncClient:
        line = Shaky(httpx.ASGITransport(harness.intake.app), breaks)
        policy = RetryPolicy(first_pause_s=0.01)
        return AsyncClient("http://intake", harness.credentials["api"], retry=policy, transport=line)

    async with client(2) as ieum:
        await ieum.submit_report(report, idempotency_key=new_idempotency_key())
    assert await harness.collection.count_documents({}) == 1
    async with client(99) as ieum:
        with pytest.raises(NotReachedError):
            await ieum.submit_report(report, idempotency_key=new_idempotency_key())
    assert await harness.collection.count_documents({}) == 2


def texts(schema: dict[str, Any], definitions: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every place in a schema where somebody's own words fit."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    found = [place for part in schema.get("anyOf", ()) for place in texts(part, definitions, path)]
    if "items" in schema:
        found += texts(schema["items"], definitions, (*path, "0"))
    for name, inner in schema.get("properties", {}).items():
        found += texts(inner, definitions, (*path, name))
    free = schema.get("type") == "string" and not {"enum", "const", "pattern", "format"} & schema.keys()
    return found + ([path] if free else [])


def placed(path: tuple[str, ...], text: str) -> Any:
    if not path:
        return text
    return [placed(path[1:], text)] if path[0] == "0" else {path[0]: placed(path[1:], text)}


async def test_no_text_field_takes_a_registration_number_or_a_picture(harness: IntakeHarness) -> None:
    schema = Submission.model_json_schema()
    places = texts(schema, schema["$defs"])
    assert {("narrative",), ("contact", "hours"), ("offender_handles", "0"), ("word",)} <= set(places)
    for path in places:
        prefix = "https://example.com/" if path[0] == "urls" else ""
        for bad, reason in (("900101-1234567", "resident_registration_number"), ("iVBORw0KGgoAAAAN", "media_bytes")):
            answer = await harness.lodge({**LEAST, **placed(path, prefix + bad)})
            assert answer.status_code == 422, (path, reason)
            reasons = {error["reason"] for error in answer.json()["errors"]}
            # Some fields have a narrower form of their own, or know their values.
            assert reasons <= {reason, "unknown_center", "not_an_email_address", "not_a_phone_number"}, (path, reasons)
            assert bad not in answer.text
    assert await harness.collection.count_documents({}) == 0
