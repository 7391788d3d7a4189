import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from starlette.requests import Request

from shared.web import pages as pages_module
from shared.web.formats import day, elapsed, exact, filters, relative, short, span
from shared.web.language import LANGUAGES, Language
from shared.web.pages import Pages
from tests.unit.shared.web.small_site import NOW, SITE, TOKEN, build, client, clock, settings

AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}


def _request(query: str = "", headers: dict[str, str] | None = None) -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
            "scheme": "http",
            "server": ("small.test", 80),
        }
    )


def _pages() -> Pages:
    return Pages(SITE / "templates", SITE / "locale", settings(), "small", clock=clock())


@pytest.mark.parametrize(
    ("query", "cookie", "wish", "expected"),
    [
        ("lang=en", "lang=ko", "ko", "en"),
        ("lang=xx", "lang=en", "ko", "en"),
        ("", "lang=xx", "en", "en"),
        ("", "", "en-US", "en"),
        ("", "", "", "ko"),
    ],
)
def test_address_then_cookie_then_browser_then_korean(query: str, cookie: str, wish: str, expected: str) -> None:
    request = _request(query=query, headers={"cookie": cookie, "accept-language": wish})
    assert _pages().language(request) == expected


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example/x", "/%2Fevil.example/x", "/%09/evil.example/x"])
async def test_no_address_makes_the_link_to_the_other_language_lead_elsewhere(path: str) -> None:
    async with client() as http:
        page = await http.get(f"http://small.test{path}", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "evil.example/x?lang=en" in page.text
    assert re.findall(r'"(?:[a-z]+:)?[/\\\\\t]{2}evil[^"]*"', page.text) == []


async def test_a_choice_in_the_address_is_kept_for_the_visit_only() -> None:
    async with client() as http:
        chosen = await http.get("/?lang=en")
        later = await http.get("/")
        plain = await http.get("/", headers={"cookie": ""})
    cookie = chosen.headers["set-cookie"]
    assert cookie.startswith("lang=en;")
    assert "max-age" not in cookie.lower()
    assert "expires" not in cookie.lower()
    assert '<html lang="en">' in later.text
    assert "set-cookie" not in plain.headers


async def test_switching_the_language_keeps_the_page_and_its_query() -> None:
    async with client() as http:
        answer = await http.get("/?page=2&lang=ko")
    links = re.findall(r'hreflang="en" href="([^"]+)"', answer.text)
    assert links == ["/?page=2&amp;lang=en"]


async def test_a_public_page_has_the_way_out_and_the_numbers_and_a_neutral_title() -> None:
    async with client() as http:
        korean, english = [(await http.get(f"/?lang={code}")).text for code in ("ko", "en")]
    for page in (korean, english):
        assert 'href="tel:112"' in page
        assert 'href="tel:1366"' in page
        assert re.search(
            r'<a class="exit" href="https://[^"]+" rel="nofollow noreferrer" data-quick-exit="https://[^"]+">', page
        )
        assert 'href="http://127.0.0.1:8003' not in page
    assert "<title>메모</title>" in korean
    assert "<title>Notes</title>" in english
    assert "본문 바로가기" in korean


async def test_a_staff_page_links_the_services_and_names_who_is_signed_in() -> None:
    async with client(headers=AUTHORIZED) as http:
        page = (await http.get("/desk?lang=en")).text
    assert "data-quick-exit" not in page
    for port in (8001, 8002, 8003, 8004, 8006):
        assert f'href="http://127.0.0.1:{port}' in page
    assert re.search(r'<a href="http://127.0.0.1:8006/account">Jeju[^<]* · Counsellor, Lead</a>', page)
    assert 'href="http://127.0.0.1:8006/session/end"' in page


async def test_a_page_for_anybody_asks_nobody_to_sign_in_whom_it_does_not_know_to_be_signed_out() -> None:
    async with client() as http:
        pages = [(await http.get("/docs?lang=en", headers=headers)).text for headers in ({}, AUTHORIZED)]
    for page in pages:
        assert ">Sign in<" not in page
        assert '<a href="http://127.0.0.1:8006/session">Staff pages</a>' in page
    assert pages[0] == pages[1], "such a page does not look who is there"


async def test_pages_hold_no_inline_script_or_style() -> None:
    async with client() as http:
        pages = [(await http.get(path)).text for path in ("/", "/docs", "/nothing")]
    for page in pages:
        assert not re.search(r"<style|\sstyle=|\son\w+=", page)
        assert all('src="' in tag for tag in re.findall(r"<script[^>]*>", page))


def test_a_forgotten_variable_is_an_error_not_a_gap() -> None:
    with pytest.raises(UndefinedError):
        _pages().render(_request(), "form.html", public=True)


def test_moments_are_relative_with_the_exact_korean_time_beside_them() -> None:
    html = bytes(_pages().render(_request(), "form.html", public=True, moment=NOW, errors={}).body).decode()
    assert '<time datetime="2026-11-24T21:00:00+09:00" title="2026년 11월 24일 (화) 21:00:00"' in html
    assert "방금</time>" in html


@pytest.mark.parametrize(
    ("seconds", "korean", "english"),
    [
        (10, "방금", "just now"),
        (180, "3분 전", "3 minutes ago"),
        (7200, "2시간 전", "2 hours ago"),
        (86400 * 3, "3일 전", "3 days ago"),
        (-600, "10분 후", "in 10 minutes"),
    ],
)
def test_relative_words(seconds: int, korean: str, english: str) -> None:
    moment = NOW.fromtimestamp(NOW.timestamp() - seconds, NOW.tzinfo)
    assert relative(moment, NOW, "ko") == korean
    assert relative(moment, NOW, "en") == english


@pytest.mark.parametrize(
    ("seconds", "korean", "english"),
    [(10, "방금", "just now"), (900, "15분째", "15 minutes"), (7200, "2시간째", "2 hours"), (-600, "방금", "just now")],
)
def test_how_long_something_has_lasted_is_no_moment_in_the_past(seconds: int, korean: str, english: str) -> None:
    moment = NOW.fromtimestamp(NOW.timestamp() - seconds, NOW.tzinfo)
    assert elapsed(moment, NOW, "ko") == korean
    assert elapsed(moment, NOW, "en") == english


def test_moments_are_written_in_korean_time_as_each_language_writes_them() -> None:
    last_hour_of_the_year_in_london = datetime(2026, 12, 31, 23, 5, 9, tzinfo=UTC)
    assert exact(last_hour_of_the_year_in_london, "ko") == "2027년 1월 1일 (금) 08:05:09"
    assert exact(last_hour_of_the_year_in_london, "en") == "Fri 1 Jan 2027, 08:05:09 KST"
    new_year = last_hour_of_the_year_in_london
    assert short(new_year, "ko", new_year) == "1월 1일 08:05"
    assert short(new_year, "en", new_year) == "1 Jan 08:05"


@pytest.mark.parametrize(
    ("days", "korean", "english"),
    [
        (0, ">11월 24일 21:00<", ">24 Nov 21:00<"),
        (-365, ">2025년 11월 24일 21:00<", ">24 Nov 2025, 21:00<"),
        (40, ">2027년 1월 3일 21:00<", ">3 Jan 2027, 21:00<"),
    ],
)
def test_a_moment_of_another_year_names_it(days: int, korean: str, english: str) -> None:
    moment = NOW + timedelta(days=days)
    written = [str(filters(language, lambda: NOW)["short"](moment)) for language in LANGUAGES]
    assert [said in page for said, page in zip((korean, english), written, strict=True)] == [True, True], written


def test_the_year_is_that_of_korea() -> None:
    new_year_in_seoul = datetime(2026, 12, 31, 15, 30, tzinfo=UTC)
    assert ">1월 1일 00:30<" in str(filters("ko", lambda: new_year_in_seoul)["short"](new_year_in_seoul))
    assert ">2026년 12월 31일 23:30<" in str(
        filters("ko", lambda: new_year_in_seoul)["short"](new_year_in_seoul - timedelta(hours=1))
    )


def test_spans_have_two_units_at_most() -> None:
    assert span(125, "ko") == "2분 5초"
    assert span(93_784, "en") == "1 d 2 h"
    assert span(77 * 86_400 + 7, "ko") == "77일"
    assert span(0.2, "en") == "under a second"


async def test_static_files_are_kept_for_ever_under_their_digest_only() -> None:
    app = build()
    assets = app.state.pages.assets
    async with client(app) as http:
        current = await http.get(assets.url("ieum.css"))
        own = await http.get(assets.url("small.js"))
        old = await http.get("/static/000000000000/ieum.css")
        missing = await http.get(f"/static/{assets.digest}/nothing.css")
        outside = await http.get(f"/static/{assets.digest}/%2e%2e/pages.py")
    assert current.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in current.headers["cache-control"]
    assert own.headers["content-type"].startswith("text/javascript")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-store")
    assert (missing.status_code, outside.status_code) == (404, 404)
    with pytest.raises(KeyError, match=r"nothing\.css"):
        assets.url("nothing.css")


def test_the_digest_depends_on_every_file(tmp_path: object) -> None:
    pages = _pages()
    alone = Pages(None, None, settings(), "small")
    assert pages.assets.digest != alone.assets.digest
    assert pages.assets.digest == _pages().assets.digest


def test_a_filter_of_ours_speaks_the_readers_language_although_it_is_given_a_constant(tmp_path: Path) -> None:
    (tmp_path / "constant.html").write_text("{{ 7200|span }}")
    for pages in (Pages(tmp_path, None, settings(), "small"), Pages(tmp_path, None, settings(), "small")):
        said = {language: pages.fragment(language, "constant.html") for language in LANGUAGES}
        assert said["ko"] != said["en"]
        assert "시간" in said["ko"]


def test_what_was_compiled_before_counts_only_for_the_source_it_was_made_from(tmp_path: Path) -> None:
    def shown(text: str) -> str:
        (tmp_path / "page.html").write_text(text)
        pages_module._COMPILED._kept.clear()  # as in a process that begins
        return Pages(tmp_path, None, settings(), "small").fragment("en", "page.html")

    assert shown("one") == "one"
    (kept,) = (tmp_path / "__pycache__").iterdir()
    assert shown("one") == "one"
    assert shown("another") == "another"
    whole = kept.read_bytes()
    for left in (0, 5, 20, 40, len(whole) // 2, len(whole) - 5):  # cut off while it was written
        kept.write_bytes(whole[:left])
        assert shown("another") == "another"


@pytest.mark.parametrize(("language", "written"), [("ko", "2026년 11월 29일"), ("en", "29 November 2026")])
def test_a_day_is_written_as_moments_are(language: Language, written: str) -> None:
    assert day(date(2026, 11, 29), language) == written
