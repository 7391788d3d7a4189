import re
from datetime import timedelta
from html import unescape
from typing import Annotated, Any
from unittest.mock import AsyncMock, Mock
from urllib.parse import quote

import pytest
from fastapi import APIRouter, Depends

from shared.health import Health
from shared.identity.keys import CLOCKS_APART
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Documentation, create_app
from shared.web.authorization import OPEN, Authorizer, route_actions, routes_without_one_action
from shared.web.middleware import EdgeMiddleware
from tests.unit.shared.web.small_site import STAFF, TOKEN, build, client, settings

TRUSTED = {"sec-fetch-site": "same-origin"}


async def test_a_token_opens_and_a_wrong_one_does_not() -> None:
    async with client() as http:
        right = await http.get("/api/v1/secret", headers={"authorization": f"Bearer {TOKEN}"})
        wrong = await http.get("/api/v1/secret", headers={"authorization": f"Bearer {TOKEN[:-1]}"})
        other = await http.get("/api/v1/secret", headers={"authorization": f"Basic {TOKEN}"})
    assert right.json() == {"who": "s-testfolk"}
    for refused in (wrong, other):
        assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")
        assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_a_role_that_may_not_is_refused_and_the_audit_hears_of_it() -> None:
    heard = []
    authorize = Authorizer(STAFF.identity, settings(), on_denied=lambda _, who, what, of: heard.append((who, what, of)))
    router = APIRouter()

    @router.get("/api/v1/secret")
    async def secret(staff: Annotated[Principal, Depends(authorize(Action.CASES_LIST))]) -> str:
        return staff.subject

    app = create_app(
        service="small",
        documentation=Documentation(title="t", description="d"),
        settings=settings(),
        health=Health(),
        routers=[router],
    )
    async with client(app) as http:
        refused = await http.get("/api/v1/secret", headers=STAFF.bearer("ministry", "analyst", subject="s-analyst"))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    ((who, what, of),) = heard
    assert who is not None
    assert (who.subject, what, of) == ("s-analyst", Action.CASES_LIST, None)


async def test_who_cannot_be_verified_yet_is_asked_to_wait_and_not_to_sign_in() -> None:
    just_started = STAFF.another()
    authorize = Authorizer(just_started, settings())
    router = APIRouter(dependencies=[Depends(authorize(Action.CASES_LIST))])

    @router.get("/api/v1/secret")
    @router.get("/desk")
    async def secret() -> str:
        return "seen"

    app = create_app(
        service="small",
        documentation=Documentation(title="t", description="d"),
        settings=settings(),
        health=Health(),
        routers=[router],
    )
    async with client(app) as http:
        for path in ("/api/v1/secret", "/desk"):
            refused = await http.get(path, headers=STAFF.bearer("jeju", "counsellor"))
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        just_started.adopt(STAFF.document())
        assert (await http.get("/desk", headers=STAFF.bearer("jeju", "counsellor"))).json() == "seen"


async def test_a_page_whose_clock_is_behind_identitys_leads_nobody_to_sign_in_in_a_circle() -> None:
    here = STAFF.another()
    authorize = Authorizer(here, settings())
    router = APIRouter(dependencies=[Depends(authorize(Action.CASES_LIST))])

    @router.get("/desk")
    async def desk() -> str:
        return "seen"

    app = create_app(
        service="small",
        documentation=Documentation(title="t", description="d"),
        settings=settings(),
        health=Health(),
        routers=[router],
    )
    async with client(app) as http:
        here.adopt(STAFF.document())
        assert (await http.get("/desk")).status_code == 303
        ahead = STAFF.clock.now() + CLOCKS_APART
        here.adopt(STAFF.document().model_copy(update={"issued_at": ahead + timedelta(seconds=1)}))
        assert (await http.get("/desk")).status_code == 503
        here.adopt(STAFF.document().model_copy(update={"issued_at": ahead}))
        assert (await http.get("/desk")).status_code == 303


