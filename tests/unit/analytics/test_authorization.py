"""Who may open which page: tables for analysts, exact national totals only for those who run the service."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, get_args

import httpx
import pytest

from services.analytics.counting.reconciliation import ReconciliationCounts, reconcile
from services.analytics.main import application
from services.analytics.operations.repository import Redrives
from services.analytics.operations.service import Operations
from services.analytics.releases.audit import Verdict
from services.analytics.releases.release import Release
from services.analytics.releases.service import ReleaseService
from services.analytics.releases.tables import TABLE_SPECS
from services.analytics.settings import AnalyticsSettings
from shared.health import Health
from shared.settings import KafkaSettings
from shared.web.app import Documentation, create_app
from shared.web.authorization import routes_without_one_action
from tests.support.clock import ManualClock, agreeing
from tests.support.staff import TestIdentity
from tests.unit.analytics.releases.test_published import some_releases
from tests.unit.analytics.releases.test_service import Store

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TABLES = (
    "/",
    "/centers",
    "/people",
    "/trends",
    "/api/v1/tables",
    "/api/v1/tables/reports-by-outcome",
    "/api/v1/tables/reports-by-center",
    "/api/v1/protection",
    "/api/v1/tables/reports-by-center/2026-10.csv",
    "/api/v1/tables/reports-by-center/2026-10.csv-metadata.json",
    "/api/v1/tables/reports-by-center/2026-10.parquet",
    "/api/v1/dictionary",
    "/api/v1/releases",
    "/api/v1/releases/calendar",
    "/api/v1/observations",
    "/api/v1/export",
    "/api/v1/monthly/2026-10.pdf",
    "/dictionary",
)
EVERY_FORM = tuple(
    f"/api/v1/tables/{name}{form}"
    for name in TABLE_SPECS
    for form in ("", *(f"/2026-10.{ending}" for ending in ("csv", "csv-metadata.json", "parquet")))
)
TOTALS = ("/operations", "/operations/dead/reports", "/api/v1/reconciliation")
WHO = [
    ("ministry", "analyst", True, False),
    ("ministry", "auditor", True, True),
    ("ministry", "administrator", False, True),
    ("central", "lead", True, True),
    ("central", "counsellor", False, False),
    ("busan", "lead", True, False),
    ("busan", "counsellor", False, False),
    ("busan", "operator", False, False),
    ("busan", "administrator", False, False),
]


class Watching:
    """A watch that has looked, and a store without centres."""

    def stopped_since(self) -> datetime | None:
        """As if counting kept up."""
        return None

    def accounted(self) -> bool | None:
        return True

    async def reconcile(self) -> Any:
        return reconcile(
            ReconciliationCounts(sums={"accepted": 3, "routed": 3}, without_owner=0, dead=0, ahead=0, oldest=None), NOW
        )

    def caught_up(self) -> None:
        return None

    async def centers(self) -> list[Any]:
        return []

    async def oldest_unseen(self) -> dict[str, datetime]:
        return {"busan": NOW - timedelta(minutes=50)}


def nowhere(clock: ManualClock) -> Operations:
    """Operations without a cluster and without a store for what was sent back."""
    parts: Any = Watching()
    unreachable = KafkaSettings(bootstrap_servers="127.0.0.1:9", call_timeout_s=1)
    return Operations(unreachable, parts, parts, Redrives(parts), clock)


class House:
    def __init__(self, *, released: bool = True, errata: Sequence[Release] = (), now: datetime = NOW) -> None:
        clock = ManualClock(now)
        self.staff = TestIdentity(clock, "analytics")
        self.store = store = Store()
        store.released = [*some_releases(), *errata] if released else []
        parts: Any = (store, Watching())
        self.release_service = release_service = ReleaseService(
            parts[0], parts[0], clock, agreeing(clock), centers=["busan"], harms=["other"], caught_up=lambda: None
        )
        settings = AnalyticsSettings()
        who, operations = self.staff.identity, nowhere(clock)
        self.app = application(settings, Health(), release_service, parts[1], parts[1], who, clock, operations, None)

    async def get(self, path: str, who: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1") as client:
            return await client.get(path, headers=who)

    async def status(self, path: str, who: dict[str, str]) -> int:
        return (await self.get(path, who)).status_code


@cache
def open_house() -> House:
    """One for all tests that only read: making it takes a quarter of a second."""
    return House()


@pytest.mark.parametrize(("organisation", "role", "tables", "totals"), WHO)
async def test_who_sees_tables_and_who_sees_totals(organisation: str, role: str, tables: bool, totals: bool) -> None:
    house = open_house()
    who = house.staff.bearer(organisation, role)
    assert {await house.status(path, who) for path in TABLES} == {200 if tables else 403}
    assert {await house.status(path, who) for path in TOTALS} == {200 if totals else 403}
    if tables:
        assert ('href="/operations"' in (await house.get("/", who)).text) == totals, "no link into a closed door"


@pytest.mark.parametrize(("organisation", "role", "tables", "totals"), WHO)
async def test_every_table_has_the_same_audience(organisation: str, role: str, tables: bool, totals: bool) -> None:
    """By table and role, in every form; one that is not released for a period yet is no secret to its readers."""
    del totals
    house = open_house()
    who = house.staff.bearer(organisation, role)
    for path in EVERY_FORM:
        assert await house.status(path, who) in ({200, 404} if tables else {403}), path


async def test_no_table_is_there_for_a_stranger_in_any_form() -> None:
    house = open_house()
    for path in EVERY_FORM:
        assert await house.status(path, {}) == 401, path


async def test_head_answers_as_get_does_without_the_body() -> None:
    house = House()
    who = house.staff.bearer("ministry", "auditor")
    own = {"traceparent", "date"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://127.0.0.1") as client:
        for path in TABLES:
            got, asked = await client.get(path, headers=who), await client.head(path, headers=who)
            assert (asked.status_code, asked.content) == (200, b""), path
            assert {k: v for k, v in asked.headers.items() if k not in own} == {
                k: v for k, v in got.headers.items() if k not in own
            }, path
        assert (await client.head("/api/v1/nothing", headers=who)).status_code == 404


async def test_a_stranger_is_led_to_the_sign_in_page_or_refused() -> None:
    house = open_house()
    for path in (*TABLES, *TOTALS):
        assert await house.status(path, {}) == (401 if path.startswith("/api/") else 303), path
    expired = {"Authorization": "Bearer nonsense"}
    assert await house.status("/api/v1/tables", expired) == 401


async def test_a_browser_reads_in_its_language_why_a_file_is_not_there_and_signs_in_for_it() -> None:
    house = open_house()
    who = house.staff.bearer("ministry", "analyst")
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for lang, said in (
        ("ko", "이 표는 그 기간으로 제공하지 않습니다"),
        ("en", "This table does not exist for that period"),
    ):
        for path in ("/api/v1/tables/reports-by-center?period=1999", "/api/v1/tables/reports-by-center/1999.csv"):
            page = await house.get(path, {**who, **browser, "Accept-Language": lang})
            assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
            assert said in page.text
            assert (await house.get(path, who)).json()["code"] == "unknown_period"
    assert await house.status("/api/v1/monthly/2026-10.pdf", browser) == 303


def test_every_route_of_the_service_has_its_door() -> None:
    bare = create_app(
        service="analytics",
        documentation=Documentation(title="t", description="d"),
        settings=AnalyticsSettings(),
        health=Health(),
    )
    assert set(routes_without_one_action(House().app)) <= set(routes_without_one_action(bare))


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_before_the_first_release_the_page_says_when_it_comes(lang: str) -> None:
    house = House(released=False)
    who = house.staff.bearer("ministry", "auditor")
    page = (await house.get(f"/?lang={lang}", who)).text
    assert {"ko": "아직 공개한 통계가 없습니다", "en": "Nothing has been released yet"}[lang] in page
    assert 'datetime="2026-12-04T00:00:00+09:00"' in page  # three days after November's end in Seoul
    answer = await house.get("/api/v1/tables/reports-by-center", who)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_period")


@pytest.mark.parametrize(
    ("begun", "now", "when", "promised"),
    [
        (None, 3, "2026-11-12T00:00:00+09:00", "2026-W45"),  # nothing is counted yet
        (10, 10, "2026-11-19T00:00:00+09:00", "2026-W46"),  # the week that ended on the 8th has nothing to tell
        (10, 20, "2026-11-26T00:00:00+09:00", "2026-W47"),
        (24, 24, "2026-12-04T00:00:00+09:00", None),  # the month's last two weeks are left to the month
    ],
)
async def test_before_the_first_release_a_week_is_promised_only_if_it_can_come(
    begun: int | None, now: int, when: str, promised: str | None
) -> None:
    house = House(released=False, now=datetime(2026, 11, now, 3, 0, tzinfo=UTC))
    if begun is not None:
        house.store.reports = 40
        house.store.first_counted = date(2026, 11, begun)
        await house.release_service.release_due()
    who = house.staff.bearer("ministry", "analyst")
    for lang, week, none in (("ko", "20건 이상", "주별 수치는 없습니다"), ("en", "20 or more", "no weekly figure")):
        page = (await house.get(f"/?lang={lang}", who)).text
        first = page[page.index('id="first-figure"') :].partition("</p>")[0]
        assert re.findall(r'datetime="([^"]+)"', first)[0] == when
        assert (week in first, none in first) == (promised is not None, promised is None)
        assert re.findall(r"2026-W\d\d", first) == ([promised] if promised else [])


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_operators_read_in_their_language_why_a_release_was_refused(lang: str) -> None:
    house = House()
    who = house.staff.bearer("ministry", "administrator")
    for verdict in {*get_args(Verdict), "broken"} - {"open"}:
        house.release_service._refused("2026-11", verdict, ())
        page = (await house.get(f"/operations?lang={lang}", who)).text
        said = re.search(rf"<strong>([^<]+)</strong> \(<code>{verdict}</code>\)", page)
        assert said is not None, verdict
        assert bool(re.search("[가-힣]", said[1])) == (lang == "ko"), said[1]


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_the_page_and_the_interface_say_what_protection_costs(lang: str) -> None:
    house = open_house()
    who = house.staff.bearer("ministry", "analyst")
    page = (await house.get(f"/?period=2026-10&lang={lang}", who)).text
    assert {"ko": "수치 17개 가운데 3개가 비공개", "en": "3 of 17 numbers are hidden"}[lang] in page
    costs = {each["name"]: each for each in (await house.get("/api/v1/protection", who)).json()["tables"]}
    month = next(each for each in costs["reports-by-center"]["periods"] if each["period"] == "2026-10")
    assert month == {"period": "2026-10", "share_hidden": round(3 / 17, 4), "share_lost": round(16 / 372, 4)}
    assert costs["reports-by-platform"] == {
        "name": "reports-by-platform",
        "cells": 0,
        "hidden": 0,
        "share_hidden": None,
        "periods": [],
    }


async def test_no_hidden_number_stands_in_a_page_or_a_file() -> None:
    """Sejong's 3 and Daejeon's 13 of every month; 13 stands nowhere else as a number of its own."""
    house = open_house()
    who = house.staff.bearer("ministry", "analyst")
    for period in ("2026-10", "2026-Q4"):
        page = (await house.get(f"/?period={period}&lang=en", who)).text
        numbers = re.findall(r"<(?:td|text|p|dd|strong)[^>]*>\s*([\d,]+)\s*</", page)
        assert "372" in numbers or "1,116" in numbers
        assert not {"1", "2", "3", "4", "13", "39"} & set(numbers)
        assert re.search(r"(Sejong|Daejeon)[^<+]{0,3}:\s*\d", page) is None
        body = (await house.get(f"/api/v1/tables/reports-by-center?period={period}", who)).json()
        values = [figure["value"] for row in body["rows"] for figure in row["figures"] if "value" in figure]
        assert min(values) >= 5
        assert not {13, 39} & set(values)


async def test_what_cannot_be_asked_is_said_to_be_unknown_and_the_rest_is_shown() -> None:
    """Kafka is away: numbers and waiting come from the store; flow, lag and dead letters are said to be unknown."""
    house = House()
    page = (await house.get("/operations?lang=en", house.staff.bearer("ministry", "administrator"))).text
    assert "Yes. Accepted = routed + in flight + dead." in page
    assert re.search(r"Busan</th><td>50 min", page)
    assert page.count("Not known now.") == 3
    assert 'href="/audit"' not in page


async def test_nothing_is_sent_back_where_nobody_could_find_out_who_did_it() -> None:
    """No audit is kept here, which is said before anything is asked of Kafka."""
    house = House()
    path, form = "/operations/dead/reports/redrive", {"until": "0:5,1:7", "confirmed": "yes"}
    asked = [
        ("administrator", form, 503, "no_audit"),
        ("administrator", {**form, "confirmed": ""}, 422, "not_confirmed"),
        ("administrator", {**form, "until": "0:x"}, 422, "invalid"),
        ("auditor", form, 403, "not_allowed"),
        ("analyst", form, 403, "not_allowed"),
    ]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://127.0.0.1") as client:
        for role, given, status, code in asked:
            answer = await client.post(path, headers=house.staff.bearer("ministry", role), data=given)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        who = house.staff.bearer("ministry", "administrator")
        unknown = await client.post("/operations/dead/nothing/redrive", headers=who, data=form)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_topic")
    assert "reports, routings" in unknown.json()["detail"]
