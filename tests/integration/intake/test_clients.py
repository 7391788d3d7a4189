"""Front ends: let in by credential and scope, replaced and disabled within seconds, limited, and written down."""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.intake.clients.repository import ClientError
from services.intake.clients.service import ClientService
from shared.audit.model import ChainEntry
from shared.audit.queries import AuditReader, Filter
from shared.clock import SystemClock, seoul_day
from shared.identity.roles import Scope
from shared.settings import StoreSettings
from tests.integration.intake.harness import LEAST, IntakeHarness, secret
from tests.support.keys import KEYS
from tests.support.waiting import eventually

# They count what the service asks and writes for all its front ends.
pytestmark = pytest.mark.own_service

HTML = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}


def office(harness: IntakeHarness) -> ClientService:
    return ClientService(harness.intake.clients.clients, KEYS, SystemClock())


async def sent(harness: IntakeHarness, credential: str | None) -> httpx.Response:
    headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
    return await harness.http.post("/api/v1/reports", json=LEAST, headers=headers)


async def code(harness: IntakeHarness, credential: str | None) -> tuple[int, str]:
    answer = await sent(harness, credential)
    return answer.status_code, answer.json().get("code", "")


async def lines(harness: IntakeHarness, action: str) -> list[ChainEntry]:
    await harness.intake.audit.settle()
    page, _ = await AuditReader(harness.intake.audit).page(Filter(action=action))
    return page


async def test_without_a_right_credential_nothing_is_taken_and_it_is_written_down(harness: IntakeHarness) -> None:
    narrow = await office(harness).add("narrow", "Narrow", [Scope.RECEIPTS_READ], 600)
    wrong = f"kiosk.{'x' * 43}"
    assert await code(harness, None) == (401, "no_credential")
    assert await code(harness, wrong) == (401, "wrong_credential")
    assert await code(harness, "nonsense") == (401, "wrong_credential")
    assert await code(harness, narrow) == (403, "scope_missing")
    answer = await sent(harness, None)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    receipt = await harness.http.post(
        "/api/v1/receipts/status", json={"receipt": "1"}, headers={"Authorization": f"Bearer {narrow}"}
    )
    assert receipt.json()["code"] == "unknown_receipt"
    assert await harness.collection.count_documents({}) == 0
    told = [(line.reason, line.actor) for line in reversed(await lines(harness, "front_end"))]
    assert told == [
        ("no_credential", None),
        ("wrong_credential", None),
        ("wrong_credential", None),
        ("scope_missing", "client:narrow"),
        ("no_credential", None),
    ]


async def noted(harness: IntakeHarness, number: int) -> None:
    """Wait until the shop's use of so many secrets is noted."""

    async def so_many() -> bool:
        found = await harness.collection.database["clients"].find_one({"_id": "shop"}) or {}
        return len(found["used"]) == number

    await eventually(so_many)


@pytest.mark.thorough
async def test_no_secret_in_use_ends_unasked_and_an_ended_or_disabled_one_within_seconds(
    harness: IntakeHarness,
) -> None:
    first = await office(harness).add("shop", "Shop", [Scope.REPORTS_SUBMIT], 600)
    assert (await sent(harness, first)).status_code == 202, "a front end may begin as soon as it exists"
    await noted(harness, 1)
    lost = await office(harness).rotate("shop", only=False, version=1)
    with pytest.raises(ClientError, match="changed_meanwhile"):
        await office(harness).rotate("shop", only=False, version=1)
    second = await office(harness).rotate("shop", only=False, version=2)
    assert [(await sent(harness, credential)).status_code for credential in (first, second)] == [202, 202]
    await noted(harness, 2)
    with pytest.raises(ClientError, match="old_secret"):
        await office(harness).rotate("shop", only=False, version=3)

    async def ended(credential: str, status: int) -> None:
        async def refused() -> bool:
            return (await sent(harness, credential)).status_code == status

        await eventually(refused)

    await ended(lost, 401)
    await harness.intake.clients.clients.end_old("shop", version=3)
    await ended(first, 401)
    third = await office(harness).rotate("shop", only=False, version=4)
    assert [(await sent(harness, credential)).status_code for credential in (second, third)] == [202, 202]
    last = await office(harness).rotate("shop", only=True)
    await ended(third, 401)
    assert (await sent(harness, last)).status_code == 202
    await harness.intake.clients.clients.disable("shop", disabled=True)
    await ended(last, 403)
    assert await code(harness, last) == (403, "client_disabled")
    await harness.intake.clients.clients.disable("shop", disabled=False)

    async def back() -> bool:
        return (await sent(harness, last)).status_code == 202

    await eventually(back)


