"""What is promised follows who is on duty, on the real bus: before typing, on the receipt, and in the status."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from services.intake.receipts.promise import AT_THE_LATEST, ON_DUTY, DutyCoverage
from shared.centers import CENTER_IDS
from shared.events.centers import CenterChanged
from shared.events.vocabulary import CenterState, Urgency
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.holding import holder, owned
from tests.support.clock import JumpClock
from tests.support.waiting import eventually

# They move its clock.
pytestmark = pytest.mark.own_service


@pytest.fixture
def clock() -> JumpClock:
    return JumpClock()


def said(center_id: str, staff: int, at: datetime, version: int) -> CenterChanged:
    return CenterChanged(
        center_id=center_id,
        center_version=version,
        state=CenterState.OPEN if staff else CenterState.UNSTAFFED,
        staff_on_duty=staff,
        cases_per_person=20,
        changed_at=at,
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_the_status_promises_by_who_is_on_duty_and_says_when_it_was_missed(
    harness: IntakeHarness, clock: JumpClock
) -> None:
    before = datetime.now(UTC) - timedelta(hours=1)
    someone = await holder(harness, still_spreading=True)
    await owned(someone)
    told = await harness.status(someone.receipt)
    received = moment(told["received_at"])
    assert moment(told["expected_by"]) == received + AT_THE_LATEST[Urgency.HIGH]
    await harness.publish([said("busan", 0, before, 1), said("busan", 2, received + timedelta(hours=2), 2)])

    async def nearer() -> bool:
        by = moment((await harness.status(someone.receipt))["expected_by"])
        return by == received + timedelta(hours=2) + ON_DUTY[Urgency.HIGH]

    await eventually(nearer)
    await harness.publish([said("busan", 0, received + timedelta(hours=3), 3)])
    clock.jump(hours=7)
    page = await harness.http.post("/status?lang=en", data={"receipt": someone.receipt})
    assert "Someone should have seen it by now, and nobody has." in page.text
    assert 'class="button" href="tel:1366"' in page.text


async def test_no_promise_follows_the_hours_of_a_centre_that_is_not_named(harness: IntakeHarness) -> None:
    """Who knows which centres are staffed at night would know the one that has an earlier report of the address."""
    received = datetime.now(UTC)
    own, unnamed = [await holder(harness, still_spreading=True) for _ in range(2)]
    await owned(own)
    await owned(unnamed, "ulsan")
    await harness.publish([said(center_id, 2, received - timedelta(hours=1), 1) for center_id in ("ulsan", "busan")])

    async def follows_own() -> bool:
        told = await harness.status(own.receipt)
        return moment(told["expected_by"]) == moment(told["received_at"]) + ON_DUTY[Urgency.HIGH]

    await eventually(follows_own)
    told = await harness.status(unnamed.receipt)
    assert told["center_unnamed"] is True
    assert moment(told["expected_by"]) == moment(told["received_at"]) + AT_THE_LATEST[Urgency.HIGH]


async def test_the_start_page_and_the_receipt_say_what_every_centre_can_keep(harness: IntakeHarness) -> None:
    start = (await harness.http.get("/?lang=en")).text
    assert "Perhaps nobody is on duty at this hour" in start
    before = datetime.now(UTC) - timedelta(hours=1)
    await harness.publish([said(center_id, 3, before, 1) for center_id in CENTER_IDS[:-1]])
    await eventually(lambda: duty_is(harness, DutyCoverage.SOMEWHERE))
    assert "Not every centre has somebody on duty" in (await harness.http.get("/?lang=en")).text
    await harness.publish([said(CENTER_IDS[-1], 1, before, 1)])
    await eventually(lambda: duty_is(harness, DutyCoverage.EVERYWHERE))
    start = (await harness.http.get("/?lang=en")).text
    assert "People are on duty at every centre." in start
    times = [moment(stamp) for stamp in re.findall(r'<dd>[^<]*<strong><time datetime="([^"]+)"', start)]
    assert [round((by - datetime.now(UTC)) / timedelta(hours=1)) for by in times] == [1, 4, 24]
    form = {"role": "victim", "harm_types": "other", "idempotency_key": "p" * 32}
    receipt = (await harness.http.post("/?lang=en", data=form)).text
    found = re.search(r'at the latest by: <strong><time datetime="([^"]+)"', receipt)
    assert found
    assert round((moment(found[1]) - datetime.now(UTC)) / timedelta(hours=1)) == 24
    again = (await harness.http.post("/?lang=en", data=form)).text
    same = re.search(r'at the latest by: <strong><time datetime="([^"]+)"', again)
    assert same
    assert same[1] == found[1]  # who sends it twice is not promised another time


async def duty_is(harness: IntakeHarness, duty: DutyCoverage) -> bool:
    return harness.intake.duties.outlook(datetime.now(UTC)).duty is duty
