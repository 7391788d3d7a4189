"""Checks that every server of the intake API must pass. Each says in one sentence what was expected.

All reports are drills (``synthetic``). Use a credential for drills (``reports:drill``); with one for real reports the
centre and the operator are called.

Nothing is looked at but what the API answers, so a front-end team can run them against a stub of its own as well as
against Ieum.
"""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ieum_client.rate_limit import rate_limit_of

REPORT: Final[dict[str, Any]] = {"role": "victim", "harm_types": ["other"], "synthetic": True}
REPORTS: Final = "/api/v1/reports"
RECEIPTS: Final = "/api/v1/receipts"
_RECEIPT: Final = re.compile(r"^\d{4}-\d{4}-\d{4}-\d{4}$")
_LARGE: Final = 70_000
"""Bytes; more than any report needs and the API takes."""
PICTURE: Final = "iVBORw0KGgo" + base64.b64encode(bytes(range(200))).decode()
NUMBER: Final = "900101-1234567"
"""Has the form of a resident registration number, and is nobody's."""

SUBMIT: Final = "reports:submit"
READ: Final = "receipts:read"
WRITE: Final = "receipts:write"
PROBES: Final = {SUBMIT: REPORTS, READ: f"{RECEIPTS}/status", WRITE: f"{RECEIPTS}/messages"}
"""Of each scope an address that needs it; an empty body is refused there and changes nothing."""
TWINS: Final = 6
IMPATIENT: Final = "ieum_impatient"
"""An extension of a request (``httpx``): its 429 is not waited out."""
MOST_TRIED: Final = 2_000
"""A minute; a higher limit is not tried out."""

Http = httpx.AsyncClient
Check = Callable[..., Awaitable[None]]
"""Given a server, and those of ``SERVERS`` all of them. Raises ``AssertionError`` with a sentence."""


class CredentialError(Exception):
    """The credential does not count, so that no check would say anything about the server."""


async def scopes_of(http: Http) -> frozenset[str]:
    """Return what the credential allows.

    Raises ``CredentialError``, and ``AssertionError`` where a refusal is not as it must be.
    """
    found = set()
    for scope, path in PROBES.items():
        answer = await http.post(path, json={})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            said = "The server does not know this credential" if http.headers.get("authorization") else "None was given"
            raise CredentialError(f"{said} (401 at {path}).")
        if answer.status_code == httpx.codes.FORBIDDEN:
            expect(_is_problem(answer), "a refusal must be application/problem+json (RFC 9457)")
            code = answer.json().get("code")
            if code != "scope_missing":
                raise CredentialError(f"The server refuses this credential: {code} (403 at {path}).")
            problem(answer, 403, "scope_missing")
            challenge = answer.headers.get("www-authenticate", "")
            expect(f'scope="{scope}"' in challenge, f"WWW-Authenticate names the scope {scope} (RFC 6750)")
        else:
            found.add(scope)
    return frozenset(found)


def expect(fine: object, otherwise: str) -> None:
    """Fail a check with a sentence."""
    if not fine:
        raise AssertionError(otherwise)


