"""Guessing with a recovery code or at an open console, and what floods write into the audit, on the real store."""

import pytest

from services.identity.accounts.models import Account
from services.identity.accounts.rules import DELAYS, Source
from services.identity.audit_recorder import LINES
from shared.audit.model import AuditOutcome
from shared.metrics import REGISTRY
from tests.integration.identity.conftest import Process


def counted(way: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("ieum_identity_sign_ins_total", {"method": way, "outcome": outcome}) or 0.0


async def test_a_right_recovery_code_does_not_make_guessing_the_password_fast(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    code = ready.recovery[0]
    async with identity.browser() as http:
        answers = [
            (await identity.api_enter(http, ready, password=f"guess {number}", code=code)).status_code
            for number in range(2 * DELAYS[Source.RECOVERY].free + 5)
        ]
    free = DELAYS[Source.STRANGE].free + 1 + DELAYS[Source.RECOVERY].free + 1
    assert answers.count(401) == free
    assert answers[free:] == [429] * (len(answers) - free)


async def test_what_the_network_keeps_waiting_is_not_counted_against_the_account(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        for number in range(DELAYS[Source.NETWORK].free + 1):
            body = {"account": f"stranger-{number}", "password": "guess", "code": "000000"}
            assert (await http.post("/api/v1/sign-in", json=body)).status_code == 401
        delays = identity.accounts.delays.collection
        before = await delays.find({}).sort("_id", 1).to_list(None)
        for _ in range(4 * DELAYS[Source.STRANGE].free):
            assert (await identity.api_enter(http, ready)).status_code == 429
        assert await delays.find({}).sort("_id", 1).to_list(None) == before
    async with identity.browser("203.0.113.9") as http:
        assert (await identity.api_enter(http, ready)).status_code == 200


async def test_wrong_factors_at_an_open_console_are_in_the_audit(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        form = {"current": "guess", "digits": "000000"}
        for _ in range(8):
            await http.post("/account/recovery-codes", data=form)
    lines = await identity.lines("account.confirm")
    assert [line.reason for line in lines] == ["wrong_sign_in"] * 6 + ["wait"] * 2
    assert {(line.outcome, line.actor) for line in lines} == {(AuditOutcome.REFUSED, ready.account.subject)}


async def test_who_only_waits_writes_few_lines_and_is_counted_each_time(identity: Process) -> None:
    ready = await identity.person("jeju", "counsellor")
    most, before = int(LINES.capacity), counted("password", "wait")
    async with identity.browser() as http:
        while (await identity.api_enter(http, ready, password="guess", code="000000")).status_code == 401:
            pass
        for _ in range(most + 4):
            assert (await identity.api_enter(http, ready, password="guess", code="000000")).status_code == 429
    assert counted("password", "wait") == before + most + 5
    assert [line.reason for line in await identity.lines("sign_in")].count("wait") == most


async def test_who_must_wait_is_told_so_at_the_same_moment_whether_or_not_there_is_such_an_account(
    identity: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, store, clock = await identity.person("jeju", "counsellor"), identity.accounts.store, identity.clock
    by_name = store.by_name

    async def slowly(name: str) -> Account | None:
        found = await by_name(name)
        await clock.advance(0.002 if found is None else 0.003)
        return found

    monkeypatch.setattr(store, "by_name", slowly)
    monkeypatch.setattr(clock, "sleep", clock.advance)
    took = set()
    async with identity.browser() as http:
        for name in (ready.account.name, "jeju-nobody"):
            body = {"account": name, "password": "guess", "code": "000000"}
            while (await http.post("/api/v1/sign-in", json=body)).status_code == 401:
                pass
            begun = clock.monotonic()
            assert (await http.post("/api/v1/sign-in", json=body)).status_code == 429
            took.add(round(clock.monotonic() - begun, 6))
    assert len(took) == 1