async def test_a_page_leads_to_identitys_sign_in_and_names_its_own_configured_address() -> None:
    urls = {"small": "https://staff.example:8443", "identity": "https://staff.example/"}
    app = build(IEUM_PUBLIC_URLS=urls, IEUM_TRUSTED_PROXIES="10.0.0.7")
    async with client(app) as http:
        asked = await http.get("/desk?view=late", headers={"host": "evil.example"})
    assert asked.status_code == 303
    assert asked.headers["location"] == (
        "https://staff.example/session?next=https%3A%2F%2Fstaff.example%3A8443%2Fdesk%3Fview%3Dlate"
    )


def test_an_application_with_a_route_that_has_no_door_does_not_start() -> None:
    def started(*routers: APIRouter) -> None:
        create_app(
            service="s",
            documentation=Documentation(title="t", description="d"),
            settings=settings(),
            health=Health(),
            routers=routers,
        )

    bare, double, fine = APIRouter(), APIRouter(), APIRouter(dependencies=[Depends(OPEN)])
    authorize = Authorizer(STAFF.identity, settings())

    @bare.get("/bare")
    async def no_door() -> None: ...

    @double.get("/double", dependencies=[Depends(OPEN), Depends(authorize(Action.CASES_LIST))])
    async def two_doors() -> None: ...

    @fine.get("/fine")
    async def one_door() -> None: ...

    started(fine)
    with pytest.raises(ValueError, match="GET /bare"):
        started(fine, bare)
    with pytest.raises(ValueError, match="GET /double"):
        started(double)


