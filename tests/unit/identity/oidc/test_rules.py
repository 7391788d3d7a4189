import base64
from typing import Any

import pytest
from pydantic import ValidationError

from services.identity.oidc.rules import (
    Logout,
    account_name,
    has_second_factor,
    id_token_counts,
    is_confidential,
    logout_of,
    shown_at,
    shown_name,
    values_of,
)
from services.identity.settings import IdentitySettings
from tools.local.keys import new_key

MAP = {"x": {"organisation": "jeju", "roles": ["counsellor"]}}


@pytest.mark.parametrize(
    ("acr", "amr", "wanted", "enough"),
    [
        # Keycloak: a level of assurance, and what was used.
        ("1", ["pwd"], "", False),
        ("2", ["pwd", "otp"], "", True),
        ("2", [], "", False),
        ("gold", ["pwd"], "gold", True),
        ("silver", ["pwd", "otp"], "gold", False),
        (None, ["pwd", "mfa"], "", True),
        (None, ["hwk", "user"], "", False),
        (None, ["otp"], "", False),
        (None, ["swk"], "", False),
        (None, ["hwk", "pin"], "", True),
        (None, ["face", "swk"], "", True),
        (None, ["pwd", "pin"], "", False),
        (None, ["mfa"], "", True),
        (None, "otp", "", False),
        (None, ["kba", "sms", 7], "", False),
        (None, None, "", False),
    ],
)
def test_what_attests_a_second_factor(acr: object, amr: object, wanted: str, *, enough: bool) -> None:
    assert has_second_factor(acr, amr, wanted) is enough


@pytest.mark.parametrize(
    ("auth_time", "found"),
    [
        (1000, 1000),
        (950.7, 950),
        (940, 940),
        (939, None),
        (1200, 1200),
        (1260, 1200),
        (1261, None),
        (None, None),
        (True, None),
        ("1100", None),
        (float("nan"), None),
        ([1100], None),
    ],
)
def test_when_the_provider_asked_for_the_factors(auth_time: object, found: int | None) -> None:
    assert shown_at(auth_time, 1000, 1200) == found


NOW = 1_800_000_000
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT: dict[str, Any] = {
    "iss": "https://login.example",
    "aud": "ieum",
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "j",
    "sid": "s",
    "sub": "p",
    "events": {EVENT: {}},
}


def logout(header: dict[str, Any], **claims: Any) -> Logout | None:
    given = {name: value for name, value in {**LOGOUT, **claims}.items() if value is not ...}
    return logout_of(header, given, "https://login.example", "ieum", NOW)


def test_whom_a_logout_token_signs_out() -> None:
    name = account_name("https://login.example", "p")
    assert logout({"typ": "logout+jwt"}) == Logout(name, "s", "j", NOW)
    assert logout({}, sid=..., aud=["other", "ieum"], exp=...) == Logout(name, "", "j", NOW)
    assert logout({"typ": "JWT"}, sub=..., iat=NOW - 300, typ="Logout") == Logout("", "s", "j", NOW - 300)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://login.evil.example"},
        {"iss": ...},
        {"aud": "another"},
        {"aud": ["ieum-other"]},
        {"aud": ...},
        {"iat": NOW - 361},
        {"iat": NOW + 61},
        {"iat": ...},
        {"iat": str(NOW)},
        {"exp": NOW - 61},
        {"exp": "never"},
        {"events": ...},
        {"events": [EVENT]},
        {"events": {EVENT: 1}},
        {"events": {"http://schemas.openid.net/event/another": {}}},
        {"nonce": "n"},
        {"nonce": None},
        {"jti": ...},
        {"jti": 7},
        {"jti": "j" * 257},
        {"sid": ..., "sub": ...},
        {"sid": 7},
        {"sub": ["p"]},
    ],
)
def test_what_is_no_logout_token_that_counts_now(wrong: dict[str, Any]) -> None:
    assert logout({"typ": "logout+jwt"}, **wrong) is None


def test_a_token_of_another_type_signs_nobody_out() -> None:
    assert logout({"typ": "at+jwt"}) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("groups", ("/ieum/jeju", "x")),
        ("role", ("one",)),
        ("realm_access.roles", ("offline_access", "lead")),
        ("https://ieum.example/roles", ("named",)),
        ("realm_access", ()),
        ("realm_access.roles.more", ()),
        ("groups.0", ()),
        ("nothing.there", ()),
    ],
)
def test_values_of_a_claim_as_providers_write_them(name: str, values: tuple[str, ...]) -> None:
    claims = {
        "groups": ["/ieum/jeju", 7, "x"],
        "role": "one",
        "realm_access": {"roles": ["offline_access", "lead"]},
        "https://ieum.example/roles": ["named"],
    }
    assert values_of(claims, name) == values


