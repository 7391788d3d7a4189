from dataclasses import replace
from datetime import timedelta

import pytest

from services.intake.clients.models import Client
from services.intake.sandbox import rules
from shared.identity.roles import Scope
from tests.support.keys import KEYS, OTHER_KEYS
from tests.unit.intake.clients.test_credentials import CLIENT
from tests.unit.intake.retention.test_erasure import NOW

KEY = KEYS.devices
TRIAL = replace(CLIENT, scopes=frozenset({Scope.REPORTS_DRILL}))
VISIT = rules.visit_of(KEY, TRIAL, NOW)


def seen(cookie: str = VISIT, client: Client = TRIAL, later: timedelta = timedelta()) -> Client | None:
    return rules.visitor(
        KEY, {client.client_id: client, "other": replace(client, client_id="other")}, cookie, NOW + later
    )


def test_a_visit_shows_one_front_end_until_it_ends() -> None:
    assert seen() is TRIAL
    assert seen(later=rules.LASTS - timedelta(seconds=1)) is TRIAL
    assert seen(later=rules.LASTS) is None


@pytest.mark.parametrize(
    "client",
    [
        replace(TRIAL, disabled=True),
        replace(TRIAL, version=2),
        replace(TRIAL, digests=("another",)),
        replace(TRIAL, scopes=frozenset({Scope.REPORTS_SUBMIT})),
    ],
)
def test_it_ends_with_any_change_of_the_front_end(client: Client) -> None:
    assert seen(client=client) is None


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "kiosk",
        "kiosk..",
        VISIT[:-1],
        VISIT.replace("kiosk.", "other.", 1),
        VISIT.replace(".", ".9", 1),
        rules.visit_of(OTHER_KEYS.devices, TRIAL, NOW),
        VISIT + "x" * 300,
    ],
)
def test_nothing_else_is_a_visit(cookie: str) -> None:
    assert seen(cookie) is None
