import asyncio
import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from opentelemetry import trace as opentelemetry
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.requests import Request
from starlette.types import Message

from shared.metrics import REGISTRY
from shared.web.form_body import MAX_BYTES, Typed, form_body
from shared.web.middleware import FORM_QUOTED, EdgeMiddleware
from shared.web.problems import Problem
from tests.unit.shared.web.small_site import SECRET_TEXT, build, client

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def _parts(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 64):
        yield b"x" * 64


def _count(route: str, status: str, method: str = "POST") -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("ieum_http_requests_total", labels) or 0.0


def _timed(route: str) -> float | None:
    return REGISTRY.get_sample_value("ieum_http_request_duration_seconds_count", {"route": route})


async def test_pages_are_timed_together_and_each_route_of_the_api_by_itself() -> None:
    async with client() as http:
        await http.get("/docs")
        before = _timed("other") or 0.0
        await http.get("/docs")
        await http.get("/")
        await http.get("/api/v1/secret")
    assert _timed("other") == before + 2
    assert (_timed("/api/v1/secret") or 0.0) >= 1
    assert _timed("/docs") is None


async def test_an_answer_that_waits_for_a_change_is_not_timed_whatever_it_says_and_any_other_is() -> None:
    async with client() as http:
        for status in (200, 304):
            before = _timed("/api/v1/held") or 0.0
            assert (await http.get(f"/api/v1/held?status={status}&waits=true")).status_code == status
            assert (_timed("/api/v1/held") or 0.0) == before
            assert (await http.get(f"/api/v1/held?status={status}&waits=false")).status_code == status
            assert _timed("/api/v1/held") == before + 1


async def test_the_framework_makes_no_spans_of_its_own_which_hold_whole_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(opentelemetry, "get_tracer_provider", lambda: provider)
    async with client() as http:
        assert (await http.get("/api/v1/secret?name=hidden")).status_code
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/docs", 200),
        ("/openapi.json", 200),
        ("/metrics", 200),
        ("/health/live", 200),
        ("/nothing", 404),
        ("/api/v1/secret", 401),
        ("/api/v1/broken", 500),
        ("/desk", 303),
    ],
)
async def test_every_answer_carries_the_security_headers(path: str, status: int) -> None:
    async with client() as http:
        answer = await http.get(path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert {"script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
    assert "form-action 'self'" in policy
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers


async def test_https_answers_ask_for_https_for_ever() -> None:
    async with client(base_url="https://small.test") as http:
        assert "max-age=" in (await http.get("/")).headers["strict-transport-security"]


async def test_an_answers_own_header_is_kept() -> None:
    async with client() as http:
        answer = await http.get("/own-header")
    assert answer.headers.get_list("cache-control") == ["private"]


@pytest.mark.parametrize("sent", [{"traceparent": TRACE}, {"traceparent": "nonsense"}, {}])
async def test_a_request_has_a_trace_of_our_own_which_the_answer_and_its_problem_name(sent: dict[str, str]) -> None:
    async with client() as http:
        one = await http.get("/nothing", headers=sent)
        other = await http.get("/nothing", headers=sent)
    assert one.headers["traceparent"][3:35] == one.json()["trace_id"]
    assert len({one.json()["trace_id"], other.json()["trace_id"], TRACE[3:35]}) == 3


async def test_requests_are_counted_by_template_not_by_address() -> None:
    before = _count("/api/v1/things/{thing_id}", "200")
    async with client() as http:
        await http.post("/api/v1/things/secret-id", json={"name": "sky"})
        exposition = (await http.get("/metrics")).text
    assert _count("/api/v1/things/{thing_id}", "200") == before + 1
    assert "secret-id" not in exposition


async def test_unknown_addresses_and_methods_do_not_grow_the_metrics() -> None:
    before = _count("(none)", "404", "GET")
    async with client() as http:
        await http.get("/a")
        await http.get("/b")
        await http.request("BREW", "/c")
    assert _count("(none)", "404", "GET") == before + 2
    assert _count("(none)", "404", "OTHER") >= 1


async def test_head_of_a_stream_ends_when_its_headers_are_there() -> None:
    async with client() as http, asyncio.timeout(30):
        answer = await http.head("/api/v1/endless")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_defect_is_told_without_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    async with client() as http:
        answer = await http.get("/api/v1/broken")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["trace_id"] == answer.headers["traceparent"][3:35]
    written = capsys.readouterr()
    assert "http.failed" in written.out + written.err
    assert SECRET_TEXT not in answer.text + written.out + written.err


async def test_a_defect_after_the_first_byte_ends_the_connection_without_its_message() -> None:
    with pytest.raises(Exception, match=r"^$") as caught:
        await _run_whole("/api/v1/cut")
    assert SECRET_TEXT not in repr(caught.value)
    assert caught.value.__suppress_context__


async def _run_whole(path: str) -> None:
    asked = False

    async def receive() -> dict[str, object]:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()  # a client that stays
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: object) -> None:
        return None

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "scheme": "http",
        "server": ("small.test", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "http_version": "1.1",
    }
    await build()(scope, receive, send)


async def test_a_body_as_large_as_the_limit_passes() -> None:
    async with client() as http:
        assert (await http.post("/api/v1/raw", content=b"x" * MAX_BYTES)).json() == {"bytes": MAX_BYTES}
        assert (await http.post("/api/v1/raw", content=_parts(MAX_BYTES))).json() == {"bytes": MAX_BYTES}


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_form_may_be_as_much_larger_as_quoting_makes_it(*, chunked: bool) -> None:
    # A browser sends each syllable of Korean as nine bytes, which are three.
    headers = {"content-type": "Application/x-www-form-urlencoded; charset=utf-8"}
    most = MAX_BYTES * FORM_QUOTED
    async with client() as http:
        fits = _parts(most) if chunked else b"x" * most
        assert (await http.post("/api/v1/raw", content=fits, headers=headers)).json() == {"bytes": most}
        larger = _parts(most + 64) if chunked else b"x" * (most + 1)
        refused = await http.post("/api/v1/raw", content=larger, headers=headers)
    assert (refused.status_code, str(most) in refused.json()["detail"]) == (413, True)


async def test_a_form_is_no_larger_than_another_body_where_no_page_needs_it() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with client(build(form_quoted=1)) as http:
        assert (await http.post("/api/v1/raw", content=b"x" * MAX_BYTES, headers=headers)).status_code == 200
        assert (await http.post("/api/v1/raw", content=b"x" * (MAX_BYTES + 1), headers=headers)).status_code == 413


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("What you sent is too long.", "send a shorter text.", "later with the receipt number.")),
        ("ko", ("보낸 내용이 너무 길어요.", "짧게 줄여서 다시 보내 주세요.", "나중에 접수번호로 추가할 수 있어요.")),
    ],
)
async def test_who_typed_too_much_reads_of_a_text_and_not_of_a_request(language: str, said: tuple[str, ...]) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
    async with client() as http:
        page = await http.post(f"/?lang={language}", content=b"x" * (MAX_BYTES * FORM_QUOTED + 1), headers=headers)
    assert page.status_code == 413
    assert [sentence for sentence in said if sentence not in page.text] == []
    assert f'href="/?lang={language}"' in page.text


