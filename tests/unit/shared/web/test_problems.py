import gzip
from typing import Any

import pytest

from shared.web.json_body import more_than_once
from tests.unit.shared.web.small_site import SECRET_TEXT, TOKEN, build, client

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
    told = answer.text.replace(answer.json()["trace_id"], "")  # whose digits may be any
    assert "홍길동" not in told
    assert "1234" not in told
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
@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        # JSON by another name has rules that we do not follow.
        "application/vnd.api+json",
        "application/Problem+JSON; charset=utf-8",
    ],
)
async def test_another_content_type_is_415(path: str, media_type: str) -> None:
    answer = await _post_bytes(path, b'{"name": "sky"}', media_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_type")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON;charset=utf-8"])
async def test_json_by_its_own_name_is_taken(path: str, media_type: str) -> None:
    assert (await _post_bytes(path, b'{"name": "sky"}', media_type)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["gzip", "BR", "deflate, gzip"])
async def test_a_coded_body_is_415_and_the_one_that_would_do_is_named(path: str, coding: str) -> None:
    async with client() as http:
        headers = {"content-type": "application/json", "content-encoding": coding}
        answer = await http.post(path, content=gzip.compress(b'{"name": "sky"}'), headers=headers)
        plain = await http.post(path, json={"name": "sky"}, headers={"content-encoding": "identity"})
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_encoding")
    assert answer.headers["accept-encoding"] == "identity"
    assert answer.json()["errors"][0]["allowed"] == ["identity"]
    assert plain.status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_a_value_that_is_not_allowed_is_answered_with_those_that_are(path: str) -> None:
    [error] = (await _post(path, {"name": "sky", "kind": SECRET_TEXT})).json()["errors"]
    assert error["allowed"] == ["a", "b"]
    assert "a, b" in error["detail"]
    [other] = (await _post(path, {"name": "x"})).json()["errors"]
    assert "allowed" not in other


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["extra2", "연락처", "contact[phone]", "a.b", "x" * 100])
async def test_an_unknown_field_is_named_as_it_was_sent(path: str, name: str) -> None:
    assert _reasons(await _post(path, {"name": "sky", name: 1})) == {name: "unknown_field"}


@pytest.mark.parametrize("name", ["010-1234-5678", "a@example.com", "900101 1", "x" * 101, "a\nb", ""])
async def test_a_name_that_may_reach_a_person_or_is_none_does_not_come_back(name: str) -> None:
    assert _reasons(await _post(PATHS[1], {"name": "sky", name: 1})) == {"?": "unknown_field"}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b'{"name": "sky", "name": "sea"}', ["name"]),
        (b'{"name": "sky", "links": [{"url": "a"}, {"url": "b", "url": "c"}]}', ["links.1.url"]),
        (b'{"kind": "a", "name": "sky", "kind": "a", "name": "sky", "name": "sky"}', ["kind", "name"]),
    ],
)
async def test_a_field_that_is_there_twice_is_refused(content: bytes, named: list[str]) -> None:
    answer = await _post_bytes(PATHS[1], content)
    assert answer.status_code == 422
    assert _reasons(answer) == dict.fromkeys(named, "duplicate_field")


def test_each_name_of_an_object_is_looked_at_once_however_many_there_are() -> None:
    class Name(str):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Name.compared += 1
            return super().__eq__(other)

        __hash__ = str.__hash__

    names = [Name(number) for number in range(2000)]
    assert more_than_once([*names, Name("7"), Name("8")]) == {"7", "8"}
    assert Name.compared < 100  # 2,000 × 2,000 where each is counted anew


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
    assert answer.json()["type"] == "/problems#not_found"