async def lodged(http: Http, body: Any = None, key: str | None = None, **headers: str) -> httpx.Response:  # noqa: ANN401  # any JSON
    """One report."""
    sent = {**headers, **({"Idempotency-Key": key} if key else {})}
    return await http.post(REPORTS, json=REPORT if body is None else body, headers=sent)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal that has to be this one."""
    expect(answer.status_code == status, f"expected {status} {code}, got {answer.status_code}")
    expect(_is_problem(answer), "a refusal must be application/problem+json (RFC 9457)")
    found: dict[str, Any] = answer.json()
    expect(found.get("code") == code, f"expected the code {code}, got {found.get('code')}")
    expect(found.get("status") == status, "the document's status must be that of the answer")
    expect(found.get("title") and found.get("detail") and found.get("type"), "a problem has type, title and detail")
    return found


def _is_problem(answer: httpx.Response) -> bool:
    kind: str = answer.headers.get("content-type", "")
    return kind.partition(";")[0].strip() == "application/problem+json"


def named(found: dict[str, Any], field: str, reason: str) -> None:
    """One error of a problem has to name this field and reason."""
    pairs = [(error.get("field"), error.get("reason")) for error in found.get("errors", ())]
    expect((field, reason) in pairs, f"expected errors to name {field} with the reason {reason}, got {pairs}")
    expect(all(error.get("detail") for error in found["errors"]), "every error says in a sentence what to do")


async def the_least_report_is_accepted(http: Http) -> None:
    """A role and one kind of harm are enough; the answer has receipt, proof, id and time."""
    answer = await lodged(http)
    expect(answer.status_code == httpx.codes.ACCEPTED, f"expected 202, got {answer.status_code}")
    body = answer.json()
    expect(_RECEIPT.match(body.get("receipt", "")), "a receipt has 16 digits in fours")
    expect({"report_id", "received_at", "proof"} <= body.keys(), "report_id, received_at and proof are there")
    expect(answer.headers.get("location"), "Location says where to ask for the status")


async def no_credential_no_report(http: Http) -> None:
    """Without a credential, and with a wrong one, the answer is 401."""
    for credential in ("", "Bearer nobody." + "A" * 43):
        answer = await lodged(http, Authorization=credential)
        expect(answer.status_code == httpx.codes.UNAUTHORIZED, f"expected 401, got {answer.status_code}")


async def the_same_key_and_body_give_the_same_answer(http: Http) -> None:
    """Idempotency-Key: repeated, the request is answered as the first time."""
    key = str(uuid.uuid4())
    first, second = await lodged(http, key=key), await lodged(http, key=key)
    expect((first.status_code, second.status_code) == (202, 202), "both tries are accepted")
    expect(first.json() == second.json(), "both tries get the same answer, receipt included")


async def twins_are_one_report(http: Http, *others: Http) -> None:
    """Idempotency-Key: sent several times at once, to all servers, it is one report, and all get the same answer."""
    key = str(uuid.uuid4())
    servers = (http, *others)
    answers = await asyncio.gather(*(lodged(servers[n % len(servers)], key=key) for n in range(TWINS)))
    statuses = sorted({answer.status_code for answer in answers})
    expect(statuses == [httpx.codes.ACCEPTED], f"expected 202 for each of {TWINS} at once, got {statuses}")
    receipts = {answer.json().get("receipt") for answer in answers}
    expect(len(receipts) == 1, f"{TWINS} at once got {len(receipts)} receipts: that many reports")


async def twin_messages_are_one_message(http: Http, *others: Http) -> None:
    """Idempotency-Key: a message sent several times at once, to all servers, is one message."""
    receipt = (await lodged(http)).json()["receipt"]
    headers, said = {"Idempotency-Key": str(uuid.uuid4())}, {"receipt": receipt, "text": "drill"}
    servers = (http, *others)
    answers = await asyncio.gather(
        *(servers[n % len(servers)].post(f"{RECEIPTS}/messages", json=said, headers=headers) for n in range(TWINS))
    )
    statuses = sorted({answer.status_code for answer in answers})
    expect(statuses == [httpx.codes.CREATED], f"expected 201 for each of {TWINS} at once, got {statuses}")
    numbers = {answer.json().get("number") for answer in answers}
    expect(numbers == {1}, f"{TWINS} at once got the numbers {sorted(numbers, key=str)}: not one message")


async def every_server_knows_a_receipt_at_once(http: Http, *others: Http) -> None:
    """A receipt that one server gave counts at every other from the same moment."""
    receipt = (await lodged(http)).json()["receipt"]
    for other in (http, *others):
        answer = await other.post(f"{RECEIPTS}/status", json={"receipt": receipt})
        expect(answer.status_code == httpx.codes.OK, f"expected 200 at {other.base_url}, got {answer.status_code}")


async def the_same_key_with_another_body_is_a_conflict(http: Http) -> None:
    """Idempotency-Key: another body under the same key is refused with 409, and nothing is stored twice."""
    key = str(uuid.uuid4())
    await lodged(http, key=key)
    problem(await lodged(http, {**REPORT, "narrative": "another"}, key=key), 409, "idempotency_conflict")


async def without_a_key_two_reports_are_two(http: Http) -> None:
    """A missing key is allowed; then two requests are two reports."""
    first, second = await lodged(http), await lodged(http)
    expect(first.json().get("receipt") != second.json().get("receipt"), "each got a receipt of its own")


async def a_bad_key_is_refused(http: Http) -> None:
    """Keys have 16 to 128 characters of a fixed set."""
    problem(await lodged(http, key="short"), 400, "invalid_header")


async def broken_bodies_are_refused(http: Http) -> None:
    """No JSON: 400. Another content type: 415. Too large: 413. All as problem documents."""
    kinds = {"Content-Type": "application/json"}
    problem(await http.post(REPORTS, content=b"{", headers=kinds), 400, "not_json")
    problem(await http.post(REPORTS, content=b"x", headers={"Content-Type": "image/png"}), 415, "wrong_content_type")
    problem(await http.post(REPORTS, content=b" " * _LARGE, headers=kinds), 413, "too_large")


async def what_is_wrong_is_named_by_field(http: Http) -> None:
    """422 names every field with a stable reason."""
    named(problem(await lodged(http, {"synthetic": True}), 422, "invalid"), "role", "required")
    named(problem(await lodged(http, {**REPORT, "unknown": 1}), 422, "invalid"), "unknown", "unknown_field")
    named(
        problem(await lodged(http, {**REPORT, "division": "atlantis"}), 422, "invalid"), "division", "unknown_division"
    )


async def pictures_are_refused(http: Http) -> None:
    """The bytes of pictures are refused in every text, with the reason media_bytes."""
    found = problem(await lodged(http, {**REPORT, "narrative": PICTURE}), 422, "invalid")
    named(found, "narrative", "media_bytes")
    found = problem(
        await lodged(http, {**REPORT, "contact": {"hours": f"data:image/png;base64,{'A' * 40}"}}), 422, "invalid"
    )
    named(found, "contact.hours", "media_bytes")


async def registration_numbers_are_refused(http: Http) -> None:
    """Resident registration numbers are refused in every text, and never repeated."""
    for field, body in (
        ("narrative", {"narrative": f"내 번호는 {NUMBER}"}),
        ("contact.name", {"contact": {"name": NUMBER}}),
        ("offender_handles.0", {"offender_handles": [NUMBER]}),
        ("urls.0", {"urls": [f"https://example.com/{NUMBER}"]}),
    ):
        answer = await lodged(http, {**REPORT, **body})
        named(problem(answer, 422, "invalid"), field, "resident_registration_number")
        expect(NUMBER not in answer.text, "a refusal never repeats what was sent")


async def refusals_are_worded_in_the_readers_language(http: Http) -> None:
    """Accept-Language: Korean by default, English on demand; code and reason stay the same."""
    korean = problem(await lodged(http, {}, **{"Accept-Language": "ko"}), 422, "invalid")
    english = problem(await lodged(http, {}, **{"Accept-Language": "en"}), 422, "invalid")
    expect(re.search("[가-힣]", korean["detail"]), "in Korean")
    expect(not re.search("[가-힣]", json.dumps(english, ensure_ascii=False)), "in English, errors included")


async def a_receipt_tells_where_the_report_stands(http: Http) -> None:
    """Status by receipt; spaces and hyphens do not matter."""
    receipt = (await lodged(http)).json()["receipt"]
    for typed in (receipt, receipt.replace("-", ""), receipt.replace("-", " ")):
        answer = await http.post(f"{RECEIPTS}/status", json={"receipt": typed})
        expect(answer.status_code == httpx.codes.OK, f"expected 200, got {answer.status_code}")
        expect({"state", "since", "received_at"} <= answer.json().keys(), "state, since and received_at are there")
    problem(await http.post(f"{RECEIPTS}/status", json={"receipt": "1234-5678-9012-3456"}), 404, "unknown_receipt")


async def a_message_is_left_once(http: Http) -> None:
    """A message repeated with its key is one message."""
    receipt = (await lodged(http)).json()["receipt"]
    headers, said = {"Idempotency-Key": str(uuid.uuid4())}, {"receipt": receipt, "text": "drill"}
    answers = [await http.post(f"{RECEIPTS}/messages", json=said, headers=headers) for _ in range(2)]
    expect([answer.status_code for answer in answers] == [201, 201], "both tries are accepted")
    expect(answers[0].json() == answers[1].json(), "both tries get the same number and time")


async def an_addition_is_made_once(http: Http) -> None:
    """An addition repeated with its key is one addition; one without anything in it is refused."""
    receipt = (await lodged(http)).json()["receipt"]
    headers, added = {"Idempotency-Key": str(uuid.uuid4())}, {"receipt": receipt, "still_spreading": True}
    answers = [await http.post(f"{RECEIPTS}/amend", json=added, headers=headers) for _ in range(2)]
    expect([answer.status_code for answer in answers] == [201, 201], "both tries are accepted")
    expect(answers[0].json() == answers[1].json(), "both tries get the same number and time")
    problem(await http.post(f"{RECEIPTS}/amend", json={"receipt": receipt}), 422, "empty")


async def answers_of_the_centre_are_read(http: Http) -> None:
    """Answers are a list; of a new report an empty one."""
    receipt = (await lodged(http)).json()["receipt"]
    answer = await http.post(f"{RECEIPTS}/answers", json={"receipt": receipt})
    expect(answer.status_code == httpx.codes.OK, f"expected 200, got {answer.status_code}")
    expect(answer.json().get("answers") == [], "there is none yet")


async def a_word_waits_and_is_made_void(http: Http) -> None:
    """A first word counts later, the status tells so, no other is taken meanwhile, and it can be made void."""
    receipt = (await lodged(http)).json()["receipt"]
    told = await http.post(f"{RECEIPTS}/word", json={"receipt": receipt, "word": "correct horse"})
    expect(told.status_code == httpx.codes.OK and told.json().get("word_from"), "word_from says from when it counts")
    again = await http.post(f"{RECEIPTS}/word", json={"receipt": receipt, "word": "another horse"})
    problem(again, 409, "word_waits")
    told = await http.post(f"{RECEIPTS}/word/cancel", json={"receipt": receipt})
    expect(told.status_code == httpx.codes.OK and not told.json().get("word_from"), "no word waits any more")


async def a_report_is_taken_back_and_brought_back(http: Http) -> None:
    """Withdrawal closes it for messages; it can be undone. Both can be asked for twice."""
    receipt = (await lodged(http)).json()["receipt"]
    for _ in range(2):
        told = await http.post(f"{RECEIPTS}/withdraw", json={"receipt": receipt})
        expect(told.json().get("state") == "withdrawn", "the state is withdrawn")
    late = await http.post(f"{RECEIPTS}/messages", json={"receipt": receipt, "text": "drill"})
    problem(late, 409, "withdrawn")
    for _ in range(2):
        told = await http.post(f"{RECEIPTS}/reinstate", json={"receipt": receipt})
        expect(told.status_code == httpx.codes.OK and told.json()["state"] != "withdrawn", "the withdrawal is undone")
    at_once = await http.post(f"{RECEIPTS}/withdraw", json={"receipt": receipt, "at_once": True})
    problem(at_once, 422, "not_understood")


async def a_report_changes_hands(http: Http) -> None:
    """A representative's report is taken over with a code; the former receipt then says so and does nothing more."""
    own = (await lodged(http)).json()["receipt"]
    problem(await http.post(f"{RECEIPTS}/hand-over", json={"receipt": own}), 409, "nobody_to_hand_over_to")
    made = await lodged(http, {**REPORT, "role": "representative", "on_behalf": {"relation": "sibling"}})
    receipt = made.json()["receipt"]
    first = (await http.post(f"{RECEIPTS}/hand-over", json={"receipt": receipt})).json()["code"]
    await http.post(f"{RECEIPTS}/hand-over/cancel", json={"receipt": receipt})
    asked = {"i_am_the_person": True}
    problem(await http.post(f"{RECEIPTS}/take-over", json={**asked, "code": first}), 409, "code_void")
    code = (await http.post(f"{RECEIPTS}/hand-over", json={"receipt": receipt})).json()["code"]
    problem(await http.post(f"{RECEIPTS}/take-over", json={"code": code}), 422, "not_the_person")
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    taken = [await http.post(f"{RECEIPTS}/take-over", json={**asked, "code": code}, headers=headers) for _ in range(2)]
    expect([answer.status_code for answer in taken] == [201, 201], "both tries are accepted")
    expect(taken[0].json() == taken[1].json(), "both tries get the same receipt")
    expect(taken[0].json()["receipt"] != receipt, "the person gets a receipt of their own")
    late = await http.post(f"{RECEIPTS}/messages", json={"receipt": receipt, "text": "drill"})
    problem(late, 409, "handed_over")


