"""What does not hold together is refused with field and reason by API, form and phone alike, and nothing is stored."""

import gzip
import json
from typing import Any

import httpx

from tests.integration.intake.calling import LEAST as SAID
from tests.integration.intake.calling import READ, Operator
from tests.integration.intake.harness import LEAST, IntakeHarness

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"
REACHED = {"channels": ["phone"], "phone": "010-0000-0000"}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"division": "busan", "district": "12210"}, "district", "unknown_district"),
    ({"division": "busan", "district": "99999"}, "district", "unknown_district"),
    ({"division": "unknown", "district": "26110"}, "district", "unknown_district"),
    ({"consents": {"version": "2019-01", "personal": True}}, "consents.version", "not_allowed"),
    ({"consents": {"version": "2026-11"}, "contact": REACHED}, "consents", "consent_needed"),
    ({"already_told": ["nobody", "police"]}, "already_told", "nobody_and_others"),
    ({"threat_deadline": "0001-01-01T00:00:00+09:00"}, "threat_deadline", "deadline_out_of_range"),
    ({"threat_deadline": "9999-12-31T23:59:59-12:00"}, "threat_deadline", "deadline_out_of_range"),
    ({"Role": "victim"}, "Role", "unknown_field"),
]


def said(answer: httpx.Response) -> tuple[int, list[tuple[str, str]]]:
    return answer.status_code, [(error["field"], error["reason"]) for error in answer.json().get("errors", ())]


async def test_a_front_end_is_told_field_and_reason(harness: IntakeHarness) -> None:
    for more, field, reason in WRONG:
        assert said(await harness.lodge({**LEAST, **more})) == (422, [(field, reason)]), more

    async def sent(content: bytes, *more: tuple[str, str]) -> httpx.Response:
        headers = [*harness.headers().items(), ("content-type", "application/json"), *more]
        return await harness.http.post("/api/v1/reports", content=content, headers=headers)

    body = json.dumps(LEAST).encode()
    twice = b'{"role": "victim", "role": "victim", "harm_types": ["other"]}'
    assert said(await sent(twice)) == (422, [("role", "duplicate_field")])
    two = await sent(body, ("idempotency-key", KEY), ("idempotency-key", KEY))
    assert said(two) == (400, [("Idempotency-Key", "duplicate_header")])
    assert (await sent(gzip.compress(body), ("content-encoding", "gzip"))).status_code == 415
    another = {**harness.headers(), "content-type": "application/vnd.api+json"}
    assert (await harness.http.post("/api/v1/reports", content=body, headers=another)).status_code == 415
    assert await harness.collection.count_documents({}) == 0
    plain, quoted = [await sent(body, ("idempotency-key", key)) for key in (KEY, f'"{KEY}"')]
    assert plain.status_code == 202
    assert plain.json() == quoted.json()


async def test_an_addition_is_asked_the_same_and_a_consent_may_be_taken_back_alone(harness: IntakeHarness) -> None:
    receipt = (await harness.lodge({**LEAST, "contact": REACHED})).json()["receipt"]

    async def added(**more: Any) -> httpx.Response:
        body = {"receipt": receipt, **more}
        return await harness.http.post("/api/v1/receipts/amend", json=body, headers=harness.headers())

    for more, field, reason in WRONG[3:8]:
        assert said(await added(**more)) == (422, [(field, reason)]), more
    assert (await added(consents={"version": "2026-11"})).status_code == 201


async def test_the_form_and_the_operators_page_say_it_beside_the_field(harness: IntakeHarness) -> None:
    form = {"role": "victim", "harm_types": "other", "already_told": ["nobody", "police"]}
    for language, words in (
        ("ko", "아직 아무에게도 말하지 않았어요’는 다른 답과"),
        ("en", "does not go with another answer"),
    ):
        headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": language}
        answer = await harness.http.post("/", data=form, headers=headers)
        assert answer.status_code == 422
        assert words in answer.text
    late = await harness.http.post(
        "/", data={**form, "already_told": [], "threat_deadline": "9999-01-01T00:00"}, headers=headers
    )
    assert (late.status_code, "five years away" in late.text) == (422, True)
    operator = Operator(harness)
    at = await operator.begin()
    reached = {"contact_channels": ["phone"], "phone": "010-0000-0000", "assent": READ}
    page = await operator.page(at, "send", **SAID, **reached)
    assert (page.status_code, page.text.count("agreed to at least one of these")) == (422, 2)
    assert await harness.collection.count_documents({}) == 0
    await operator.sent(at, **SAID, **reached, consents=["personal"])
