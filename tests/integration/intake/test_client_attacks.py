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


async def test_front_ends_of_an_earlier_build_are_signed_once_after_the_upgrade(
    bus_settings: KafkaSettings, store_settings: StoreSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    async def signed(*wanted: str, upgrading: bool = False, sign: bool = True) -> tuple[int, str]:
        given = settings(upgrading=upgrading)
        done = await authenticate.run(given, store_settings, SystemClock(), wanted or None, sign=sign)
        return done, capsys.readouterr().out

    async with running(bus_settings, store_settings, upgrading=True) as harness:
        shop = await office(harness).add("shop", "Shop", [Scope.REPORTS_SUBMIT], 600)
        stored = harness.collection.database["clients"]
        await stored.update_many({}, {"$unset": {"authentication": ""}})  # as an earlier build wrote them
        await harness.intake.clients.refresh()
        assert (await sent(harness, shop)).status_code == 202
    async with running(bus_settings, store_settings, opened=False) as harness:
        assert await code(harness, shop) == (401, "wrong_credential")
        done, said = await signed(sign=False)
        assert (done, "never signed: client:shop" in said) == (1, True)
        assert (await signed())[0] == 0
        assert (await sent(harness, shop)).status_code == 202
        stored = harness.collection.database["clients"]
        await stored.update_one({"_id": "shop"}, {"$set": {"per_minute": 601}})
        done, said = await signed()
        assert (done, "CHANGED: client:shop" in said) == (1, True)
        assert (await signed("client:shop"))[0] == 0
        assert (await sent(harness, shop)).status_code == 202
        told = [(line.reason, line.detail["client"]) for line in await lines(harness, "clients.sign")]
        assert {("unsigned", "shop"), ("changed", "shop")} <= set(told)
