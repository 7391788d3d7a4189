"""The command says what is the matter in one line, and never ends in a traceback."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from ieum_client import checks
from ieum_client.conformance import Outcome, _outcome, main
from tests.support.waiting import DEADLINE_S
from tests.unit.clients.stub import Case, Stub, serving
from tools.local.ports import free_port


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IEUM_CREDENTIAL", raising=False)


def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "credential"
    assert main([nowhere(), "--credential-file", str(file)]) == 2
    assert capsys.readouterr().err == f"Nothing was checked: {file} cannot be read (FileNotFoundError).\n"


def test_where_nobody_answers_nothing_was_checked(capsys: pytest.CaptureFixture[str]) -> None:
    url = nowhere()
    assert main([url]) == 2
    assert capsys.readouterr().err == f"Nothing was checked: {url} does not answer (ConnectError).\n"


def test_an_address_needs_a_scheme(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report.example"]) == 2
    assert "begins with http:// or https://" in capsys.readouterr().err


def test_a_refusal_that_is_no_problem_document_is_said(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    case: Case = {"replies": [{"status": 403, "text": "<h1>Forbidden</h1>"}]}
    assert main([stub.address("forbidden", case)]) == 1
    [said, *_] = capsys.readouterr().out.splitlines()
    assert said == "FAILS     what a credential may do: a refusal must be application/problem+json (RFC 9457)"


async def outcome_of(stub: Stub, name: str, check: checks.Check, *replies: Mapping[str, object]) -> Outcome:
    async with httpx.AsyncClient(base_url=stub.address(name, {"replies": list(replies)}), timeout=DEADLINE_S) as http:
        return await _outcome(check, http)


async def test_a_check_says_what_is_missing_or_that_no_answer_came(stub: Stub) -> None:
    accepted = {"status": 202, "json": {"report_id": "r"}}
    found = await outcome_of(stub, "missing", checks.a_message_is_left_once, accepted)
    assert found.wrong == "the answer has no 'receipt'"
    found = await outcome_of(stub, "lost", checks.a_message_is_left_once, {"lost": True})
    assert found.wrong == "no answer came (RemoteProtocolError)"


LIMITED = {"RateLimit-Policy": '"front-end";q=2;w=60', "RateLimit": '"front-end";r=0;t=60', "Retry-After": "30"}
PASSED = {"problem": [422, "invalid"], "headers": {"RateLimit-Policy": '"x";q=2;w=60', "RateLimit": '"x";r=1;t=30'}}
REFUSED = {"problem": [429, "too_many_requests"], "headers": LIMITED}


async def test_a_limit_that_is_held_is_found_and_not_waited_out(stub: Stub) -> None:
    found = await outcome_of(stub, "held", checks.beyond_the_rate_limit_is_429, PASSED, PASSED, REFUSED)
    assert found.wrong == ""


async def test_a_limit_that_is_not_held_is_found(stub: Stub) -> None:
    found = await outcome_of(stub, "not-held", checks.beyond_the_rate_limit_is_429, PASSED)
    assert found.wrong == "4 requests in a row went through, with a limit of 2 a minute"
    found = await outcome_of(stub, "untold", checks.the_rate_limit_is_told, {"status": 202, "json": {}})
    assert found.wrong == "an answer has RateLimit-Policy and RateLimit, of the same policy"


async def test_servers_that_do_not_know_each_others_reports_are_found(stub: Stub) -> None:
    def accepted(receipt: str) -> dict[str, object]:
        return {"status": 202, "json": {"receipt": receipt}}

    first = stub.address("first", {"replies": [accepted("1")]})
    second = stub.address("second", {"replies": [accepted("2")]})
    async with (
        httpx.AsyncClient(base_url=first, timeout=DEADLINE_S) as one,
        httpx.AsyncClient(base_url=second, timeout=DEADLINE_S) as two,
    ):
        found = await _outcome(checks.twins_are_one_report, one, two)
    assert found.wrong == "6 at once got 2 receipts: that many reports"
