import json

import pytest

from shared.web.formats import marked
from tests.unit.shared.web.small_site import client


async def test_the_document_is_openapi_3_1_and_knows_our_problems() -> None:
    async with client() as http:
        spec = (await http.get("/openapi.json")).json()
    assert spec["openapi"].startswith("3.1")
    assert set(spec["paths"]) == {"/api/v1/things/{thing_id}", "/api/v1/secret", "/api/v1/change"}
    assert "HTTPValidationError" not in json.dumps(spec)
    for path in spec["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status >= "4":
                    refusal = answer["content"]["application/problem+json"]["schema"]
                    assert refusal == {"$ref": "#/components/schemas/ProblemDocument"}
    fields = spec["components"]["schemas"]["ProblemDocument"]["properties"]
    assert {"type", "title", "status", "detail", "code", "errors", "trace_id"} == set(fields)
    assert "FieldError" in spec["components"]["schemas"]


@pytest.mark.parametrize(("language", "word"), [("ko", "매개변수"), ("en", "Parameters")])
async def test_the_page_lists_every_operation_with_its_fields(language: str, word: str) -> None:
    async with client() as http:
        page = (await http.get(f"/docs?lang={language}")).text
    assert word in page
    for text in ("/api/v1/things/{thing_id}", "Store a thing", "links[].url", "What to call it.", "≤ 5 characters"):
        assert text in page
    assert "&#34;name&#34;: &#34;sky&#34;" in page
    assert "a | b" in page


async def test_the_page_translates_title_and_description() -> None:
    async with client() as http:
        page = (await http.get("/docs?lang=ko")).text
    assert "작은 서비스" in page
    assert "무언가를 저장합니다." in page


async def test_nothing_comes_from_outside() -> None:
    async with client() as http:
        page = (await http.get("/docs")).text
    assert "cdn" not in page
    assert all(f'{attribute}="http' not in page.split("</head>")[0] for attribute in ("src", "href"))


def test_words_between_backticks_are_code_and_nothing_else_is_markup() -> None:
    assert marked("Only `role` & <b>") == "Only <code>role</code> &amp; &lt;b&gt;"
    assert marked("an odd ` mark") == "an odd ` mark"
    assert marked("`<i>`") == "<code>&lt;i&gt;</code>"
