import os
import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from services.identity.accounts.models import Account, AccountState
from services.identity.accounts.rules import DEVICE_LASTS
from services.identity.credentials import (
    AT_ONCE,
    Passwords,
    Vault,
    is_long_code,
    new_code,
    new_subject,
    plain_code,
    right_step,
)
from shared.errors import PermanentError

NOW = datetime.fromtimestamp(1_800_000_000, UTC)
SOMEBODY = Account(
    subject="s-abcdefgh",
    name="somebody",
    display="",
    organisation="jeju",
    roles=(),
    state=AccountState.ACTIVE,
    created_at=NOW,
    changed_at=NOW,
)


def test_a_device_is_known_to_its_account_until_its_time_and_to_no_other() -> None:
    vault, other = Vault([os.urandom(32)], os.urandom(32)), Vault([os.urandom(32)], os.urandom(32))
    cookie = vault.device_cookie(SOMEBODY, NOW)
    nonce, until, proof = cookie.split(".")
    assert vault.device_of(cookie, SOMEBODY, NOW) == nonce
    assert vault.device_of(cookie, SOMEBODY.model_copy(update={"subject": "s-abcdefgx"}), NOW) is None
    assert vault.device_of(cookie, SOMEBODY, NOW + DEVICE_LASTS - timedelta(seconds=1)) == nonce
    assert vault.device_of(cookie, SOMEBODY, NOW + DEVICE_LASTS) is None
    assert other.device_of(cookie, SOMEBODY, NOW) is None
    for wrong in (
        f"{nonce}.{int(until) + 99}.{proof}",
        f"x{nonce}.{until}.{proof}",
        f"{nonce}.{until}.",
        "",
        "..",
        "a.9.b",
    ):
        assert vault.device_of(wrong, SOMEBODY, NOW) is None


def test_a_device_of_before_the_last_change_of_its_account_is_unknown() -> None:
    vault = Vault([os.urandom(32)], os.urandom(32))
    cookie, changed = vault.device_cookie(SOMEBODY, NOW), SOMEBODY.changed(NOW, roles=())
    assert vault.device_of(cookie, changed, NOW) is None
    assert vault.device_of(vault.device_cookie(changed, NOW), changed, NOW) is not None


@pytest.mark.parametrize("at", [NOW - timedelta(days=400), NOW + timedelta(days=400), datetime.max.replace(tzinfo=UTC)])
def test_when_an_account_was_changed_decides_nothing_of_its_devices(at: datetime) -> None:
    vault = Vault([os.urandom(32)], os.urandom(32))
    before, changed = vault.device_cookie(SOMEBODY, NOW), SOMEBODY.changed(at)
    assert vault.device_of(before, changed, NOW) is None
    assert vault.device_of(vault.device_cookie(changed, NOW), changed, NOW) is not None


def test_what_is_sealed_opens_only_in_its_place() -> None:
    vault = Vault([os.urandom(32)], os.urandom(32))
    sealed = vault.encrypt("s-abcdefgh", "totp", b"secret")
    assert vault.decrypt("s-abcdefgh", "totp", sealed) == b"secret"
    for owner, field in (("s-abcdefgx", "totp"), ("s-abcdefgh", "signing key")):
        with pytest.raises(PermanentError):
            vault.decrypt(owner, field, sealed)


def test_subjects_hold_no_digits_and_codes_are_typed_in_many_ways() -> None:
    assert re.fullmatch(r"s-[a-z]{8}", new_subject())
    code = new_code()
    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", code)
    for typed in (code, code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        assert is_long_code(typed)
        assert plain_code(typed) == plain_code(code)
    assert not is_long_code("492039")


def test_a_second_factor_fits_only_its_step() -> None:
    secret = "JBSWY3DPEHPK3PXP" * 2  # of a million codes a random one may be that of a neighbour, too
    code = pyotp.TOTP(secret).generate_otp(1000)
    assert right_step(secret, f"{code[:3]} {code[3:]}", [999, 1000, 1001]) == 1000
    assert right_step(secret, code, [1001, 1002]) is None
    for wrong in ("", code[:5], code + "0", "abcdef"):
        assert right_step(secret, wrong, [999, 1000, 1001]) is None


async def test_passwords_are_argon2id_with_the_parameters_of_the_rfc() -> None:
    passwords = Passwords()
    stored = await passwords.hashed("a long sentence")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.right(stored, "a long sentence")
    assert not await passwords.right(stored, "a long sentencE")
    assert not await passwords.right(None, "a long sentence")
    assert not await passwords.right("not a hash", "a long sentence")
    assert not passwords.outdated(stored)
    assert passwords.outdated("$argon2id$v=19$m=19456,t=2,p=1$" + stored.split("$", 4)[4])
    assert AT_ONCE == 2
