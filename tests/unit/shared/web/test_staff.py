from datetime import timedelta

import pytest
from pydantic import SecretStr

from shared.web.session import LASTS, Attempts, cookie_value, valid_cookie
from shared.web.staff import local_path
from tests.unit.shared.web.small_site import NOW, TOKEN, build, client

TRUSTED = {"sec-fetch-site": "same-origin"}


async def test_a_bearer_token_opens_and_a_wrong_one_does_not() -> None:
    async with client() as http:
        right = await http.get("/api/v1/secret", headers={"authorization": f"Bearer {TOKEN}"})
        wrong = await http.get("/api/v1/secret", headers={"authorization": f"Bearer {TOKEN[:-1]}"})
        other = await http.get("/api/v1/secret", headers={"authorization": f"Basic {TOKEN}"})
    assert right.json() == {"who": "demo"}
    for refused in (wrong, other):
        assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")
        assert refused.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", [None, ""])
@pytest.mark.parametrize("given", ["", "None", TOKEN])
async def test_without_a_token_in_the_settings_nobody_passes(token: str | None, given: str) -> None:
    async with client(build(token)) as http:
        answer = await http.get("/api/v1/secret", headers={"authorization": f"Bearer {given}"})
        page = await http.post("/session", data={"token": given})
    assert answer.status_code == 401
    assert page.status_code == 401
    assert "set-cookie" not in page.headers


async def test_a_page_leads_to_sign_in_and_back() -> None:
    async with client() as http:
        asked = await http.get("/desk?view=late")
        assert asked.status_code == 303
        form = await http.get(asked.headers["location"])
        assert 'name="next" value="/desk?view=late"' in form.text
        done = await http.post("/session", data={"token": TOKEN, "next": "/desk?view=late"})
        assert (done.status_code, done.headers["location"]) == (303, "/desk?view=late")
        assert (await http.get("/desk?view=late")).status_code == 200


async def test_the_cookie_is_out_of_reach_and_does_not_hold_the_token() -> None:
    async with client() as http:
        answer = await http.post("/session", data={"token": f" {TOKEN} "})
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert TOKEN not in cookie
    assert "Secure" not in cookie
    async with client(base_url="https://small.test") as http:
        assert "Secure" in (await http.post("/session", data={"token": TOKEN})).headers["set-cookie"]


async def test_behind_a_proxy_that_ends_tls_the_cookie_is_still_for_https_only() -> None:
    async with client(build(IEUM_PUBLIC_URLS={"small": "https://small.example"})) as http:
        answer = await http.post("/session?lang=en", data={"token": TOKEN})
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_signing_out_ends_it() -> None:
    async with client() as http:
        await http.post("/session", data={"token": TOKEN})
        ended = await http.post("/session/end", headers=TRUSTED)
        assert (ended.status_code, ended.headers["location"]) == (303, "/session")
        assert (await http.get("/desk")).status_code == 303


async def test_guessing_is_slowed_down() -> None:
    async with client(build()) as http:
        for _ in range(10):
            wrong = await http.post("/session?lang=en", data={"token": "guess"})
            assert wrong.status_code == 401
            assert "This is not the staff token." in wrong.text
        slowed = await http.post("/session", data={"token": "guess"})
        staff = await http.post("/session", data={"token": TOKEN})
    assert staff.status_code == 303
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0
    assert "set-cookie" not in slowed.headers


def test_failures_are_forgotten_after_the_window_and_counted_per_network() -> None:
    attempts = Attempts()
    for second in range(10):
        attempts.failed(f"203.0.113.{second}", NOW + timedelta(seconds=second))
    assert attempts.wait("203.0.113.99", NOW + timedelta(seconds=10)) == 291
    assert attempts.wait("198.51.100.1", NOW + timedelta(seconds=10)) == 0
    assert attempts.wait("203.0.113.99", NOW + timedelta(seconds=301)) == 0


def test_a_cookie_ends_with_the_shift_and_cannot_be_made_or_moved() -> None:
    token = SecretStr(TOKEN)
    value = cookie_value(token, NOW)
    issued, _, proof = value.partition(".")
    assert valid_cookie(value, token, NOW + LASTS)
    assert not valid_cookie(value, token, NOW + LASTS + timedelta(seconds=1))
    assert not valid_cookie(value, token, NOW - timedelta(minutes=6))
    assert not valid_cookie(value, SecretStr("another"), NOW)
    assert not valid_cookie(f"{int(issued) + 1}.{proof}", token, NOW)
    for nonsense in ("", ".", "x.y", "1", "-1.z", "９.z", f"{issued}."):
        assert not valid_cookie(nonsense, token, NOW)


@pytest.mark.parametrize(
    ("wanted", "safe"),
    [
        ("/desk?x=1", "/desk?x=1"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\..\\b", "/"),
        ("/session?next=/session", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_sign_in_leads_nowhere_else(wanted: str, safe: str) -> None:
    assert local_path(wanted) == safe


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
    async with client() as http:
        await http.post("/session", data={"token": TOKEN})
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
