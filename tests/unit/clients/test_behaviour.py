"""Both languages' clients do the same with the same answers: one table of cases, a server that gives them."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from ieum_client import (
    AsyncClient,
    Client,
    IeumError,
    NotReachedError,
    RateLimit,
    RefusedError,
    RetryPolicy,
    UnexpectedAnswerError,
)
from services.intake.problem_table import PROBLEMS
from shared.web.problem_catalog import SHARED, Again
from tests.unit.clients.node import assert_passes
from tests.unit.clients.stub import Case, Stub, serving
from tools.local.ports import free_port

ROOT: Final = Path(__file__).parents[3]
HERE: Final = Path(__file__).parent
TYPESCRIPT: Final = ROOT / "clients" / "typescript"
CREDENTIAL: Final = "portal.SECRET"


def timeout_of(case: Case) -> float:
    """Long where nothing is meant to take time, so that a busy machine fails no case."""
    return 1.5 if any(reply.get("silent") for reply in case["replies"]) else 20.0


def from_table() -> Iterator[Case]:
    """Of every problem that the API may answer with: whether the same request is sent again, as ``/problems`` says."""
    accepted = {"report_id": "r", "receipt": "1", "received_at": "2026-11-24T12:00:00Z", "proof": "p"}
    for one in {(one.status, one.code): one for one in (*SHARED, *PROBLEMS)}.values():
        refusal: dict[str, Any] = {"problem": [one.status, one.code]}
        if one.again is Again.AFTER:
            refusal["headers"] = {"Retry-After": "7"}
        case: Case = {
            "name": f"{one.status} {one.code}",
            "call": "submitReport",
            "body": {"role": "victim", "harm_types": ["other"]},
            "idempotencyKey": "0c3fa1de-aaaa-4bbb-8ccc-1234567890ab",
            "replies": [refusal, {"status": 202, "json": accepted}],
        }
        if one.again in {Again.LATER, Again.AFTER}:
            waits = [7 if one.again is Again.AFTER else 0.5]
            yield {**case, "requests": 2, "waits": waits, "answer": {"report_id": "r"}}
        else:
            error = {"kind": "RefusedError", "status": one.status, "code": one.code}
            yield {**case, "requests": 1, "error": error}


WRITTEN: Final[list[Case]] = yaml.load((HERE / "cases.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
CASES: Final = [*WRITTEN, *from_table()]
BY_NAME: Final = {case["name"]: case for case in CASES}


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with serving() as running:
        yield running


def address_of(stub: Stub, name: str, case: Case) -> str:
    if case.get("server") != "none":
        return stub.address(name, case)
    return f"http://127.0.0.1:{free_port()}"


def arguments(case: Case) -> tuple[str, list[Any], dict[str, Any]]:
    """How the Python clients are called for a case."""
    name = re.sub(r"(?=[A-Z])", "_", case["call"]).lower()
    body = dict(case.get("body", {}))
    more = {"idempotency_key": case["idempotencyKey"]} if "idempotencyKey" in case else {}
    more |= {name: case[name] for name in ("visitor", "callback") if name in case}
    if name == "submit_report":
        return name, [body], more
    first = [body.pop(field) for field in ("receipt", "code") if field in body]
    if name == "amend_report":
        return (
            name,
            [*first, {key: value for key, value in body.items() if key != "word"}],
            {
                **more,
                **{key: value for key, value in body.items() if key == "word"},
            },
        )
    return name, first, {**body, **more}


def told(error: IeumError | ValueError) -> dict[str, Any]:
    if not isinstance(error, RefusedError):
        return {"kind": type(error).__name__}
    return {
        "kind": "RefusedError",
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "trace_id": error.trace_id,
        "retry_after": error.retry_after,
        "errors": [[one.field, one.reason, one.detail, list(one.allowed)] for one in error.errors],
    }


def by_threads(url: str, case: Case) -> dict[str, Any]:
    name, positional, named = arguments(case)
    waits: list[float] = []
    options: dict[str, Any] = {"timeout_s": timeout_of(case), "sleep": waits.append, "chance": lambda: 0.0}
    with Client(url, CREDENTIAL, **options) as client:
        try:
            found = {"answer": getattr(client, name)(*positional, **named).model_dump(mode="json")}
        except (IeumError, ValueError) as error:
            found = {"error": told(error)}
        return {**found, "waits": waits, "rate_limit": client.rate_limit and list(client.rate_limit)}


def by_asyncio(url: str, case: Case) -> dict[str, Any]:
    name, positional, named = arguments(case)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def run() -> dict[str, Any]:
        options: dict[str, Any] = {"timeout_s": timeout_of(case), "sleep": sleep, "chance": lambda: 0.0}
        async with AsyncClient(url, CREDENTIAL, **options) as client:
            try:
                answer = await getattr(client, name)(*positional, **named)
                found = {"answer": answer.model_dump(mode="json")}
            except (IeumError, ValueError) as error:
                found = {"error": told(error)}
            return {**found, "waits": waits, "rate_limit": client.rate_limit and list(client.rate_limit)}

    return asyncio.run(run())


def assert_asked_as_expected(stub: Stub, name: str, case: Case) -> None:
    asked = stub.asked.pop(name, [])
    assert len(asked) == case.get("requests", 1)
    assert len({(one.method, one.path, one.body, one.headers.get("idempotency-key")) for one in asked}) <= 1
    for field, expected in case.get("request", {}).items():
        match field:
            case "headers":
                assert {key: asked[0].headers.get(key) for key in expected} == expected
            case "body":
                assert json.loads(asked[0].body) == expected
            case _:
                assert getattr(asked[0], field) == expected


@pytest.mark.parametrize(
    ("run", "case"),
    # What is sent again is decided in one place for both.
    [(by_threads, case) for case in CASES] + [(by_asyncio, case) for case in WRITTEN],
    ids=lambda value: value["name"] if isinstance(value, dict) else value.__name__,
)
def test_the_python_client(stub: Stub, run: Callable[[str, Case], dict[str, Any]], case: Case) -> None:
    name = f"{run.__name__}-{CASES.index(case)}"
    found = run(address_of(stub, name, case), case)
    expected = case["answer"] if "answer" in case else case["error"]
    outcome = found.get("answer", found.get("error"))
    assert outcome is not None
    assert {field: outcome.get(field) for field in expected} == expected
    assert ("answer" in found) is ("answer" in case)
    assert found["waits"] == case.get("waits", [])
    assert found["rate_limit"] == case.get("rate_limit")
    assert_asked_as_expected(stub, name, case)


@pytest.mark.thorough
def test_the_typescript_client(stub: Stub, compiled: Path, tmp_path: Path) -> None:
    cases = []
    for number, case in enumerate(CASES):
        url = address_of(stub, f"typescript-{number}", case)
        cases.append({**case, "url": url, "credential": CREDENTIAL, "timeout_ms": timeout_of(case) * 1000})
    assert_passes("behaviour.mjs", cases, compiled, tmp_path, tests=len(CASES))
    for number, case in enumerate(CASES):
        assert_asked_as_expected(stub, f"typescript-{number}", case)


@pytest.mark.thorough
def test_the_npm_package_holds_what_is_built_and_nothing_else(compiled: Path, tmp_path: Path) -> None:
    shutil.copytree(TYPESCRIPT, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "dist"))
    shutil.copytree(compiled / "dist", tmp_path / "dist")
    done = subprocess.run(
        ["npm", "pack", "--dry-run", "--json", "--ignore-scripts", "--offline"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    [packed] = json.loads(done.stdout)
    modules = [source.name.removesuffix(".ts") for source in (TYPESCRIPT / "src").iterdir()]
    files = {f"dist/{name}{end}" for name in modules for end in (".js", ".d.ts")}
    assert {file["path"] for file in packed["files"]} == files | {"README.md", "package.json"}
    assert json.loads((TYPESCRIPT / "package.json").read_text()).get("dependencies", {}) == {}


@pytest.mark.thorough
def test_what_the_typescript_readme_shows_compiles(compiled: Path, tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    (modules / "@ieum").mkdir(parents=True)
    (modules / "@ieum" / "client").symlink_to(compiled)
    (modules / "@types").symlink_to(ROOT / "node_modules" / "@types")
    shown = re.findall(r"^```ts\n(.*?)^```$", (TYPESCRIPT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(shown) == 5
    for number, block in enumerate(shown):
        (tmp_path / f"block{number}.mts").write_text(block)
    options = ["--strict", "--noEmit", "--skipDefaultLibCheck"]
    options += ["--module", "nodenext", "--target", "es2022", "--types", "node"]
    done = subprocess.run(
        [ROOT / "node_modules" / ".bin" / "tsc", *options, *(f"block{number}.mts" for number in range(len(shown)))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def test_chance_keeps_many_front_ends_from_coming_back_together() -> None:
    waits: list[float] = []
    url = f"http://127.0.0.1:{free_port()}"
    policy = RetryPolicy(attempts=3, first_pause_s=4.0, longest_pause_s=5.0)
    client = Client(url, CREDENTIAL, retry=policy, sleep=waits.append, chance=lambda: 0.5)
    with client, pytest.raises(IeumError):
        client.get_proof_key()
    assert waits == [4.5, 5.0]


async def test_an_answer_that_comes_drop_by_drop_does_not_outlast_the_attempt(stub: Stub) -> None:
    key = {"algorithm": "EdDSA", "key_id": "k", "public_key": "x" * 10_000}
    url = stub.address("drips", {"replies": [{"status": 200, "json": key, "drips": True}]})
    async with AsyncClient(url, CREDENTIAL, timeout_s=0.5, retry=RetryPolicy(attempts=1)) as client:
        async with asyncio.timeout(20):  # the answer takes 500 seconds
            with pytest.raises(NotReachedError):
                await client.get_proof_key()


async def test_what_waits_to_be_sent_ends_before_the_attempt_that_would_call_it_sent() -> None:
    seen: list[dict[str, float]] = []

    def told(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    async with AsyncClient("http://x.example", CREDENTIAL, timeout_s=3, transport=httpx.MockTransport(told)) as client:
        with pytest.raises(UnexpectedAnswerError):
            await client.get_proof_key()
    assert max(seen[0]["connect"], seen[0]["pool"]) < 3


def test_an_answer_that_is_nested_without_end_is_none_of_the_api(stub: Stub) -> None:
    case = {"replies": [{"status": 200, "text": "[" * 100_000}]}
    with Client(stub.address("nested", case), CREDENTIAL) as client, pytest.raises(UnexpectedAnswerError):
        client.get_proof_key()


def test_nothing_that_ends_in_a_log_has_a_receipt(stub: Stub) -> None:
    case = BY_NAME["an accepted report is answered as it is"]
    with Client(stub.address("repr", case), CREDENTIAL) as client:
        name, positional, named = arguments(case)
        shown = repr(getattr(client, name)(*positional, **named))
    assert "report_id='r'" in shown
    assert "1234-5678-9012-3450" not in shown
    assert "a.b.c" not in shown


def test_a_rate_limit_is_named() -> None:
    assert RateLimit(600, 60, 599, 1)._asdict() == {"limit": 600, "window_s": 60, "remaining": 599, "full_in_s": 1}
