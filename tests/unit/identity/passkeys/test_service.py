"""What a passkey's answer must be to count, with an authenticator in software and a store in memory."""

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest

from services.identity.accounts.models import Account, AccountState, RefusedError
from services.identity.audit_recorder import Actor, AuditAction
from services.identity.keyed_digests import AccountDigests
from services.identity.passkeys.rules import CHALLENGE_LASTS, MOST, RelyingParty
from services.identity.passkeys.service import Passkeys, Use
from shared.identity.roles import StaffRole
from tests.support.clock import ManualClock
from tests.support.passkeys import PRESENT, Authenticator, coded

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ORIGIN = "https://staff.example"
WHO = Actor("s-abcdefgh", "jeju", ("lead",), "198.51.100.0/24")
HERE = "a secret of this browser"


class Accounts:
    """As the store: written over the revision that was read."""

    def __init__(self) -> None:
        self.now = Account(
            subject="s-abcdefgh",
            name="jeju-lead",
            display="jeju-lead",
            organisation="jeju",
            roles=(StaffRole.LEAD,),
            state=AccountState.ACTIVE,
            password="hash",
            created_at=NOW,
            changed_at=NOW,
        )

    async def get(self, subject: str) -> Account | None:
        return self.now if subject == self.now.subject else None

    async def save(self, account: Account) -> Account | None:
        if account.rev != self.now.rev:
            return None
        self.now = account.model_copy(update={"rev": account.rev + 1})
        return self.now


SILENT = SimpleNamespace(about=lambda *_: nullcontext())


class Used:
    def __init__(self) -> None:
        self.names: set[str] = set()

    async def use(self, nonce: str, until: datetime) -> bool:
        del until
        fresh = nonce not in self.names
        self.names.add(nonce)
        return fresh

    async def known(self, nonce: str) -> bool:
        return nonce in self.names


class Bench:
    """The service, one account and one authenticator."""

    def __init__(self) -> None:
        self.clock, self.accounts, self.audit = ManualClock(NOW), Accounts(), Mock(append=AsyncMock())
        self.marks = AccountDigests(os.urandom(32))
        self.passkeys = self.service(self.marks)
        self.device = Authenticator(ORIGIN)

    def service(self, marks: AccountDigests) -> Passkeys:
        party = RelyingParty("staff.example", ORIGIN)
        return Passkeys(party, self.accounts, Used(), marks, SILENT, self.audit, self.clock)  # type: ignore[arg-type]  # as far as they are used

    async def register(self, device: Authenticator | None = None, name: str = "phone") -> Account:
        made = (device or self.device).make(self.passkeys.new_options(HERE, self.accounts.now))
        return await self.passkeys.add(self.accounts.now, HERE, name, made, WHO)

    async def proves(self, answer: str, use: Use = Use.SIGN_IN, bound: str = HERE) -> bool:
        return await self.passkeys.prove(self.accounts.now, use, bound, answer)

    def signed(self, device: Authenticator | None = None) -> str:
        return (device or self.device).sign(self.passkeys.options(Use.SIGN_IN, HERE))


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    await made.register()
    return made


async def test_a_registered_passkey_signs_in_and_is_remembered_by_name_and_last_use(bench: Bench) -> None:
    await bench.clock.advance(60)
    assert await bench.proves(bench.signed())
    (key,) = bench.accounts.now.passkeys
    assert (key.name, key.sign_count, key.added_at, key.used_at) == ("phone", 1, NOW, NOW + timedelta(seconds=60))


async def test_asking_for_a_passkey_does_not_tell_who_has_one(bench: Bench) -> None:
    assert bench.passkeys.options(Use.SIGN_IN, HERE)["allowCredentials"] == []


async def test_an_answer_counts_once(bench: Bench) -> None:
    bench.device.counts = False  # many do not count, so that the counter would not tell
    answer = bench.signed()
    assert await bench.proves(answer)
    assert not await bench.proves(answer)


async def test_an_answer_counts_for_its_browser_its_use_and_five_minutes(bench: Bench) -> None:
    assert not await bench.proves(bench.signed(), bound="another browser")
    assert not await bench.proves(bench.signed(), use=Use.REGISTER)
    unbound = bench.device.sign(bench.passkeys.options(Use.SIGN_IN, ""))
    assert not await bench.proves(unbound, bound="")
    late = bench.signed()
    await bench.clock.advance(CHALLENGE_LASTS.total_seconds())
    assert not await bench.proves(late)


async def test_a_challenge_made_without_the_account_key_does_not_count(bench: Bench) -> None:
    options = bench.passkeys.options(Use.SIGN_IN, HERE)
    theirs = bench.service(AccountDigests(os.urandom(32))).options(Use.SIGN_IN, HERE)
    for challenge in (theirs["challenge"], coded(os.urandom(56)), coded(os.urandom(32)), ""):
        assert not await bench.proves(bench.device.sign({**options, "challenge": challenge}))


@pytest.mark.parametrize(
    "change",
    [
        lambda device: setattr(device, "origin", "https://staff.example.evil.example"),
        lambda device: setattr(device, "origin", "http://staff.example"),
        lambda device: setattr(device, "flags", PRESENT),
        lambda device: setattr(device, "id", os.urandom(32)),
        lambda device: setattr(device, "key", Authenticator(ORIGIN).key),
        lambda device: setattr(device, "handle", coded(b"s-zzzzzzzz")),
    ],
    ids=["another site", "plain http", "nobody verified", "unknown passkey", "another key", "somebody else's"],
)
async def test_an_answer_of_another_site_person_or_key_does_not_count(
    bench: Bench, change: Callable[[Authenticator], None]
) -> None:
    change(bench.device)
    assert not await bench.proves(bench.signed())


