import base64

import pytest
from pydantic import ValidationError

from services.identity.oidc.rules import has_second_factor, is_confidential, shown_at
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
        (None, ["hwk", "user"], "", True),
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
    keys = dict.fromkeys(("master_key", "account_key", "IEUM_DIRECTORY_KEY", "IEUM_AUDIT_KEY"), new_key())
    given = {**keys, "oidc_client_id": "ieum", "oidc_role_map": MAP}
    with pytest.raises(ValidationError, match="https"):
        IdentitySettings.model_validate({**given, "oidc_issuer": issuer})
    assert IdentitySettings.model_validate({**given, "oidc_issuer": "https://login.example"})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("master_key", base64.b64encode(bytes(32)).decode(), "all zero"),
        ("root_key", base64.b64encode(bytes(32)).decode(), "all zero"),
        ("IEUM_PUBLIC_URLS", {"notify": "http://127.0.0.1:8003"}, "IEUM_PUBLIC_URLS has no address"),
    ],
)
def test_what_cannot_be_right_is_refused_at_start(name: str, value: object, words: str) -> None:
    keys = dict.fromkeys(("master_key", "account_key", "IEUM_DIRECTORY_KEY", "IEUM_AUDIT_KEY"), new_key())
    assert IdentitySettings.model_validate(keys)
    with pytest.raises(ValidationError, match=words):
        IdentitySettings.model_validate({**keys, name: value})
