"""Front ends: let in by credential and scope, replaced and disabled within seconds, limited, and written down."""

import asyncio
import json
import os
import sys
import time
from typing import Any

import httpx
import pytest

from services.intake.clients.dependencies import PACE_S
from services.intake.clients.repository import ClientError
from services.intake.clients.service import ClientService as Office
from services.intake.encryption.keys import KeyedDigests
from shared.audit.model import Line
from shared.audit.queries import AuditReader, Filter
from shared.clock import SystemClock, seoul_day
from shared.identity.roles import Scope
from shared.settings import StoreSettings
from tests.integration.intake.desk import LEAST, Desk, secret
from tests.support.waiting import eventually

# They count what the service asks and writes for all its front ends.
pytestmark = pytest.mark.own_service

HTML = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}
SOON = PACE_S + 3


def office(desk: Desk) -> Office:
    return Office(desk.intake.clients.clients, KeyedDigests(b"r" * 32), SystemClock())


async def sent(desk: Desk, credential: str | None) -> httpx.Response:
    headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
    return await desk.http.post("/api/v1/reports", json=LEAST, headers=headers)


async def code(desk: Desk, credential: str | None) -> tuple[int, str]:
    answer = await sent(desk, credential)
    return answer.status_code, answer.json().get("code", "")


async def lines(desk: Desk, action: str) -> list[Line]:
    await desk.intake.audit.settle()
    page, _ = await AuditReader(desk.intake.audit).page(Filter(day=seoul_day(SystemClock().now()), action=action))
    return page


async def test_without_a_right_credential_nothing_is_taken_and_it_is_written_down(desk: Desk) -> None:
    narrow = await office(desk).add("narrow", "Narrow", [Scope.RECEIPTS_READ], 600)
    wrong = f"kiosk.{'x' * 43}"
    assert await code(desk, None) == (401, "no_credential")
    assert await code(desk, wrong) == (401, "wrong_credential")
    assert await code(desk, "nonsense") == (401, "wrong_credential")
    assert await code(desk, narrow) == (403, "scope_missing")
    answer = await sent(desk, None)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    receipt = await desk.http.post(
        "/api/v1/receipts/status", json={"receipt": "1"}, headers={"Authorization": f"Bearer {narrow}"}
    )
    assert receipt.json()["code"] == "unknown_receipt"
    assert await desk.collection.count_documents({}) == 0
    told = [(line.reason, line.actor) for line in reversed(await lines(desk, "front_end"))]
    assert told == [
        ("no_credential", None),
        ("wrong_credential", None),
        ("wrong_credential", None),
        ("scope_missing", "client:narrow"),
        ("no_credential", None),
    ]


async def noted(desk: Desk, number: int) -> None:
    """Wait until the shop's use of so many secrets is noted."""

    async def so_many() -> bool:
        found = await desk.collection.database["clients"].find_one({"_id": "shop"}) or {}
        return len(found["used"]) == number

    await eventually(so_many, seconds=SOON)


async def test_no_secret_in_use_ends_unasked_and_an_ended_or_disabled_one_within_seconds(desk: Desk) -> None:
    first = await office(desk).add("shop", "Shop", [Scope.REPORTS_SUBMIT], 600)
    assert (await sent(desk, first)).status_code == 202, "a front end may begin as soon as it exists"
    await noted(desk, 1)
    lost = await office(desk).rotate("shop", only=False, version=1)
    with pytest.raises(ClientError, match="changed_meanwhile"):
        await office(desk).rotate("shop", only=False, version=1)
    second = await office(desk).rotate("shop", only=False, version=2)
    assert [(await sent(desk, credential)).status_code for credential in (first, second)] == [202, 202]
    await noted(desk, 2)
    with pytest.raises(ClientError, match="old_secret"):
        await office(desk).rotate("shop", only=False, version=3)

    async def ended(credential: str, status: int) -> None:
        async def refused() -> bool:
            return (await sent(desk, credential)).status_code == status

        await eventually(refused, seconds=SOON)

    await ended(lost, 401)
    await desk.intake.clients.clients.end_old("shop", version=3)
    await ended(first, 401)
    third = await office(desk).rotate("shop", only=False, version=4)
    assert [(await sent(desk, credential)).status_code for credential in (second, third)] == [202, 202]
    last = await office(desk).rotate("shop", only=True)
    await ended(third, 401)
    assert (await sent(desk, last)).status_code == 202
    await desk.intake.clients.clients.disable("shop", disabled=True)
    await ended(last, 403)
    assert await code(desk, last) == (403, "client_disabled")
    await desk.intake.clients.clients.disable("shop", disabled=False)

    async def back() -> bool:
        return (await sent(desk, last)).status_code == 202

    await eventually(back, seconds=SOON)


async def test_each_has_a_pace_of_its_own(desk: Desk) -> None:
    slow = await office(desk).add("slow", "Slow", [Scope.REPORTS_SUBMIT], 5)
    assert (await sent(desk, slow)).status_code == 202
    answers = await asyncio.gather(*(sent(desk, slow) for _ in range(10)))
    assert [answer.status_code for answer in answers].count(202) == 4
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 12
    assert (await desk.lodge()).status_code == 202


