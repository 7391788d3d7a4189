"""Where browsers make passkeys, who must have one, and which counters go on."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from services.identity.accounts.models import Account, AccountState, Factor, Passkey
from services.identity.passkeys.rules import RelyingParty, goes_on, refusal, relying_party
from services.identity.settings import IdentitySettings
from shared.identity.roles import StaffRole
from tools.local.keys import new_key

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REQUIRED = frozenset({StaffRole.LEAD, StaffRole.ADMINISTRATOR})
KEY = Passkey(id=b"k", public_key=b"p", name="phone", added_at=NOW)


def account(*roles: StaffRole, passkeys: tuple[Passkey, ...] = (), external: bool = False) -> Account:
    return Account(
        subject="s-abcdefgh",
        name="somebody",
        display="somebody",
        organisation="jeju",
        roles=roles,
        state=AccountState.ACTIVE,
        passkeys=passkeys,
        external=external,
        created_at=NOW,
        changed_at=NOW,
    )


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("https://staff.example", RelyingParty("staff.example", "https://staff.example")),
        ("https://Staff.example:443/ieum", RelyingParty("staff.example", "https://staff.example")),
        ("https://staff.example:8443", RelyingParty("staff.example", "https://staff.example:8443")),
        ("http://localhost:8006", RelyingParty("localhost", "http://localhost:8006")),
        ("http://staff.example", None),
        ("http://127.0.0.1:8006", None),
        ("https://10.0.0.7", None),
        ("https://[::1]:8006", None),
        ("", None),
    ],
)
def test_passkeys_need_https_and_a_name(address: str, party: RelyingParty | None) -> None:
    assert relying_party(address) == party


@pytest.mark.parametrize(
    ("role", "shown", "has", "refused"),
    [
        (StaffRole.COUNSELLOR, Factor.TOTP, False, None),
        (StaffRole.COUNSELLOR, Factor.TOTP, True, None),
        (StaffRole.LEAD, Factor.PASSKEY, True, None),
        (StaffRole.LEAD, Factor.TOTP, True, "passkey_needed"),
        (StaffRole.LEAD, Factor.TOTP, False, "passkey_missing"),
        # The passkey is lost: another is registered before anything else.
        (StaffRole.LEAD, Factor.RECOVERY, True, "passkey_missing"),
        (StaffRole.ADMINISTRATOR, Factor.RECOVERY, False, "passkey_missing"),
    ],
)
def test_who_must_have_a_passkey_does_not_get_in_without_one(
    role: StaffRole, shown: Factor, *, has: bool, refused: str | None
) -> None:
    assert refusal(account(role, passkeys=(KEY,) if has else ()), shown, REQUIRED) == refused


def test_one_such_role_among_several_is_enough_and_people_of_the_provider_have_their_factor_there() -> None:
    assert refusal(account(StaffRole.COUNSELLOR, StaffRole.LEAD), Factor.TOTP, REQUIRED) == "passkey_missing"
    assert refusal(account(StaffRole.LEAD, external=True), Factor.TOTP, REQUIRED) is None
    assert refusal(account(StaffRole.LEAD), Factor.TOTP, frozenset()) is None


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [(0, 0, True), (0, 1, True), (7, 8, True), (7, 7, False), (7, 6, False), (7, 0, False)],
)
def test_a_counter_goes_on(before: int, after: int, *, counts: bool) -> None:
    assert goes_on(before, after) is counts


def settings(address: str, **more: object) -> IdentitySettings:
    keys = {name: new_key() for name in ("master_key", "account_key", "IEUM_DIRECTORY_KEY", "audit_key")}
    urls = {"IEUM_PUBLIC_URLS": {"identity": address}, "IEUM_TRUSTED_PROXIES": "10.0.0.7"}
    return IdentitySettings.model_validate({**keys, **urls, **more})


def test_the_policy_follows_the_address_unless_it_is_set() -> None:
    assert settings("https://staff.example").roles_with_passkey() == REQUIRED
    assert settings("https://staff.example", passkeys_required_for=[]).roles_with_passkey() == frozenset()
    assert settings("http://127.0.0.1:8006").roles_with_passkey() == frozenset()
    assert settings("http://localhost:8006").roles_with_passkey() == frozenset()
    named = settings("http://localhost:8006", passkeys_required_for=["analyst"])
    assert named.roles_with_passkey() == {StaffRole.ANALYST}


def test_requiring_what_no_browser_can_make_is_a_wrong_setting() -> None:
    with pytest.raises(ValidationError, match="IDENTITY_PASSKEYS_REQUIRED_FOR"):
        settings("http://127.0.0.1:8006", passkeys_required_for=["lead"])
