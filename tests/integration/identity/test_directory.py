"""Notify knows names at work from identity's directory, and goes on with them while identity is away."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.identity.accounts.models import Account, AccountState, PendingRelease
from services.notify.team.directory import StaffDirectory
from shared import mongo
from shared.errors import PermanentError
from shared.identity.directory import PATH
from tests.integration.identity.conftest import IDENTITY_URL, IdentityHarness, Process, a_key


class Wire(httpx.ASGITransport):
    """The way to identity, which can be cut."""

    cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            raise httpx.ConnectError("nobody answers")
        return await super().handle_async_request(request)


def directory(harness: IdentityHarness, wire: Wire, key: SecretStr | None = None) -> StaffDirectory:
    database: Any = mongo.connect(harness.store, "notify")
    harness.stack.callback(database.client.close)
    return StaffDirectory(database, IDENTITY_URL, key or harness.directory_key, wire)


@pytest.fixture
def wire(identity: Process) -> Wire:
    return Wire(app=identity.app)


async def test_names_and_who_can_have_a_case_are_known_also_after_a_restart_without_identity(
    identity: Process, harness: IdentityHarness, wire: Wire
) -> None:
    kim = (await identity.person("jeju", "counsellor", name="kim.one")).account
    lead = (await identity.person("jeju", "lead", name="lee.two")).account
    await identity.person("jeju", "operator", name="park.three")
    await identity.person("busan", "counsellor", name="choi.four")
    staff = directory(harness, wire)
    await staff.refresh()
    assert staff.name(kim.subject) == "kim.one"
    assert staff.name("s-nobody") == "s-nobody"
    assert staff.colleagues("jeju") == {kim.subject: "kim.one", lead.subject: "lee.two"}
    wire.cut = True
    await staff.refresh()
    assert staff.name(kim.subject) == "kim.one"
    again = directory(harness, wire)
    await again.recall()
    assert again.colleagues("jeju") == staff.colleagues("jeju")


async def test_a_disabled_account_keeps_its_name_and_gets_no_more_cases(
    identity: Process, harness: IdentityHarness, wire: Wire
) -> None:
    await identity.person("central", "administrator")
    kim = (await identity.person("jeju", "counsellor", name="kim.one")).account
    staff = directory(harness, wire)
    await staff.refresh()
    await identity.accounts.store.save(kim.model_copy(update={"state": AccountState.DISABLED}))
    await staff.refresh()
    assert (staff.name(kim.subject), staff.colleagues("jeju")) == ("kim.one", {})


async def test_who_waits_for_release_has_a_name_and_can_have_no_case(
    identity: Process, harness: IdentityHarness, wire: Wire
) -> None:
    kim = (await identity.person("jeju", "counsellor", name="kim.one")).account
    waits = PendingRelease(by=("s-somebody",), since=identity.clock.now())
    await identity.accounts.store.save(kim.model_copy(update={"waits": waits}))
    staff = directory(harness, wire)
    await staff.refresh()
    assert (staff.name(kim.subject), staff.colleagues("jeju")) == ("kim.one", {})


async def test_accounts_are_read_again_when_one_changed_and_else_twice_a_minute(
    identity: Process, harness: IdentityHarness, wire: Wire
) -> None:
    kim = (await identity.person("jeju", "counsellor", name="kim.one")).account
    other, staff, read = await harness.process(), directory(harness, wire), identity.accounts.store.of
    reads = 0

    async def counted(organisation: str | None, after: str = "") -> list[Account]:
        nonlocal reads
        reads += 1
        return await read(organisation, after)

    identity.accounts.store.of = counted  # type: ignore[method-assign]  # counts
    for _ in range(3):
        await staff.refresh()
    assert reads == 2  # a page, and that there is no other
    changed = await identity.accounts.store.save(kim.model_copy(update={"display": "Kim"}))
    assert changed is not None
    await staff.refresh()
    assert (reads, staff.name(kim.subject)) == (4, "Kim")
    await other.accounts.store.save(changed.model_copy(update={"display": "Lee"}))
    await staff.refresh()
    assert (reads, staff.name(kim.subject)) == (6, "Lee"), "another process changed it"
    await identity.clock.advance(30)
    await staff.refresh()
    assert reads == 8


async def test_what_somebody_wrote_into_the_store_of_accounts_is_no_colleague(
    identity: Process, harness: IdentityHarness, wire: Wire
) -> None:
    kim = (await identity.person("busan", "counsellor", name="kim.one")).account
    await identity.accounts.store.collection.update_one({"_id": kim.subject}, {"$set": {"organisation": "jeju"}})
    staff = directory(harness, wire)
    await staff.refresh()
    assert staff.colleagues("jeju") == staff.colleagues("busan") == {}


async def test_only_who_has_the_key_reads_it(identity: Process, harness: IdentityHarness, wire: Wire) -> None:
    kim = (await identity.person("jeju", "counsellor")).account
    stranger = directory(harness, wire, a_key())
    with pytest.raises(PermanentError, match="IEUM_DIRECTORY_KEY"):
        await stranger.refresh()
    assert stranger.name(kim.subject) == kim.subject
    async with identity.browser() as http:
        assert (await http.get(PATH)).json()["code"] == "no_credential"
        signed_in = await identity.api_enter(http, await identity.person("central", "administrator"))
        token = {"authorization": f"Bearer {signed_in.json()['token']}"}
        assert (await http.get(PATH, headers=token)).json()["code"] == "wrong_credential"
        key = {"authorization": f"Bearer {harness.directory_key.get_secret_value()}"}
        answer = await http.get(PATH, headers=key)
        assert answer.status_code == 200
        assert {"password", "totp", "recovery", "name"}.isdisjoint(answer.json()["staff"][0])
        assert (await http.get(PATH, headers={**key, "if-none-match": answer.headers["etag"]})).status_code == 304