@pytest.mark.parametrize(
    ("address", "always", "in_tests"),
    [
        ("https://login.example", True, True),
        ("http://127.0.0.1:9000/x", False, True),
        ("http://localhost", False, True),
        ("http://login.example", False, False),
        ("http://localhost.evil.example", False, False),
        ("http://127.0.0.1@evil.example", False, False),
        ("ftp://localhost", False, False),
    ],
)
def test_which_addresses_are_confidential(address: str, *, always: bool, in_tests: bool) -> None:
    assert is_confidential(address, plain_http_here=False) is always
    assert is_confidential(address, plain_http_here=True) is in_tests


@pytest.mark.parametrize("issuer", ["http://login.example", "http://127.0.0.1:9000"])
def test_an_issuer_by_plain_http_is_a_wrong_setting(issuer: str) -> None:
    keys = {name: new_key() for name in ("master_key", "account_key", "IEUM_DIRECTORY_KEY", "audit_key")}
    given = {**keys, "oidc_client_id": "ieum", "oidc_role_map": MAP}
    with pytest.raises(ValidationError, match="https"):
        IdentitySettings.model_validate({**given, "oidc_issuer": issuer})
    assert IdentitySettings.model_validate({**given, "oidc_issuer": "https://login.example"})


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [
        ("  김  민지 ", "김 민지"),
        ("\u202e지민\u2066 \u200b김\x00", "지민 김"),  # turned round, and with what nobody sees
        ("김" * 41, "김" * 40),
        (None, ""),
        (7, ""),
        (["김"], ""),
    ],
)
def test_a_name_from_the_provider_turns_and_hides_nothing_beside_it(claimed: object, shown: str) -> None:
    assert shown_name(claimed) == shown


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("master_key", base64.b64encode(bytes(32)).decode(), "all zero"),
        ("root_key", base64.b64encode(bytes(32)).decode(), "all zero"),
        ("IEUM_PUBLIC_URLS", {"notify": "http://127.0.0.1:8003"}, "IEUM_PUBLIC_URLS has no address"),
    ],
)
def test_what_cannot_be_right_is_refused_at_start(name: str, value: object, words: str) -> None:
    keys = {name: new_key() for name in ("master_key", "account_key", "IEUM_DIRECTORY_KEY", "audit_key")}
    assert IdentitySettings.model_validate(keys)
    with pytest.raises(ValidationError, match=words):
        IdentitySettings.model_validate({**keys, name: value})


RIGHT = {"iss": "https://login", "aud": "ieum", "sub": "p", "iat": NOW, "exp": NOW + 60, "nonce": "n"}
ACCESS = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
HALF = "77QmUPtjPfzWtF2AnpK9RQ"
"""An access token and what RS256 makes of it, as OpenID Connect Core has them (appendix A.4)."""


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ({}, True),
        ({"aud": ["ieum"]}, True),
        ({"aud": ["ieum", "other"], "azp": "ieum"}, True),
        ({"aud": ["ieum", "other"]}, False),
        ({"azp": "other"}, False),
        ({"aud": "other"}, False),
        ({"aud": None}, False),
        ({"iss": "https://login/"}, False),
        ({"sub": ""}, False),
        ({"sub": 7}, False),
        ({"nonce": "m"}, False),
        ({"nonce": None}, False),
        ({"exp": NOW - 60}, True),
        ({"exp": NOW - 61}, False),
        ({"exp": str(NOW)}, False),
        ({"iat": NOW + 60}, True),
        ({"iat": NOW + 61}, False),
        ({"iat": None}, False),
        ({"nbf": NOW + 61}, False),
        ({"at_hash": HALF}, True),
        ({"at_hash": "A" * 22}, False),
        ({"at_hash": 7}, False),
    ],
)
def test_an_id_token_counts_for_the_sign_in_that_asked_for_it(said: dict[str, Any], counts: bool) -> None:
    claims = {name: value for name, value in (RIGHT | said).items() if value is not None}
    asked: dict[str, Any] = {
        "issuer": "https://login",
        "client": "ieum",
        "nonce": "n",
        "access_token": ACCESS,
        "now": NOW,
    }
    assert id_token_counts({"alg": "RS256"}, claims, **asked) is counts
