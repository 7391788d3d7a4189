"""Somebody who can write to the store, and holds a credential for drills: no front end gets more than it was given."""

import pytest

from services.intake.clients.repository import ClientError
from services.intake.encryption import authenticate
from shared.clock import SystemClock
from shared.identity.roles import REAL_SCOPES, Scope
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running, settings
from tests.integration.intake.holding import sample
from tests.integration.intake.test_clients import code, lines, office, sent

pytestmark = pytest.mark.own_service


async def test_a_credential_for_drills_gets_no_real_scopes_and_a_disabled_one_is_not_let_in(
    harness: IntakeHarness,
) -> None:
    drill = await office(harness).add("trial", "Trial", [Scope.REPORTS_DRILL], 600)
    gone = await office(harness).add("gone", "Gone", [Scope.REPORTS_SUBMIT], 600)
    await harness.intake.clients.clients.disable("gone", disabled=True)
    await harness.intake.clients.refresh()
    assert await code(harness, drill) == (403, "drills_only")
    assert await code(harness, gone) == (403, "client_disabled")
    stored = harness.collection.database["clients"]
    before = sample("ieum_intake_report_authentication_failures_total", part="client")
    await stored.update_one({"_id": "trial"}, {"$set": {"scopes": sorted(REAL_SCOPES)}})
    await stored.update_one({"_id": "gone"}, {"$set": {"disabled": False}})
    for _ in range(2):
        await harness.intake.clients.refresh()
        assert await code(harness, drill) == (401, "wrong_credential")
        assert await code(harness, gone) == (401, "wrong_credential")
    assert (await harness.lodge()).status_code == 202, "all others go on"
    assert await harness.collection.count_documents({}) == 1
    assert sample("ieum_intake_report_authentication_failures_total", part="client") > before
    refused = [(line.outcome, line.detail["client"]) for line in await lines(harness, "clients.refuse")]
    assert sorted(refused) == [("refused", "gone"), ("refused", "trial")]
    # Only somebody who gives it scopes and a secret anew lets it in: nothing that the store said counts.
    anew = await office(harness).add("trial", "Trial", [Scope.REPORTS_DRILL], 600)
    assert await code(harness, anew) == (403, "drills_only")
    assert await code(harness, drill) == (401, "wrong_credential")
    with pytest.raises(ClientError, match="exists"):
        await office(harness).add("trial", "Trial", [Scope.REPORTS_DRILL], 600)


async def test_a_changed_front_end_is_found_and_signed_by_its_name(
    bus_settings: KafkaSettings, store_settings: StoreSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    async def command(*wanted: str) -> tuple[int, str]:
        done = await authenticate.run(settings(), store_settings, SystemClock(), wanted or None)
        return done, capsys.readouterr().out

    async with running(bus_settings, store_settings, opened=False) as harness:
        shop = await office(harness).add("shop", "Shop", [Scope.REPORTS_SUBMIT], 600)
        await harness.collection.database["clients"].update_one({"_id": "shop"}, {"$set": {"per_minute": 601}})
        await harness.intake.clients.refresh()
        assert await code(harness, shop) == (401, "wrong_credential")
        done, said = await command()
        assert (done, "CHANGED: client:shop" in said) == (1, True)
        assert (await command("client:shop"))[0] == 0
        assert (await sent(harness, shop)).status_code == 202
        assert [line.detail["client"] for line in await lines(harness, "clients.sign")] == ["shop"]
