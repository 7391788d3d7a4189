from dataclasses import replace
from typing import Any

import pytest

from services.intake.clients.models import Client, read_credential
from services.intake.clients.repository import ClientError
from services.intake.clients.rules import CredentialRefusal, digest_of, judge
from services.intake.clients.service import ClientService
from services.intake.encryption.keys import KeyedDigests
from shared.identity.roles import REAL_SCOPES, Scope
from tests.support.keys import KEYS as INTAKE_KEYS

KEYS = INTAKE_KEYS.clients
SECRET, OLD, OLDER = "a" * 43, "b" * 43, "c" * 43
CLIENT = Client(
    client_id="kiosk",
    name="Kiosk",
    scopes=frozenset({Scope.REPORTS_SUBMIT}),
    digests=(digest_of(KEYS, "kiosk", SECRET), digest_of(KEYS, "kiosk", OLD)),
    per_minute=600,
    disabled=False,
)
OTHER = replace(CLIENT, client_id="other", digests=(digest_of(KEYS, "other", OLDER),))
KNOWN = {"kiosk": CLIENT, "other": OTHER}


def said(credential: str, scope: Scope = Scope.REPORTS_SUBMIT, client: Client = CLIENT) -> Client | CredentialRefusal:
    return judge(INTAKE_KEYS.clients, {**KNOWN, "kiosk": client}, credential, scope)


def test_the_newest_and_the_one_before_it_count() -> None:
    assert said(f"kiosk.{SECRET}") is CLIENT
    assert said(f"kiosk.{OLD}") is CLIENT


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "kiosk",
        "kiosk.",
        f".{SECRET}",
        f"kiosk.{OLDER}",
        f"other.{SECRET}",
        f"nobody.{SECRET}",
        f"kiosk.{SECRET}x",
        f"KIOSK.{SECRET}",
        f"kiosk.{CLIENT.digests[0]}",
        f"kiosk.{SECRET[:-1]}ä",
        "x" * 10_000,
    ],
)
def test_everything_else_is_told_alike(credential: str) -> None:
    assert said(credential) is CredentialRefusal.UNKNOWN


def test_a_disabled_one_and_a_missing_scope_are_told_apart_only_with_the_right_secret() -> None:
    disabled = replace(CLIENT, disabled=True)
    assert said(f"kiosk.{SECRET}", client=disabled) is CredentialRefusal.DISABLED
    assert said(f"kiosk.{OLDER}", client=disabled) is CredentialRefusal.UNKNOWN
    assert said(f"kiosk.{SECRET}", Scope.RECEIPTS_READ) is CredentialRefusal.SCOPE
    assert said(f"kiosk.{OLDER}", Scope.RECEIPTS_READ) is CredentialRefusal.UNKNOWN


def test_a_front_end_without_secrets_lets_nobody_in() -> None:
    assert said(f"kiosk.{SECRET}", client=replace(CLIENT, digests=())) is CredentialRefusal.UNKNOWN


def test_a_stored_digest_is_worth_nothing_under_another_id_or_key() -> None:
    assert digest_of(KEYS, "kiosk", SECRET) != digest_of(KEYS, "other", SECRET)
    assert digest_of(KEYS, "kiosk", SECRET) != digest_of(KeyedDigests(b"x" * 32), "kiosk", SECRET)
    assert SECRET not in digest_of(KEYS, "kiosk", SECRET)
    assert read_credential(f"kiosk.{SECRET}") == ("kiosk", SECRET)


def test_one_for_drills_may_do_what_front_ends_do_and_is_confined_whatever_else_it_has() -> None:
    for scopes in ({Scope.REPORTS_DRILL}, {Scope.REPORTS_DRILL, Scope.REPORTS_SUBMIT}):
        drill = replace(CLIENT, scopes=frozenset(scopes))
        assert drill.sandbox
        for scope in REAL_SCOPES:
            assert said(f"kiosk.{SECRET}", scope, client=drill) is drill
    assert not CLIENT.sandbox


async def test_a_scope_for_drills_stands_alone() -> None:
    nothing: Any = None
    office = ClientService(nothing, INTAKE_KEYS, nothing)
    with pytest.raises(ClientError, match="drill_stands_alone"):
        await office.add("trial", "Trial", [Scope.REPORTS_DRILL, Scope.REPORTS_SUBMIT], 600)