def test_every_route_of_the_small_site_is_seen_with_its_action() -> None:
    app = build()
    assert routes_without_one_action(app) == []
    found = {entry.path: entry.actions for entry in route_actions(app)}
    assert found["/api/v1/secret"] == (Action.CASES_LIST,)
    assert found["/health/live"] == found["/"] == (Action.OPEN,)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (TRUSTED, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8003"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "null"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:9999"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8003"}, 200),
        ({"origin": "http://small.test"}, 200),
        ({"origin": "https://small.test"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
    ],
)
async def test_a_change_with_the_cookie_must_come_from_our_pages(headers: dict[str, str], status: int) -> None:
    async with client(cookies={"ieum_notify": TOKEN}) as http:
        answer = await http.post("/api/v1/change", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "foreign_origin"


async def test_a_bearer_token_needs_no_origin() -> None:
    async with client() as http:
        answer = await http.post(
            "/api/v1/change", headers={"authorization": f"Bearer {TOKEN}", "sec-fetch-site": "cross-site"}
        )
    assert answer.status_code == 200


@pytest.mark.parametrize("cookie", ["ieum_notify=x", "ieum_sid=x", "a=b; ieum_sid=x", "a=b;__Host-ieum_intake=x"])
async def test_every_cookie_of_ours_is_guarded_wherever_it_stands(cookie: str) -> None:
    async with client() as http:
        answer = await http.post("/", headers={"cookie": cookie, "sec-fetch-site": "cross-site"})
        other = await http.post("/", headers={"cookie": "my_ieum_sid=x; lang=ko", "sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert other.status_code == 422


async def test_cookies_that_came_in_two_headers_are_guarded_too() -> None:
    headers = [("cookie", f"ieum_notify={TOKEN}"), ("cookie", "lang=ko"), ("sec-fetch-site", "cross-site")]
    async with client() as http:
        answer = await http.post("/api/v1/change", headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("blank", [b"\x85", b"\xa0"])
async def test_a_cookie_named_almost_like_ours_is_none_of_ours(blank: bytes) -> None:
    # Another host of the domain may set such a name for all of its hosts: for the browser it has no __Host- in front.
    planted = b"lang=en; " + blank + b"__Host-ieum_notify=" + TOKEN.encode()
    async with client(base_url="https://small.test") as http:
        refused = await http.get("/api/v1/secret", headers=[(b"cookie", planted)])
        page = await http.get("/", headers=[(b"cookie", planted)])
        right = await http.get("/api/v1/secret", headers={"cookie": f"lang=en; __Host-ieum_notify={TOKEN}"})
    assert refused.status_code == 401
    assert '<html lang="en">' in page.text  # the others count
    assert right.status_code == 200


async def test_a_cookie_with_backslashes_is_none_of_ours() -> None:
    # Python's own reading of it takes the square of their number.
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.extend(scope["headers"])

    planted = b'lang=en; a="' + b"\\" * 60_000 + b'"; b=c'
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": [(b"cookie", planted)]}
    edge = EdgeMiddleware(app, headers=[], max_body_bytes=0, own_origins=frozenset(), render=Mock())
    await edge(scope, AsyncMock(), AsyncMock())
    assert heard == [(b"cookie", b"lang=en; b=c")]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/session", {"sec-fetch-site": "cross-site"}, 403),
        ("/api/v1/sign-in", {"origin": "http://evil.example"}, 403),
        ("/api/v1/session/renew", {"sec-fetch-site": "same-site", "origin": "null"}, 403),
        ("/invitation", {"origin": "null"}, 403),
        ("/api/v1/sign-in", {}, 404),
        ("/api/v1/sign-in", TRUSTED, 404),
        ("/sessions", {"sec-fetch-site": "cross-site"}, 404),
    ],
)
async def test_signing_in_is_guarded_even_without_a_cookie(path: str, headers: dict[str, str], status: int) -> None:
    async with client() as http:
        assert (await http.post(path, headers=headers)).status_code == status


async def test_who_sends_a_form_after_their_session_ended_is_led_to_sign_in_and_back_to_the_page() -> None:
    urls = {"identity": "http://small.test:8006", "small": "http://small.test"}
    page = {"accept": "text/html"}
    async with client(build(IEUM_PUBLIC_URLS=urls)) as http:
        refused = await http.post("/desk/chairs/3?lang=en", headers=page)
        back = await http.get("/desk/chairs/3?lang=en", headers=page)
        nowhere = await http.get("/api/v1/change", headers=page)
    assert refused.status_code == 401
    assert "sign in and do it again" in refused.text
    assert "Bearer" not in refused.text
    assert refused.text.count(">Sign in</a>") == 1
    wanted = quote("http://small.test/desk/chairs/3?lang=en", safe="/")
    assert f'<a class="button primary" href="http://small.test:8006/session?next={wanted}">' in refused.text
    assert (back.status_code, back.headers["location"]) == (303, "/desk?lang=en")
    assert nowhere.status_code == 405


async def test_a_form_whose_session_ended_is_given_back_to_whoever_sent_it_from_our_page_and_to_nobody_else() -> None:
    urls = {"identity": "http://small.test:8006", "small": "http://small.test"}
    form = {"kind": ['b" onload="x', "a"], "text": "first line\n<b>second</b>"}
    same = {"accept": "text/html", "accept-language": "en", "sec-fetch-site": "same-origin"}
    async with client(build(IEUM_PUBLIC_URLS=urls)) as http:
        for path in ("/desk/chairs/3", "/desk/chairs"):
            refused = await http.post(path, data=form, headers=same)
            assert refused.status_code == 401
            assert f'<form class="actions" method="post" action="http://small.test{path}"' in refused.text
            given = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', refused.text)
            assert [(name, unescape(value)) for name, value in given] == [
                ("kind", 'b" onload="x'),
                ("kind", "a"),
                ("text", "first line\n<b>second</b>"),
            ]
            assert f'/session?next={quote("http://small.test" + path, safe="/")}" target="_blank"' in refused.text
        for other in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"accept": "*/*"}):
            refused = await http.post("/desk/chairs/3", data=form, headers=same | other)
            assert (refused.status_code, "second" in refused.text) == (401, False)
        unproven = {name: value for name, value in same.items() if name != "sec-fetch-site"}
        assert "second" not in (await http.post("/desk/chairs/3", data=form, headers=unproven)).text


COPY = re.compile(
    r'<label for="typed">What you wrote, to copy</label><textarea id="typed" rows="8" readonly>(.*?)</t', re.DOTALL
)
GIVEN = {"accept": "text/html", "accept-language": "en", "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("form", "seen"),
    [
        ({"kind": "stool", "text": "too long to be <written> again"}, "too long to be <written> again"),
        (
            {"text": "two\r\nlines", "more": "제주에서 온 것과 같은 것으로 보이니 함께 봐 주세요"},
            "two\r\nlines\n\n제주에서 온 것과 같은 것으로 보이니 함께 봐 주세요",
        ),
        ({"kind": "stool", "number": "3", "id": "5f3c2a10-0000-4000-8000-000000000001"}, None),
    ],
)
async def test_what_was_written_in_a_form_given_back_can_be_seen_and_copied(
    form: dict[str, str], seen: str | None
) -> None:
    async with client(build(IEUM_PUBLIC_URLS={"identity": "http://small.test:8006"})) as http:
        refused = (await http.post("/desk/chairs", data=form, headers=GIVEN)).text
    assert "Send it again" in refused
    assert "hreflang=" not in refused, "in the other language it would be gone"
    shown = re.search(rf"<details><summary>See what you wrote</summary>.*?{COPY.pattern}", refused, re.DOTALL)
    assert (unescape(shown[1]) if shown else None) == seen


async def test_a_form_that_counts_in_one_session_alone_is_given_back_to_be_copied_and_not_to_be_sent() -> None:
    form = {"seal": "7.1700000000.abc", "text": "short", "id": "5f3c2a10-0000-4000-8000-000000000001"}
    async with client(build(IEUM_PUBLIC_URLS={"identity": "http://small.test:8006"})) as http:
        refused = (await http.post("/desk/chairs", data=form, headers=GIVEN)).text
    assert "Open the desk again." in refused
    assert "hreflang=" not in refused, "in the other language it would be gone"
    assert COPY.findall(refused) == ["short"]
    assert "Send it again" not in refused
    assert "7.1700000000.abc" not in refused
    assert "/session?next=" in refused


async def test_a_refusal_of_a_page_for_staff_stands_in_their_layout_also_where_the_public_comes() -> None:
    async with client() as http:
        headers = {"accept": "text/html", **STAFF.bearer("ministry", "analyst")}
        staff = await http.get("/desk?lang=en", headers=headers)
        public = await http.get("/nothing-here?lang=en", headers={"accept": "text/html"})
    assert (staff.status_code, public.status_code) == (403, 404)
    assert ("data-quick-exit" in staff.text, "data-quick-exit" in public.text) == (False, True)
    assert '<a href="/">To the start page</a>' in public.text


async def test_who_may_not_reads_who_gives_the_right_and_can_go_on_or_sign_in_as_somebody_else() -> None:
    urls = {service: f"http://small.test/{service}" for service in ("notify", "analytics", "identity")}
    urls["small"] = "http://small.test"
    async with client(build(IEUM_PUBLIC_URLS=urls)) as http:
        headers = {"accept": "text/html", **STAFF.bearer("ministry", "analyst")}
        refused = (await http.get("/desk?lang=en", headers=headers)).text
    assert "ask whoever manages accounts at your organisation" in refused
    assert '<a class="button primary" href="http://small.test/analytics/">To your start page</a>' in refused
    assert '<a class="brand" href="http://small.test/analytics/">' in refused
    wanted = quote("http://small.test/desk?lang=en", safe="/")
    assert f'href="http://small.test/identity/session/end?next={wanted}">Sign in as somebody else</a>' in refused