async def _slow() -> AsyncIterator[bytes]:
    yield b"a="
    await asyncio.sleep(60)


@pytest.mark.parametrize("for_staff", [False, True])
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Load this page again: your browser then sends it once more."),
        ("ko", "이 화면을 새로 고치면 다시 보낼 수 있"),  # 어요, and 습니다 to staff
    ],
)
async def test_whose_form_came_too_slowly_reads_how_to_send_it_again(
    language: str, said: str, *, for_staff: bool
) -> None:
    app = build(for_staff=for_staff)
    [edge] = [one for one in app.user_middleware if getattr(one.cls, "__name__", "") == EdgeMiddleware.__name__]
    edge.kwargs["body_s"] = 0.05
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
    async with client(app) as http:
        page = await http.post(f"/desk/chairs?lang={language}", content=_slow(), headers=headers)
    assert (page.status_code, f'<body class="{"staff" if for_staff else "public"}"' in page.text) == (408, True)
    assert said in page.text
    assert bool(re.search("1366으로 전화해|does not work, call 1366", page.text)) is not for_staff


async def _of_form(**fields: str) -> Typed:
    body = urlencode(fields).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    return await form_body(Request({"type": "http", "method": "POST", "headers": headers}, receive))


async def test_what_is_typed_in_a_form_may_have_as_much_as_a_json_body() -> None:
    assert (await _of_form(one="가" * 20_000, two="x" * 5_536)).one("one") == "가" * 20_000
    with pytest.raises(Problem) as refused:
        await _of_form(one="가" * 20_000, two="x" * 5_537)
    assert (refused.value.status_code, refused.value.code) == (413, "too_large")


@pytest.mark.parametrize("path", ["/api/v1/raw", "/api/v1/things/1", "/api/v1/fast"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_larger_body_is_refused_even_without_a_length(path: str, *, chunked: bool) -> None:
    content = _parts(MAX_BYTES + 64) if chunked else b"x" * (MAX_BYTES + 1)
    async with client() as http:
        answer = await http.post(path, content=content, headers={"content-type": "application/json"})
    assert ("content-length" not in answer.request.headers) is chunked
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert str(MAX_BYTES) in answer.json()["detail"]


FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x; charset=a name that is no encoding"


@pytest.mark.parametrize(
    "kinds",
    [[PARTS], ["Multipart/Form-Data"], [PARTS, FORM], [f"{FORM}; x={';' * 200}"]],
    ids=lambda kinds: kinds[0][:40],
)
async def test_a_form_in_parts_or_of_a_long_type_is_read_by_nobody(kinds: list[str]) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="number"\r\n\r\n1\r\n--x--\r\n'
    async with client() as http:
        answer = await http.post("/desk/chairs", content=body, headers=[("content-type", kind) for kind in kinds])
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_type")