async def the_rate_limit_is_told(http: Http) -> None:
    """RateLimit-Policy and RateLimit say the limit and what is left of it; each request takes one."""
    told = [rate_limit_of((await lodged(http)).headers) for _ in range(2)]
    for one in told:
        expect(one, "an answer has RateLimit-Policy and RateLimit, of the same policy")
        expect(one and 0 <= one.remaining < one.limit, "what is left is less than the limit, and not below 0")
    limits = {one.limit for one in told if one}
    expect(len(limits) == 1, f"the limit stays the same, got {sorted(limits)}")


async def beyond_the_rate_limit_is_429(http: Http) -> None:
    """More requests than the limit are refused with 429 and a Retry-After; nothing else is. Takes the whole limit."""
    found = rate_limit_of((await http.post(REPORTS, json={})).headers)
    expect(found, "an answer has RateLimit-Policy and RateLimit")
    limit = found.limit if found else 0
    expect(limit <= MOST_TRIED, f"not tried: the limit is {limit}; give this credential one of at most {MOST_TRIED}")
    for _ in range(2 * limit):
        answer = await http.post(REPORTS, json={}, extensions={IMPATIENT: True})
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            problem(answer, 429, "too_many_requests")
            expect(answer.headers.get("retry-after", "").isdigit(), "Retry-After says after how many seconds")
            left = rate_limit_of(answer.headers)
            expect(left is None or left.remaining == 0, "RateLimit says that nothing is left")
            return
        problem(answer, 422, "invalid")
    expect(False, f"{2 * limit} requests in a row went through, with a limit of {limit} a minute")