async def test_a_flood_of_wrong_credentials_neither_fills_the_audit_nor_asks_the_store_each_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0
    original = desk.intake.clients.clients.all

    async def counted(*given: Any) -> Any:
        nonlocal readings
        readings += 1
        return await original(*given)

    monkeypatch.setattr(desk.intake.clients.clients, "all", counted)
    answers = await asyncio.gather(*(sent(desk, f"nobody.{'x' * 43}") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {401}
    assert readings <= 6
    readings, started = 0, time.monotonic()
    for _ in range(5):
        await sent(desk, f"nobody.{'x' * 43}")
    assert readings <= 2.5 * (time.monotonic() - started) + 2
    assert len(await lines(desk, "front_end")) <= 31


async def test_the_day_of_last_use_is_kept(desk: Desk) -> None:
    assert (await desk.lodge(front_end="kiosk")).status_code == 202

    async def kept() -> bool:
        known = {client.client_id: client.last_used for client in await desk.intake.clients.clients.all()}
        return known == {"api": None, "kiosk": seoul_day(SystemClock().now())}

    await eventually(kept, seconds=SOON)


async def test_no_secret_is_stored(desk: Desk) -> None:
    stored = str(await desk.collection.database["clients"].find({}).to_list(None))
    assert "kiosk" in stored
    assert desk.credentials["kiosk"].partition(".")[2] not in stored


async def test_the_command_makes_one_that_works_at_once(desk: Desk, store_settings: StoreSettings) -> None:
    env = {
        **os.environ,
        "MONGODB_URI": store_settings.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": store_settings.database_prefix,
        "INTAKE_MASTER_KEY": secret("m").get_secret_value(),
        "INTAKE_RECEIPT_KEY": secret("r").get_secret_value(),
        "INTAKE_SIGNING_KEY": secret("s").get_secret_value(),
        "INTAKE_LINK_KEY": secret("l").get_secret_value(),
        "IEUM_AUDIT_KEY": secret("a").get_secret_value(),
    }

    async def run(*arguments: str) -> tuple[int | None, str]:
        command = (sys.executable, "-m", "services.intake.clients", *arguments)
        process = await asyncio.create_subprocess_exec(
            *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        return process.returncode, printed.decode()

    status, printed = await run("add", "by-command", "--json", "--scope", "reports:submit")
    assert status == 0
    made = json.loads(printed)
    assert made["scopes"] == ["reports:submit"]
    assert (await sent(desk, made["credential"])).status_code == 202
    assert (await run("add", "by-command", "--json"))[0] == 1
    assert (await run("add", "web-form"))[0] == 2
    assert (await run("disable", "nobody"))[0] == 1
    assert made["credential"] not in (await run("list", "--json"))[1]
    assert [line.detail["client"] for line in await lines(desk, "clients.manage")].count("by-command") == 2


async def test_administrators_of_the_system_manage_them_on_a_page_and_nobody_else(desk: Desk) -> None:
    def as_(organisation: str, role: str) -> dict[str, str]:
        desk.http.cookies.clear()
        desk.http.cookies.update(desk.people.cookie(organisation, role))
        return HTML

    form = {"client_id": "paged", "name": "Paged", "scopes": "reports:submit", "per_minute": "60"}
    for organisation, role in (
        ("busan", "administrator"),
        ("busan", "lead"),
        ("central", "auditor"),
        ("ministry", "analyst"),
    ):
        headers = as_(organisation, role)
        assert (await desk.http.get("/clients", headers=headers)).status_code == 403
        assert (await desk.http.post("/clients", data=form, headers=headers)).status_code == 403
        assert (await desk.http.post("/clients/kiosk/rotate", headers=headers)).status_code == 403
        assert (await desk.http.post("/clients/kiosk/end-old", headers=headers)).status_code == 403
        assert (
            await desk.http.post("/clients/kiosk/door", data={"disabled": "true"}, headers=headers)
        ).status_code == 403
    headers = as_("central", "administrator")
    assert (await desk.http.post("/clients", data=form, headers={"Accept": "text/html"})).status_code == 403
    page = await desk.http.post("/clients", data=form, headers=headers)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    credential = page.text.split("<code>paged.")[1].split("</code>")[0]
    assert credential not in (await desk.http.get("/clients", headers=headers)).text
    assert (await desk.http.post("/clients", data=form, headers=headers)).status_code == 409
    assert (
        await desk.http.post("/clients", data={**form, "client_id": "web-form"}, headers=headers)
    ).status_code == 422
    assert (await desk.http.post("/clients", data={**form, "scopes": []}, headers=headers)).status_code == 422
    for version, status in (("1", 200), ("1", 409), ("2", 200)):
        again = await desk.http.post("/clients/paged/rotate", data={"version": version}, headers=headers)
        assert again.status_code == status
    assert (await desk.http.post("/clients/paged/rotate", headers=headers)).status_code == 409
    newest = again.text.split("<code>paged.")[1].split("</code>")[0]
    page = await desk.http.get("/clients", headers=headers)
    assert "the new one was not used yet" in page.text
    assert (await desk.http.post("/clients/paged/end-old", data={"version": "2"}, headers=headers)).status_code == 409
    assert (await desk.http.post("/clients/paged/end-old", data={"version": "3"}, headers=headers)).status_code == 303
    desk.http.cookies.clear()
    assert (await sent(desk, f"paged.{newest}")).status_code == 202
    told = await lines(desk, "clients.manage")
    assert [line.outcome.value for line in told].count("refused") == 20
    assert ("add", "paged") in [(line.reason, line.detail.get("client")) for line in told]
