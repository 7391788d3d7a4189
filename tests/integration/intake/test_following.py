"""A reporter is told the truth: intake follows `routings` and `cases`."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from shared.centers import center
from shared.events.base import Event
from shared.events.cases import CaseAcknowledged, CaseClosed, CaseContacted
from shared.events.reports import ReportFacts
from shared.events.routings import Cause, Decision, ReportRerouted, ReportRouted
from shared.events.vocabulary import CauseKind, Outcome, RoutingReason
from tests.integration.intake.harness import IntakeHarness
from tests.support.waiting import eventually

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def decision(center_id: str) -> Decision:
    return Decision(
        center_id=center_id,
        home_center_id="busan",
        reason=RoutingReason.HOME,
        rule_version=1,
        table_version="t",
    )


async def routing(harness: IntakeHarness, report_id: str, version: int, center_id: str) -> Event:
    stored = await harness.collection.find_one({"_id": report_id})
    common: dict[str, Any] = {
        "report_id": report_id,
        "version": version,
        "ownership": version,
        "intake_version": 1,
        "cause": Cause(kind=CauseKind.REPORT),
        "decided_at": NOW,
        "received_at": NOW,
        "decision": decision(center_id),
        "facts": ReportFacts.model_validate_json(json.dumps(stored["facts"])),
    }
    if version == 1:
        return ReportRouted(**common)
    return ReportRerouted(**common, previous_center_id="busan")


def case(cls: type[CaseAcknowledged | CaseContacted | CaseClosed], report_id: str, version: int, **more: Any) -> Event:
    values = {"report_id": report_id, "case_version": version, "ownership": 1, "center_id": "busan", "at": NOW, **more}
    return cls.model_validate(values)


async def test_the_status_follows_owner_and_work(harness: IntakeHarness) -> None:
    body = (await harness.lodge()).json()
    report_id, receipt = body["report_id"], body["receipt"]

    async def is_now(state: str) -> None:
        async def reached() -> bool:
            return bool((await harness.status(receipt))["state"] == state)

        await eventually(reached)

    # The work is heard of first: the two topics do not wait for each other.
    await harness.publish([case(CaseAcknowledged, report_id, 1)])
    await harness.publish([await routing(harness, report_id, 1, "busan")])
    await is_now("seen")
    told = await harness.status(receipt)
    busan = center("busan")
    assert told["center"] == {"id": "busan", "name_ko": busan.name_ko, "name_en": busan.name_en}
    assert told["seen_at"] == "2026-11-24T12:00:00Z"

    await harness.publish([case(CaseContacted, report_id, 2), await routing(harness, report_id, 2, "ulsan")])
    await is_now("moved")
    told = await harness.status(receipt)
    assert (told["center"]["id"], told["seen_at"]) == ("ulsan", "2026-11-24T12:00:00Z")
    assert [(one["id"], "seen_at" in one) for one in told["centers"]] == [("busan", True), ("ulsan", False)]
    for language, words in (
        ("ko", ("다른 센터로 옮겨졌어요.", "지금 답하는 곳:", "센터에 전달:", "담당자 확인", "다른 센터로 옮겨짐:")),
        (
            "en",
            (
                "Your report has moved to another centre.",
                "Answering now:",
                "Given to a centre:",
                "Seen by a person",
                "Moved to another centre:",
            ),
        ),
    ):
        page = (await harness.http.post(f"/status?lang={language}", data={"receipt": receipt})).text
        before, now = (one.name(language) for one in (busan, center("ulsan")))
        title, answering, given, seen, moved = words
        assert f"<h1>{title}</h1>" in page
        for said in (
            f"{answering} {now}",
            f"{given} {before}",
            f"{moved} {now}",
            f'<li class="done"><span>{seen}</span>',
        ):
            assert said in page

    await harness.publish(
        [
            case(CaseAcknowledged, report_id, 3, ownership=2),
            case(CaseClosed, report_id, 4, ownership=2, outcome=Outcome.SUPPORTED),
        ]
    )
    await is_now("closed")
    # Nobody answers any more: the centre that closed it is named alone.
    page = (await harness.http.post("/status?lang=en", data={"receipt": receipt})).text
    assert center("ulsan").name("en") in page
    assert "Answering now:" not in page


async def test_no_status_tells_where_somebody_lives_who_reported_the_same_address_before(
    harness: IntakeHarness,
) -> None:
    """Whoever posted a picture may report it as somebody from far away, to see which centre has it."""
    body = (await harness.lodge()).json()
    report_id, receipt = body["report_id"], body["receipt"]
    elsewhere, safety = center("ulsan"), "센터가 연락한 뒤에 보여 드려요."

    async def is_now(state: str) -> None:
        async def reached() -> bool:
            return bool((await harness.status(receipt))["state"] == state)

        await eventually(reached)

    async def page() -> str:
        return (await harness.http.post("/status?lang=ko", data={"receipt": receipt})).text

    await harness.publish([await routing(harness, report_id, 1, "ulsan")])
    await is_now("assigned")
    told = await harness.status(receipt)
    assert told["center_unnamed"] is True
    assert "ulsan" not in str(told)
    assert safety in await page()
    assert elsewhere.name_ko not in await page()
    await harness.publish([case(CaseAcknowledged, report_id, 1, center_id="ulsan")])
    await is_now("seen")
    await harness.publish([await routing(harness, report_id, 2, "daegu")])
    await is_now("moved")
    assert not {"center", "centers"} & (await harness.status(receipt)).keys()

    await harness.publish([case(CaseContacted, report_id, 2, ownership=2, center_id="daegu")])
    await is_now("in_contact")
    told = await harness.status(receipt)
    assert [one["id"] for one in (told["center"], *told["centers"])] == ["daegu", "ulsan", "daegu"]
    assert "center_unnamed" not in told
    assert elsewhere.name_ko in await page()
    assert safety not in await page()


async def test_repeats_late_records_and_strangers_change_nothing(harness: IntakeHarness) -> None:
    mine, other = (await harness.lodge()).json(), (await harness.lodge()).json()
    routed = await routing(harness, mine["report_id"], 1, "busan")
    foreign = case(CaseAcknowledged, "00000000-0000-4000-8000-000000000000", 1)
    again = await routing(harness, mine["report_id"], 1, "daegu")
    await harness.publish([routed, foreign, again, routed, await routing(harness, other["report_id"], 1, "ulsan")])

    async def others_arrived() -> bool:
        return bool((await harness.status(other["receipt"]))["state"] == "assigned")

    await eventually(others_arrived)

    async def mine_arrived() -> bool:
        return bool((await harness.status(mine["receipt"]))["state"] == "assigned")

    await eventually(mine_arrived)
    assert (await harness.status(mine["receipt"]))["center"]["id"] == "busan"
    assert await harness.collection.count_documents({}) == 2


async def test_hundreds_of_reports_are_followed_in_bulk(harness: IntakeHarness) -> None:
    await harness.lodge()  # from now on it is known who the front end is, and nobody waits for that
    bodies = [answer.json() for answer in await asyncio.gather(*(harness.lodge() for _ in range(250)))]
    await harness.publish([await routing(harness, body["report_id"], 1, "busan") for body in bodies])

    async def all_arrived() -> bool:
        return bool(await harness.collection.count_documents({"progress.ownership.center_id": "busan"}) == len(bodies))

    await eventually(all_arrived)
