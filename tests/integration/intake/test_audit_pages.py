"""The auditor's pages on the real store: who sees them, what they show, the monthly check."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from shared.audit.queries import CHECK, AuditReader
from shared.clock import SystemClock, seoul_day
from shared.errors import TransientError
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.desk import LEAST, Desk, running

HTML = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}


@pytest_asyncio.fixture(loop_scope="module")
async def desk(bus_settings: KafkaSettings, store_settings: StoreSettings) -> AsyncIterator[Desk]:
    async with running(bus_settings, store_settings) as open_desk:
        open_desk.http.cookies.update(open_desk.people.cookie("central", "auditor", subject="s-auditor"))
        yield open_desk


async def get(desk: Desk, path: str) -> httpx.Response:
    return await desk.http.get(path, headers=HTML)


async def test_only_auditors_read_it_and_their_reading_is_in_it(desk: Desk) -> None:
    page = await get(desk, "/audit")
    assert page.status_code == 200
    assert "s-auditor" in page.text
    assert "Audit read" in page.text
    for organisation, role in (("central", "administrator"), ("busan", "lead"), ("ministry", "analyst")):
        desk.http.cookies.clear()
        desk.http.cookies.update(desk.people.cookie(organisation, role, subject="s-curious"))
        for path in ("/audit", "/audit/months/2026-11"):
            assert (await get(desk, path)).status_code == 403
        assert (
            await desk.http.post("/audit/checks", data={"month": "2026-11", "doubtful": "0"}, headers=HTML)
        ).status_code == 403
    desk.http.cookies.clear()
    assert (await get(desk, "/audit")).status_code == 303
    await desk.intake.audit.settle()
    desk.http.cookies.update(desk.people.cookie("ministry", "auditor"))
    page = await get(desk, "/audit?actor=s-curious&outcome=refused")
    assert page.text.count("Role does not allow it") >= 9


async def test_one_reports_lines_are_found_by_its_number_which_no_address_holds(desk: Desk) -> None:
    signed_in = dict(desk.http.cookies)
    desk.http.cookies.clear()
    reports = [(await desk.lodge({**LEAST, "narrative": "x"})).json() for _ in range(2)]
    for report in reports:
        done = await desk.http.post(
            "/api/v1/receipts/withdraw", json={"receipt": report["receipt"]}, headers=desk.headers()
        )
        assert done.status_code == 200
    desk.http.cookies.update(signed_in)
    wanted = reports[0]["report_id"]
    answer = await desk.http.post("/audit/look-up", data={"report_id": f" {wanted.upper()} "}, headers=HTML)
    assert answer.status_code == 303
    assert wanted not in answer.headers["location"]
    page = await get(desk, answer.headers["location"])
    assert page.text.count("<td>Report withdrawn</td>") == 1
    assert wanted not in page.text
    assert (await desk.http.post("/audit/look-up", data={"report_id": "7"}, headers=HTML)).status_code == 422


async def test_the_monthly_check_is_kept_with_who_and_what_was_found(desk: Desk) -> None:
    month = seoul_day(SystemClock().now())[:7]
    page = await get(desk, f"/audit/months/{month}")
    assert "The chain is whole" in page.text
    answer = await desk.http.post("/audit/checks", data={"month": month, "doubtful": "2"}, headers=HTML)
    assert answer.status_code == 303
    assert f"{month}: checked by s-auditor, 2 doubtful, 0 faults in the chain" in (await get(desk, "/audit")).text
    [line] = await AuditReader(desk.intake.audit).checks()
    assert (line.action, line.reason, line.detail["doubtful"]) == (CHECK, month, "2")
    await desk.intake.audit.lines.update_one({"_id": 1}, {"$set": {"actor": "s-nobody"}})
    page = await get(desk, f"/audit/months/{month}")
    assert "The chain is whole" in page.text, "looking at a month proves nothing anew"
    answer = await desk.http.post("/audit/checks", data={"month": month, "doubtful": "0"}, headers=HTML)
    assert answer.status_code == 303
    page = await get(desk, f"/audit/months/{month}")
    assert "Line 1 was altered or forged." in page.text
    for wrong in ("2026-13", "x", "2999-01"):
        assert (await get(desk, f"/audit/months/{wrong}")).status_code == 422
        refused = await desk.http.post("/audit/checks", data={"month": wrong, "doubtful": "0"}, headers=HTML)
        assert refused.status_code == 422


async def test_what_cannot_be_written_down_is_not_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise TransientError("store: gone")

    monkeypatch.setattr(desk.intake.audit, "_write", away)
    page = await get(desk, "/audit")
    assert page.status_code == 503
    assert "<table" not in page.text


async def test_a_log_that_cannot_be_read_is_explained(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise TransientError("store: gone")

    month = seoul_day(SystemClock().now())[:7]
    monkeypatch.setattr(AuditReader, "_prepare", away)
    monkeypatch.setattr(desk.intake.audit, "verify", away)
    check = await desk.http.post("/audit/checks", data={"month": month, "doubtful": "0"}, headers=HTML)
    for page in (await get(desk, "/audit"), await get(desk, f"/audit/months/{month}"), check):
        assert page.status_code == 503
        assert "The audit cannot be read just now" in page.text
        assert "retry-after" in page.headers
