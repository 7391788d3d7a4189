import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.support.waiting import DEADLINE_S
from tools.demo.frontends import FrontEnds
from tools.demo.progress import Progress
from tools.demo.simulator import ACCEPTED, REPEAT, Request
from tools.demo.submitter import refusal_fault, send, submit_all

PROBLEM = {"content-type": "application/problem+json"}

FRONT_ENDS = FrontEnds(phone="line.a", portal="portal.b")


def client(handler: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://intake")


def taken(request: httpx.Request) -> httpx.Response:
    key = request.headers["idempotency-key"]
    return httpx.Response(202, json={"report_id": f"id-{key}", "receipt": "1234"})


async def test_answers_are_sorted_into_accepted_repeats_and_refusals() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.headers["idempotency-key"] == "bad":
            body = {"code": "invalid", "errors": [{"field": "division", "reason": "unknown"}]}
            return httpx.Response(422, json=body, headers=PROBLEM)
        return taken(request)

    progress = Progress()
    wanted = [
        Request("a", b"{}"),
        Request("a", b"{}", kind=REPEAT),
        Request("bad", b"{}", kind="unknown_division", field="division"),
    ]
    async with client(handler) as intake:
        await submit_all(intake, wanted, progress, rate=1000, front_ends=FRONT_ENDS)
    assert list(progress.accepted_at) == ["id-a"]
    assert (progress.repeats, progress.refused, progress.unexpected) == (1, {"unknown_division": 1}, [])


async def test_a_repeat_with_another_id_is_told() -> None:
    numbers = iter(range(10))

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(202, json={"report_id": f"id-{next(numbers)}", "receipt": "1"})

    progress = Progress()
    async with client(handler) as intake:
        await submit_all(
            intake, [Request("a", b"{}"), Request("a", b"{}", kind=REPEAT)], progress, rate=1000, front_ends=FRONT_ENDS
        )
    assert progress.unexpected == ["repeat: another report id than the first answer's"]


async def test_a_refused_good_report_is_told() -> None:
    progress = Progress()
    async with client(lambda _: httpx.Response(422, json={"code": "invalid"}, headers=PROBLEM)) as intake:
        await submit_all(intake, [Request("a", b"{}", kind=ACCEPTED)], progress, rate=1000, front_ends=FRONT_ENDS)
    assert progress.unexpected == ["accepted: status 422 invalid"]
    assert not progress.accepted_at


async def test_sending_goes_on_while_intake_is_away() -> None:
    answers = iter([httpx.ConnectError("away"), httpx.Response(503), None])

    def handler(request: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer or taken(request)

    async with asyncio.timeout(DEADLINE_S), client(handler) as intake:
        assert (await send(intake, Request("a", b"{}"), front_ends=FRONT_ENDS)).status_code == 202


@pytest.mark.parametrize(
    ("status", "headers", "errors", "fault"),
    [
        (202, PROBLEM, [], "status 202 instead of a refusal"),
        (500, PROBLEM, [], "status 500 instead of a refusal"),
        (422, {"content-type": "application/json"}, [], "the answer is no problem document"),
        (422, PROBLEM, [{"field": "role"}], "the refusal does not name the field urls"),
        (422, PROBLEM, [{"field": "urls.0"}], None),
    ],
)
def test_what_a_refusal_must_be(status: int, headers: dict[str, str], errors: list[Any], fault: str | None) -> None:
    body = {"errors": errors}
    answer = httpx.Response(status, content=json.dumps(body), headers=headers)
    assert refusal_fault(Request("a", b"", kind="too_many_urls", field="urls"), answer, body) == fault


async def test_each_channel_has_its_own_front_end() -> None:
    said: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        said.append(request.headers["authorization"])
        return taken(request)

    async with client(handler) as intake:
        for channel in ("phone", "web"):
            await send(intake, Request("a", b"{}", channel=channel), front_ends=FRONT_ENDS)
    assert said == ["Bearer line.a", "Bearer portal.b"]