async def test_each_has_a_pace_of_its_own(harness: IntakeHarness) -> None:
    slow = await office(harness).add("slow", "Slow", [Scope.REPORTS_SUBMIT], 5)
    began = time.monotonic()
    assert (await sent(harness, slow)).status_code == 202
    answers = await asyncio.gather(*(sent(harness, slow) for _ in range(10)))
    earned = (time.monotonic() - began) / 12
    assert 4 <= [answer.status_code for answer in answers].count(202) <= 4 + earned
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 12
    assert (await harness.lodge()).status_code == 202


async def test_a_flood_of_wrong_credentials_neither_fills_the_audit_nor_asks_the_store_each_time(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings, began = 0, time.monotonic()
    original = harness.intake.clients.clients.all

    async def counted(*given: Any) -> Any:
        nonlocal readings
        readings += 1
        return await original(*given)

    monkeypatch.setattr(harness.intake.clients.clients, "all", counted)
    started = time.monotonic()
    answers = await asyncio.gather(*(sent(harness, f"nobody.{'x' * 43}") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {401}
    assert readings <= 2.5 * (time.monotonic() - started) + 6
    readings, started = 0, time.monotonic()
    for _ in range(5):
        await sent(harness, f"nobody.{'x' * 43}")
    assert readings <= 2.5 * (time.monotonic() - started) + 2
    taken_again = (time.monotonic() - began) / 2  # thirty a minute come back
    assert len(await lines(harness, "front_end")) <= 30 + taken_again


async def test_the_day_of_last_use_is_kept(harness: IntakeHarness) -> None:
    today = seoul_day(SystemClock().now())
    assert (await harness.lodge(front_end="kiosk")).status_code == 202

    async def kept() -> bool:
        known = {client.client_id: client.last_used for client in await harness.intake.clients.clients.all()}
        # It may have become midnight in Seoul since.
        return known["api"] is None and known["kiosk"] in {today, seoul_day(SystemClock().now())}

    await eventually(kept)


async def test_no_secret_is_stored(harness: IntakeHarness) -> None:
    stored = str(await harness.collection.database["clients"].find({}).to_list(None))
    assert "kiosk" in stored
    assert harness.credentials["kiosk"].partition(".")[2] not in stored


@pytest.mark.thorough
async def test_the_command_makes_one_that_works_at_once(harness: IntakeHarness, store_settings: StoreSettings) -> None:
    env = {
        **os.environ,
        "MONGODB_URI": store_settings.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": store_settings.database_prefix,
        "INTAKE_MASTER_KEY": secret("m").get_secret_value(),
        "INTAKE_RECEIPT_KEY": secret("r").get_secret_value(),
        "INTAKE_SIGNING_KEY": secret("s").get_secret_value(),
        "INTAKE_LINK_KEY": secret("l").get_secret_value(),
        "INTAKE_AUDIT_KEY": secret("a").get_secret_value(),
        "IEUM_TICKET_KEY": secret("t").get_secret_value(),
    }

    async def run(*arguments: str) -> tuple[int | None, str]:
        command = (sys.executable, "-m", "tools.command", "client", *arguments)
        process = await asyncio.create_subprocess_exec(
            *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        return process.returncode, printed.decode()

    status, printed = await run("add", "by-command", "--json", "--scope", "reports:submit")
    assert status == 0
    made = json.loads(printed)
    assert made["scopes"] == ["reports:submit"]
    assert (await sent(harness, made["credential"])).status_code == 202
    assert (await run("add", "by-command", "--json"))[0] == 1
    assert (await run("add", "web-form"))[0] == 2
    assert (await run("disable", "nobody"))[0] == 1
    assert made["credential"] not in (await run("list", "--json"))[1]
    assert [line.detail["client"] for line in await lines(harness, "clients.manage")].count("by-command") == 2


async def test_administrators_of_the_system_manage_them_on_a_page_and_nobody_else(harness: IntakeHarness) -> None:
    def as_(organisation: str, role: str) -> dict[str, str]:
        harness.http.cookies.clear()
        harness.http.cookies.update(harness.people.cookie(organisation, role))
        return HTML

    form = {"client_id": "paged", "name": "Paged", "scopes": "reports:submit", "per_minute": "60"}
    for organisation, role in (
        ("busan", "administrator"),
        ("busan", "lead"),
        ("central", "auditor"),
        ("ministry", "analyst"),
    ):
        headers = as_(organisation, role)
        assert (await harness.http.get("/clients", headers=headers)).status_code == 403
        assert (await harness.http.post("/clients", data=form, headers=headers)).status_code == 403
        assert (await harness.http.post("/clients/kiosk/rotate", headers=headers)).status_code == 403
        assert (await harness.http.post("/clients/kiosk/end-old", headers=headers)).status_code == 403
        assert (
            await harness.http.post("/clients/kiosk/door", data={"disabled": "true"}, headers=headers)
        ).status_code == 403
    headers = as_("central", "administrator")
    assert (
        await harness.http.post("/clients", data=form, headers={"Accept": "text/html", "sec-fetch-site": ""})
    ).status_code == 403
    page = await harness.http.post("/clients", data=form, headers=headers)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    credential = page.text.split("<code>paged.")[1].split("</code>")[0]
    assert "hreflang=" not in page.text, "in the other language it would be gone"
    later = (await harness.http.get("/clients", headers=headers)).text
    assert (credential in later, "hreflang=" in later) == (False, True)
    taken = await harness.http.post("/clients", data={**form, "name": "Typed by hand"}, headers=headers)
    assert (taken.status_code, 'value="Typed by hand"' in taken.text) == (409, True)
    assert ('<a href="#client_id">' in taken.text, " checked>" in taken.text) == (True, True)
    assert (
        await harness.http.post("/clients", data={**form, "client_id": "web-form"}, headers=headers)
    ).status_code == 422
    assert (await harness.http.post("/clients", data={**form, "scopes": []}, headers=headers)).status_code == 422
    for version, status in (("1", 200), ("1", 409), ("2", 200)):
        again = await harness.http.post("/clients/paged/rotate", data={"version": version}, headers=headers)
        assert again.status_code == status
    assert (await harness.http.post("/clients/paged/rotate", headers=headers)).status_code == 409
    newest = again.text.split("<code>paged.")[1].split("</code>")[0]
    page = await harness.http.get("/clients", headers=headers)
    assert "the new one was not used yet" in page.text
    assert (
        await harness.http.post("/clients/paged/end-old", data={"version": "2"}, headers=headers)
    ).status_code == 409
    assert (
        await harness.http.post("/clients/paged/end-old", data={"version": "3"}, headers=headers)
    ).status_code == 303
    long_ago = harness.people.principal("central", "administrator", confirmed_at=datetime.now(UTC) - timedelta(hours=3))
    stale = {**HTML, "Authorization": f"Bearer {harness.people.signer.access(long_ago, 'intake')}"}
    harness.http.cookies.clear()
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        *(("POST", f"/paged/{do}") for do in ("rotate", "end-old", "door")),
    ):
        asked = await harness.http.request(
            method, f"/clients{path}", data=form if method == "POST" else {}, headers=stale
        )
        assert asked.status_code == 303
        assert "/session/confirm?next=" in asked.headers["location"]
        assert asked.headers["location"].endswith("%2Fclients")
    assert (await sent(harness, f"paged.{newest}")).status_code == 202
    told = await lines(harness, "clients.manage")
    assert [line.outcome.value for line in told].count("refused") == 20
    assert ("add", "paged") in [(line.reason, line.detail.get("client")) for line in told]


async def test_the_page_names_a_front_end_that_is_refused_since_its_record_was_changed(harness: IntakeHarness) -> None:
    await office(harness).add("altered", "Altered", [Scope.REPORTS_SUBMIT], 600)
    collection = harness.collection.database["clients"]
    await collection.update_one({"_id": "altered"}, {"$set": {"scopes": ["reports:submit", "receipts:write"]}})
    harness.http.cookies.update(harness.people.cookie("central", "administrator"))
    page = (await harness.http.get("/clients", headers=HTML)).text
    [row] = [row for row in page.split("</tr>") if "<code>altered</code>" in row]
    assert ("It was changed in the store, not by us" in row, "<button" in row) == (True, False)
    assert page.count("It was changed in the store") == 1


async def test_the_page_of_the_sandbox_shows_the_drills_of_its_credential_and_of_no_other(
    harness: IntakeHarness,
) -> None:
    held = {name: await office(harness).add(name, name, [Scope.REPORTS_DRILL], 600) for name in ("trial", "trial-2")}
    drill = {**LEAST, "synthetic": True}
    sent_by = {}
    for name, credential in {**held, "api": harness.credentials["api"]}.items():
        headers = {"Authorization": f"Bearer {credential}"}
        answer = await harness.http.post("/api/v1/reports", json=drill, headers=headers)
        sent_by[name] = answer.json()["report_id"]
    page = await harness.http.get("/sandbox", headers=HTML)
    assert not [one for one in sent_by.values() if one in page.text]
    for credential in (harness.credentials["api"], f"trial.{'x' * 43}", ""):
        refused = await harness.http.post("/sandbox", data={"credential": credential}, headers=HTML)
        assert (refused.status_code, "set-cookie" in refused.headers) == (422, False)
    begun = await harness.http.post("/sandbox", data={"credential": held["trial"]}, headers=HTML)
    assert begun.status_code == 303
    assert held["trial"].partition(".")[2] not in repr(begun.headers)
    page = await harness.http.get("/sandbox", headers=HTML)
    assert [name for name, report_id in sent_by.items() if report_id in page.text] == ["trial"]
    await office(harness).rotate("trial", only=True)
    await harness.intake.clients.refresh()
    assert sent_by["trial"] not in (await harness.http.get("/sandbox", headers=HTML)).text