async def the_proof_is_signed_with_the_published_key(http: Http) -> None:
    """The proof is a compact JWS (EdDSA) that the published key verifies, and it states the time of the answer."""
    body = (await lodged(http)).json()
    published = (await http.get("/api/v1/proof-key")).json()
    header, payload, signature = body["proof"].split(".")
    key = Ed25519PublicKey.from_public_bytes(_bytes(published["public_key"]))
    try:
        key.verify(_bytes(signature), f"{header}.{payload}".encode())
    except InvalidSignature:
        raise AssertionError("the signature is not of the published key") from None
    expect(json.loads(_bytes(payload))["received_at"] == body["received_at"], "the proof states the time of the answer")


async def nothing_is_kept_on_the_way(http: Http) -> None:
    """Answers with receipts forbid every cache to keep them."""
    answer = await lodged(http)
    expect("no-store" in answer.headers.get("cache-control", ""), "Cache-Control: no-store")


CHECKS: Final[tuple[Check, ...]] = (
    the_least_report_is_accepted,
    no_credential_no_report,
    the_same_key_and_body_give_the_same_answer,
    twins_are_one_report,
    the_same_key_with_another_body_is_a_conflict,
    without_a_key_two_reports_are_two,
    a_bad_key_is_refused,
    broken_bodies_are_refused,
    what_is_wrong_is_named_by_field,
    pictures_are_refused,
    registration_numbers_are_refused,
    refusals_are_worded_in_the_readers_language,
    a_receipt_tells_where_the_report_stands,
    every_server_knows_a_receipt_at_once,
    a_message_is_left_once,
    twin_messages_are_one_message,
    an_addition_is_made_once,
    answers_of_the_centre_are_read,
    a_word_waits_and_is_made_void,
    a_report_is_taken_back_and_brought_back,
    a_report_changes_hands,
    the_proof_is_signed_with_the_published_key,
    nothing_is_kept_on_the_way,
    the_rate_limit_is_told,
)
SERVERS: Final[frozenset[Check]] = frozenset(
    {twins_are_one_report, twin_messages_are_one_message, every_server_knows_a_receipt_at_once}
)
"""Checks that are given all servers."""

NEEDS: Final[dict[Check, str]] = {
    a_receipt_tells_where_the_report_stands: READ,
    every_server_knows_a_receipt_at_once: READ,
    a_message_is_left_once: WRITE,
    twin_messages_are_one_message: WRITE,
    an_addition_is_made_once: WRITE,
    answers_of_the_centre_are_read: WRITE,
    a_word_waits_and_is_made_void: WRITE,
    a_report_is_taken_back_and_brought_back: WRITE,
    a_report_changes_hands: WRITE,
}
"""The scope a check needs beside ``reports:submit``."""


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
