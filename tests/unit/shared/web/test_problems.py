from typing import Any

import pytest

from tests.unit.shared.web.small_site import SECRET_TEXT, client

PATHS = ["/api/v1/things/1", "/api/v1/fast"]


async def _post(path: str, json: Any) -> Any:
    async with client() as http:
        return await http.post(path, json=json)


async def _post_bytes(path: str, content: bytes, media_type: str = "application/json") -> Any:
    async with client() as http:
        return await http.post(path, content=content, headers={"content-type": media_type})


def _reasons(answer: Any) -> dict[str, str]:
    return {error["field"]: error["reason"] for error in answer.json()["errors"]}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"kind": "a"}, {"name": "required"}),
        ({"name": "much too long"}, {"name": "too_long"}),
        ({"name": "x"}, {"name": "too_short"}),
        ({"name": 5}, {"name": "wrong_type"}),
        ({"name": "sky", "kind": "c"}, {"kind": "not_allowed"}),
        ({"name": "sky", "links": [{"url": "a"}, {"url": "y" * 21}]}, {"links.1.url": "too_long"}),
        ({"name": "sky", "links": [{"url": "a"}] * 3}, {"links": "too_many"}),
        ({"name": "sky", "extra": 1}, {"extra": "unknown_field"}),
        ({"name": "123"}, {"name": "only_digits"}),
    ],
)
async def test_each_wrong_field_is_named_with_a_stable_reason(path: str, body: Any, expected: dict[str, str]) -> None:
    answer = await _post(path, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid"
    assert _reasons(answer) == expected


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_that_was_sent_comes_back(path: str) -> None:
    body = {"name": SECRET_TEXT, "kind": SECRET_TEXT, SECRET_TEXT: 1, "links": [{"url": SECRET_TEXT * 2}]}
    answer = await _post(path, body)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 4
    assert "홍길동" not in answer.text
    assert "1234" not in answer.text
    assert "?" in _reasons(answer)


async def test_a_custom_sentence_with_values_is_not_shown() -> None:
    answer = await _post(PATHS[0], {"name": "echo!"})
    assert answer.json()["errors"][0]["reason"] == "echoing"
    assert "echo!" not in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("content", [b"{", b"{'name': 1}", b"\xff\xfe", b'{"name": "sky",}'])
async def test_broken_json_is_400(path: str, content: bytes) -> None:
    answer = await _post_bytes(path, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_another_content_type_is_415(path: str, media_type: str) -> None:
    answer = await _post_bytes(path, b'{"name": "sky"}', media_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_type")


@pytest.mark.parametrize("path", PATHS)
async def test_json_by_another_name_is_json(path: str) -> None:
    answer = await _post_bytes(path, b'{"name": "sky"}', "application/vnd.small+json; charset=utf-8")
    assert answer.status_code == 200


async def test_a_query_parameter_is_named_without_its_source() -> None:
    async with client() as http:
        answer = await http.post("/api/v1/things/1?limit=11", json={"name": "sky"})
    assert _reasons(answer) == {"limit": "too_large"}


@pytest.mark.parametrize(
    ("wish", "language", "title"),
    [
        ("en", "en", "Not found."),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko", "찾을 수 없어요."),
        ("fr", "ko", "찾을 수 없어요."),
        ("", "ko", "찾을 수 없어요."),
    ],
)
async def test_titles_are_in_the_callers_language(wish: str, language: str, title: str) -> None:
    async with client() as http:
        answer = await http.get("/nothing", headers={"accept-language": wish})
    assert answer.headers["content-language"] == language
    assert answer.json()["title"] == title
    assert answer.json()["type"] == "urn:ieum:problem:not_found"


async def test_a_wrong_method_says_which_are_right() -> None:
    async with client() as http:
        answer = await http.get("/api/v1/things/1")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_a_browser_gets_a_page() -> None:
    async with client() as http:
        answer = await http.get("/nothing", headers={"accept": "text/html,*/*", "accept-language": "en"})
        api = await http.get("/api/v1/nothing", headers={"accept": "text/html,*/*"})
    assert answer.status_code == 404
    assert "<h1>Not found.</h1>" in answer.text
    assert api.headers["content-type"] == "application/problem+json"


async def test_what_may_pass_is_503_with_a_time_to_come_again_and_no_defect() -> None:
    async with client() as http:
        answer = await http.get("/api/v1/away", headers={"accept-language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "again in a moment" in answer.json()["detail"]
