"""Sends simulated requests to intake at a steady rate and checks every answer against what the request calls for."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx

from tools.demo.frontends import FrontEnds
from tools.demo.progress import Progress
from tools.demo.simulator import ACCEPTED, REPEAT, Request

PATH: Final = "/api/v1/reports"
_RETRY_SECONDS: Final = 0.2
_PROBLEM: Final = "application/problem+json"


async def send(
    client: httpx.AsyncClient, request: Request, *, front_ends: FrontEnds, give_up_s: float = 30.0
) -> httpx.Response:
    """One request, repeated with the same key while intake is away (no connection, 502 to 504).

    Raises ``httpx.TransportError`` when ``give_up_s`` have passed without any answer.
    """
    deadline = time.monotonic() + give_up_s
    headers = {
        "Idempotency-Key": request.key,
        "Content-Type": request.content_type,
        **front_ends.headers(request.channel),
    }
    while True:
        try:
            answer = await client.post(PATH, content=request.body, headers=headers)
            if answer.status_code not in {502, 503, 504} or time.monotonic() > deadline:
                return answer
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_RETRY_SECONDS)


async def submit_all(
    client: httpx.AsyncClient, requests: Sequence[Request], progress: Progress, rate: float, front_ends: FrontEnds
) -> None:
    """Send every request ``rate`` a second, not waiting for the answer of one before the next."""
    progress.total = len(requests)
    first_answers: dict[str, asyncio.Future[str]] = {}
    start = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            group.create_task(_one(client, request, progress, first_answers, front_ends))


async def _one(
    client: httpx.AsyncClient,
    request: Request,
    progress: Progress,
    first: dict[str, "asyncio.Future[str]"],
    front_ends: FrontEnds,
) -> None:
    known = first.setdefault(request.key, asyncio.get_running_loop().create_future())
    if request.kind == REPEAT:
        await known
    try:
        answer = await send(client, request, front_ends=front_ends)
    except httpx.TransportError as error:
        progress.unexpected.append(f"{request.kind}: no answer ({type(error).__name__})")
        answer = None
    finally:
        progress.submitted += 1
    at = time.monotonic()
    report_id = _judge(request, answer, progress, known.result() if known.done() else None) if answer else ""
    if request.kind == ACCEPTED:
        if report_id:
            progress.accepted_at[report_id] = at
            progress.receipts[report_id] = str(answer.json()["receipt"]) if answer else ""
            progress.bodies[report_id] = request.body
        known.set_result(report_id)


def _judge(request: Request, answer: httpx.Response, progress: Progress, earlier: str | None) -> str:
    """The report's id where one was accepted; whatever is not as it should be goes into ``unexpected``."""
    body = _json(answer)
    if request.kind in {ACCEPTED, REPEAT}:
        report_id = str(body.get("report_id", ""))
        if answer.status_code not in {200, 202} or not report_id or not body.get("receipt"):
            progress.unexpected.append(f"{request.kind}: status {answer.status_code} {body.get('code', '')}")
            return ""
        if request.kind == REPEAT:
            progress.repeats += 1
            if report_id != earlier:
                progress.unexpected.append("repeat: another report id than the first answer's")
        return report_id
    fault = refusal_fault(request, answer, body)
    if fault:
        progress.unexpected.append(f"{request.kind}: {fault}")
    else:
        progress.refused[request.kind] += 1
    return ""


def refusal_fault(request: Request, answer: httpx.Response, body: dict[str, Any]) -> str | None:
    """Return the fault of a refusal: it must be a 4xx problem document that names the field, if one is to blame."""
    if not 400 <= answer.status_code < 500:  # noqa: PLR2004  # the range of client errors
        return f"status {answer.status_code} instead of a refusal"
    if not answer.headers.get("content-type", "").startswith(_PROBLEM):
        return "the answer is no problem document"
    fields = {str(error.get("field", "")) for error in body.get("errors", ())}
    if request.field and not any(name.split(".")[0] == request.field for name in fields):
        return f"the refusal does not name the field {request.field}"
    return None


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