async def test_an_answer_for_another_site_does_not_count(bench: Bench) -> None:
    options = bench.passkeys.options(Use.SIGN_IN, HERE)
    assert not await bench.proves(bench.device.sign({**options, "rpId": "evil.example"}))


@pytest.mark.parametrize("given", ["", "{}", "[]", "null", '{"response": {}}', '{"response": {"clientDataJSON": 7}}'])
async def test_what_is_no_answer_does_not_count(bench: Bench, given: str) -> None:
    assert not await bench.proves(given)
    with pytest.raises(RefusedError, match="passkey_refused"):
        await bench.passkeys.add(bench.accounts.now, HERE, "x", given, WHO)


async def test_a_counter_that_goes_back_is_refused_and_written_down(bench: Bench) -> None:
    assert await bench.proves(bench.signed())
    copy = Authenticator(ORIGIN, id=bench.device.id, key=bench.device.key, handle=bench.device.handle)
    assert not await bench.proves(bench.signed(copy))
    assert bench.audit.append.call_args.args[0].action == AuditAction.PASSKEY_COPIED.value
    assert await bench.proves(bench.signed())


async def test_a_sign_in_beside_another_change_is_judged_anew(bench: Bench) -> None:
    stale = bench.accounts.now
    await bench.register(Authenticator(ORIGIN), "blue key")
    assert await bench.passkeys.prove(stale, Use.SIGN_IN, HERE, bench.signed())
    assert [(key.name, key.sign_count) for key in bench.accounts.now.passkeys] == [("phone", 1), ("blue key", 0)]
    stale = bench.accounts.now
    await bench.passkeys.remove(bench.accounts.now, bench.device.id.hex(), WHO, required=False)
    assert not await bench.passkeys.prove(stale, Use.SIGN_IN, HERE, bench.signed())


async def test_a_registration_must_be_ours_verified_and_new(bench: Bench) -> None:
    options = bench.passkeys.new_options(HERE, bench.accounts.now)
    assert [one["id"] for one in options["excludeCredentials"]] == [coded(bench.device.id)]
    for wrong in (
        Authenticator("https://evil.example").make(options),
        Authenticator(ORIGIN, flags=PRESENT).make(bench.passkeys.new_options(HERE, bench.accounts.now)),
        Authenticator(ORIGIN).make(bench.passkeys.new_options("another session", bench.accounts.now)),
        bench.device.make(bench.passkeys.new_options(HERE, bench.accounts.now)),
        json.dumps({**json.loads(bench.signed()), "response": {}}),
    ):
        with pytest.raises(RefusedError, match="passkey_refused"):
            await bench.passkeys.add(bench.accounts.now, HERE, "x", wrong, WHO)
    assert len(bench.accounts.now.passkeys) == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "a\x00b"])
async def test_a_passkey_has_a_name_that_can_be_shown(bench: Bench, name: str) -> None:
    with pytest.raises(RefusedError, match="passkey_name"):
        await bench.register(Authenticator(ORIGIN), name)


async def test_nobody_has_more_than_ten_and_who_must_have_one_keeps_the_last(bench: Bench) -> None:
    for number in range(MOST - 1):
        await bench.register(Authenticator(ORIGIN), str(number))
    with pytest.raises(RefusedError, match="passkey_most"):
        await bench.register(Authenticator(ORIGIN), "one more")
    for key in bench.accounts.now.passkeys[1:]:
        await bench.passkeys.remove(bench.accounts.now, key.id.hex(), WHO, required=True)
    (last,) = bench.accounts.now.passkeys
    with pytest.raises(RefusedError, match="passkey_last"):
        await bench.passkeys.remove(bench.accounts.now, last.id.hex(), WHO, required=True)
    with pytest.raises(RefusedError, match="passkey_unknown"):
        await bench.passkeys.remove(bench.accounts.now, "00", WHO, required=True)
    assert not (await bench.passkeys.remove(bench.accounts.now, last.id.hex(), WHO, required=False)).passkeys


async def test_a_permission_to_register_is_over_after_ten_minutes_or_any_change_as_by_one_passkey(bench: Bench) -> None:
    account = bench.accounts.now
    cookie = bench.passkeys.permission(account)
    assert await bench.passkeys.permitted(cookie) == account
    for forged in (
        "",
        "...",
        f"{cookie}0",
        cookie.replace("s-abcdefgh", "s-bbbbbbbb"),
        "s-abcdefgh.n.9999999999.x",
    ):
        assert await bench.passkeys.permitted(forged) is None
    for change in ({"password": "another"}, {"sessions_from": NOW}, {"roles": (StaffRole.COUNSELLOR,)}):
        bench.accounts.now = account.changed(NOW, **change)
        assert await bench.passkeys.permitted(cookie) is None
    bench.accounts.now = account.model_copy(update={"password": "the same, hashed anew as they came in", "rev": 9})
    assert await bench.passkeys.permitted(cookie) is not None
    bench.accounts.now = account
    await bench.clock.advance(599)
    assert await bench.passkeys.permitted(cookie) is not None
    await bench.register(Authenticator(ORIGIN), "another")
    assert await bench.passkeys.permitted(cookie) is None
    bench.accounts.now = account
    await bench.clock.advance(1)
    assert await bench.passkeys.permitted(cookie) is None


async def test_at_an_address_without_passkeys_none_count(bench: Bench) -> None:
    answer = bench.signed()
    nowhere = Passkeys(None, bench.accounts, Used(), bench.marks, SILENT, bench.audit, bench.clock)  # type: ignore[arg-type]  # as above
    assert not await nowhere.prove(bench.accounts.now, Use.SIGN_IN, HERE, answer)
    with pytest.raises(RefusedError, match="passkey_nowhere"):
        nowhere.options(Use.SIGN_IN, HERE)
