"""The auditor's pages on the real store: who sees them, what they show, the monthly check."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from shared.audit.queries import CHECK, AuditReader
from shared.clock import seoul_day
from shared.errors import TransientError
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import LEAST, IntakeHarness, running
from tests.support.clock import StillClock

HTML = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}


@pytest_asyncio.fixture(loop_scope="module")
async def harness(bus_settings: KafkaSettings, store_settings: StoreSettings) -> AsyncIterator[IntakeHarness]:
    # What is written down before midnight in Seoul is not on the page of the day after.
    clock = StillClock(datetime.now(UTC))
    async with running(bus_settings, store_settings, clock=clock) as running_harness:
        running_harness.http.cookies.update(running_harness.people.cookie("central", "auditor", subject="s-auditor"))
        yield running_harness


async def get(harness: IntakeHarness, path: str) -> httpx.Response:
    return await harness.http.get(path, headers=HTML)


async def test_only_auditors_read_it_and_their_reading_is_in_it(harness: IntakeHarness) -> None:
    page = await get(harness, "/audit")
    assert page.status_code == 200
    assert "s-auditor" in page.text
    assert "Audit read" in page.text
    for organisation, role in (("central", "administrator"), ("busan", "lead"), ("ministry", "analyst")):
        harness.http.cookies.clear()
        harness.http.cookies.update(harness.people.cookie(organisation, role, subject="s-curious"))
        for path in ("/audit", "/audit/months/2026-11"):
            assert (await get(harness, path)).status_code == 403
        assert (
            await harness.http.post("/audit/checks", data={"month": "2026-11", "doubtful": "0"}, headers=HTML)
        ).status_code == 403
    harness.http.cookies.clear()
    assert (await get(harness, "/audit")).status_code == 303
    await harness.intake.audit.settle()
    harness.http.cookies.update(harness.people.cookie("ministry", "auditor"))
    page = await get(harness, "/audit?actor=s-curious&outcome=refused")
    assert page.text.count("Role does not allow it") >= 9


async def test_one_reports_lines_are_found_by_its_number_which_no_address_holds(harness: IntakeHarness) -> None:
    signed_in = dict(harness.http.cookies)
    harness.http.cookies.clear()
    reports = [(await harness.lodge({**LEAST, "narrative": "x"})).json() for _ in range(2)]
    for report in reports:
        done = await harness.http.post(
            "/api/v1/receipts/withdraw", json={"receipt": report["receipt"]}, headers=harness.headers()
        )
        assert done.status_code == 200
    harness.http.cookies.update(signed_in)
    wanted = reports[0]["report_id"]
    answer = await harness.http.post("/audit/look-up", data={"report_id": f" {wanted.upper()} "}, headers=HTML)
    assert answer.status_code == 303
    assert wanted not in answer.headers["location"]
    page = await get(harness, answer.headers["location"])
    assert page.text.count("<td>Report withdrawn</td>") == 1
    assert wanted not in page.text
    assert (await harness.http.post("/audit/look-up", data={"report_id": "7"}, headers=HTML)).status_code == 422


async def test_the_monthly_check_is_kept_with_who_and_what_was_found(harness: IntakeHarness) -> None:
    month = seoul_day(harness.intake.audit.clock.now())[:7]
    page = await get(harness, f"/audit/months/{month}")
    assert "The chain is whole" in page.text
    answer = await harness.http.post("/audit/checks", data={"month": month, "doubtful": "2"}, headers=HTML)
    assert answer.status_code == 303
    assert f"{month}: checked by s-auditor, 2 doubtful, 0 faults in the chain" in (await get(harness, "/audit")).text
    [line] = await AuditReader(harness.intake.audit).checks()
    assert (line.action, line.reason, line.detail["doubtful"]) == (CHECK, month, "2")
    await harness.intake.audit.lines.update_one({"_id": 1}, {"$set": {"actor": "s-nobody"}})
    page = await get(harness, f"/audit/months/{month}")
    assert "The chain is whole" in page.text, "looking at a month proves nothing anew"
    answer = await harness.http.post("/audit/checks", data={"month": month, "doubtful": "0"}, headers=HTML)
    assert answer.status_code == 303
    page = await get(harness, f"/audit/months/{month}")
    assert "Line 1 was altered or forged." in page.text
    for wrong in ("2026-13", "x", "2999-01", "9999-12"):
        assert (await get(harness, f"/audit/months/{wrong}")).status_code == 422
        refused = await harness.http.post("/audit/checks", data={"month": wrong, "doubtful": "0"}, headers=HTML)
        assert refused.status_code == 422


async def test_what_cannot_be_written_down_is_not_shown(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise TransientError("store: gone")

    monkeypatch.setattr(harness.intake.audit, "_write", away)
    page = await get(harness, "/audit")
    assert page.status_code == 503
    assert "<table" not in page.text


async def test_a_log_that_cannot_be_read_is_explained(harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise TransientError("store: gone")

    month = seoul_day(harness.intake.audit.clock.now())[:7]
    monkeypatch.setattr(AuditReader, "_prepare", away)
    monkeypatch.setattr(harness.intake.audit, "verify", away)
    check = await harness.http.post("/audit/checks", data={"month": month, "doubtful": "0"}, headers=HTML)
    for page in (await get(harness, "/audit"), await get(harness, f"/audit/months/{month}"), check):
        assert page.status_code == 503
        assert "The audit cannot be read just now" in page.text
        assert "retry-after" in page.headers