async def test_staff_read_a_refusal_as_their_pages_speak_and_are_not_sent_to_the_telephone() -> None:
    korean = {"accept-language": "ko", "authorization": f"Bearer {TOKEN}"}
    async with client() as http:
        page = await http.post("/desk/chairs", data={"kind": "sofa"}, headers={**korean, "accept": "text/html"})
        machine = await http.post("/desk/chairs", data={"kind": "sofa"}, headers=korean)
        public = await http.get("/away", headers={**korean, "accept": "text/html"})
    async with client(build(for_staff=True)) as http:
        away = await http.get("/away", headers={**korean, "accept": "text/html"})
    assert "<h1>확인이 필요한 항목이 있습니다.</h1>" in page.text
    assert machine.json()["title"] == "확인이 필요한 항목이 있습니다."
    assert {error["detail"] for error in machine.json()["errors"]} <= {
        "필수 항목입니다.",
        "고를 수 있는 값이 아닙니다. 고를 수 있는 값: stool, bench",
    }
    assert ("이용할 수 없습니다" in away.text, "1366으로" in away.text) == (True, False)
    assert ("이용할 수 없어요" in public.text, "1366으로" in public.text) == (True, True)


async def test_a_wrong_method_says_which_are_right() -> None:
    async with client() as http:
        answer = await http.get("/api/v1/things/1")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_a_browser_gets_a_page() -> None:
    async with client() as http:
        answer = await http.get("/nothing", headers={"accept": "text/html,*/*", "accept-language": "en"})
    assert answer.status_code == 404
    assert "<h1>Not found.</h1>" in answer.text


async def test_a_browser_that_opens_an_address_of_the_interface_gets_a_page_and_a_program_a_document() -> None:
    """People open the files of tables and what they copied from a document; the rest of the interface is machines'."""
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with client() as http:
        korean = await http.get("/api/v1/nothing", headers={**browser, "accept-language": "ko"})
        english = await http.get("/api/v1/things/1", headers={**browser, "accept-language": "en"})
        programs = [
            await http.get("/api/v1/nothing", headers={"accept": accept})
            for accept in ("*/*", "application/json", "application/json, text/html;q=0.5")
        ]
        sent = await http.post("/api/v1/nothing", headers=browser)
    assert (korean.status_code, english.status_code) == (404, 405)
    assert "<h1>찾을 수 없어요.</h1>" in korean.text
    assert 'lang="en"' in english.text
    assert "traceback" not in english.text.lower()
    assert {each.headers["content-type"] for each in (*programs, sent)} == {"application/problem+json"}


async def test_what_may_pass_is_503_with_a_time_to_come_again_and_no_defect() -> None:
    async with client() as http:
        answer = await http.get("/api/v1/away", headers={"accept-language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "again in a moment" in answer.json()["detail"]


async def test_whoever_left_something_out_of_a_form_reads_its_label_and_comes_back_to_it() -> None:
    headers = {"accept": "text/html", "accept-language": "en", "authorization": f"Bearer {TOKEN}"}
    async with client(build(IEUM_PUBLIC_URLS={"small": "http://small.test"})) as http:
        page = await http.post("/desk/chairs", data={"kind": "sofa"}, headers=headers)
        machine = await http.post("/desk/chairs", data={"kind": "sofa"}, headers={**headers, "accept": "*/*"})
        strange = await http.get("/shelf/nonsense", headers=headers)
    assert (page.status_code, machine.status_code, strange.status_code) == (422, 422, 422)
    assert set(_reasons(machine)) == {"number", "kind"}
    assert '<li><a href="http://small.test/desk/chairs#number-chairs">Chair</a></li>' in page.text
    for word in ("number:", "kind", "stool", "errors"):
        assert word not in page.text
    assert "<title>Not found. – Ieum</title>" in strange.text
    assert "There is nothing at this address." in strange.text
    assert "Back to the form" not in strange.text


async def test_a_page_that_is_away_can_be_asked_for_again_and_a_form_is_not_sent_by_a_link() -> None:
    headers = {"accept": "text/html", "accept-language": "en"}
    async with client(build(IEUM_PUBLIC_URLS={"small": "http://small.test"})) as http:
        page = await http.get("/away?view=late", headers=headers)
        form = await http.post("/away", headers=headers)
    assert (page.status_code, form.status_code) == (503, 503)
    assert '<a class="button" href="http://small.test/away?view=late">Try again</a>' in page.text
    assert "Try again" not in form.text
