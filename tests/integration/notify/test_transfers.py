"""A case moves in two steps between two consoles; whoever comes too late or from elsewhere hears why."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.notify import metrics
from services.notify.auditor.repository import FindingStore
from services.notify.cases.commands import ACCEPT, OfferRequest
from services.notify.cases.models import EntryKind
from services.notify.escalation.jobs import CONFIRMED_WITHIN, StoreGauges
from services.notify.escalation.rules import OFFER_LASTS
from services.notify.main import build
from services.notify.settings import NotifySettings
from shared.audit.queries import AuditReader, Filter
from shared.clock import SystemClock
from shared.events.vocabulary import Urgency
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.notify.conftest import NotifyHarness, Start
from tests.integration.notify.moves import answer, case_of, taken, tell, told
from tests.integration.notify.test_desk import Console, listening
from tests.support.clock import ManualClock
from tests.support.mail import MailSink
from tests.support.waiting import DEADLINE_S, eventually
from tests.unit.notify.samples import event, report_id

ID = report_id(1)


@contextlib.asynccontextmanager
async def consoles(harness: NotifyHarness, *centers: str) -> AsyncIterator[list[Console]]:
    """Consoles of several centres, each showing its list."""
    async with listening(harness) as base:
        opened = [Console(harness, base, center) for center in centers]
        tasks = [asyncio.create_task(console.run()) for console in opened]
        try:
            await asyncio.gather(*(asyncio.wait_for(console.listed.wait(), DEADLINE_S) for console in opened))
            yield opened
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def offered(harness: NotifyHarness, by: str, to: str, ownership: int, subject: str = "kim") -> dict[str, Any]:
    answer = await harness.act(
        "transfer",
        ID,
        by,
        subject,
        to_center_id=to,
        ownership=ownership,
        reason="place",
        agreed=True,
    )
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_two_centres_move_a_case_there_and_back_on_live_consoles(start: Start, sink: MailSink) -> None:
    harness = await start()
    await taken(harness)
    async with consoles(harness, "gwangju", "busan") as (gwangju, busan):
        made = await offered(harness, "gwangju", "busan", 1)
        await eventually(lambda: busan.rows.get(ID, {}).get("section") == "offers")
        await eventually(lambda: gwangju.rows[ID]["offer"] is not None)
        # A mail about the offer: alias, urgency and age, and not from where.
        await eventually(lambda: "busan@duty.ieum.example" in [to for to, _ in sink.mails])
        mail = next(mail for to, mail in sink.mails if to == "busan@duty.ieum.example")
        said = str(mail["Subject"]) + str(mail.get_content())
        assert gwangju.rows[ID]["alias"] in said
        assert not any(word in said for word in ("gwangju", "광주", "유포", "distribution"))

        assert (await harness.act("transfer/accept", ID, "busan", "lee", offer_id=made["offer_id"])).status_code == 202
        await eventually(lambda: gwangju.rows[ID]["awaiting"] == "moving")
        late = await harness.act("contact", ID, "gwangju", "kim", ownership=1, reached=True, way="came_to_us")
        assert (late.status_code, late.json()["code"]) == (409, "moving")
        await answer(harness)
        await eventually(lambda: ID not in gwangju.rows and busan.rows.get(ID, {}).get("section") == "cases")
        assert {left["why"] for _, body in gwangju.said for left in body.get("gone", [])} == {"moved"}

        stale = await harness.acknowledge(ID, "gwangju", "kim")
        assert (stale.status_code, stale.json()["code"]) == (403, "owner_changed")
        assert "부산 센터가" in stale.json()["detail"]
        assert "넘겨받았습니다" in stale.json()["detail"]
        english = await harness.http.post(
            f"/api/v1/cases/{ID}/acknowledge",
            json={},
            auth=harness.staff("gwangju", "counsellor"),
            headers={"Accept-Language": "en"},
        )
        assert english.json()["detail"].startswith("Busan accepted this case at ")

        assert (await harness.acknowledge(ID, "busan", "lee")).status_code == 200
        back = await offered(harness, "busan", "gwangju", 2, "lee")
        await harness.act("transfer/accept", ID, "gwangju", "kim", offer_id=back["offer_id"])
        await answer(harness)
        await eventually(lambda: ID not in busan.rows and gwangju.rows.get(ID, {}).get("section") == "cases")
    said_so = await told(harness)
    assert [e.case_version for e in said_so] == list(range(1, 7))
    assert [(e.TYPE.removeprefix("case.").removesuffix(".v1"), e.ownership, e.center_id) for e in said_so] == [
        ("acknowledged", 1, "gwangju"),
        ("transfer_offered", 1, "gwangju"),
        ("transfer_accepted", 1, "gwangju"),
        ("acknowledged", 2, "busan"),
        ("transfer_offered", 2, "busan"),
        ("transfer_accepted", 2, "busan"),
    ]


@pytest.mark.own_service
async def test_an_offer_nobody_answers_ends_by_the_clock(start: Start, sink: MailSink) -> None:
    clock = ManualClock(datetime.now(UTC))
    harness = await start(clock)
    await taken(harness)
    made = await offered(harness, "gwangju", "busan", 1)
    await eventually(lambda: "busan@duty.ieum.example" in [to for to, _ in sink.mails])
    await clock.advance(OFFER_LASTS[Urgency.CRITICAL].total_seconds() + 1)
    # Before any timer has run, it is too late all the same.
    late = await harness.act("transfer/accept", ID, "busan", "lee", offer_id=made["offer_id"])
    assert (late.status_code, late.json()["code"]) == (409, "offer_over")

    async def expired() -> bool:
        return [e.TYPE for e in await told(harness)][-1:] == ["case.transfer_expired.v1"]

    await eventually(expired)
    assert (await told(harness))[-1].by is None
    case = await case_of(harness)
    assert (case.offer, case.offered_to, case.center_id) == (None, None, "gwangju")
    assert case.wake_at is not None, "the second deadline goes on"
    assert (await harness.act("transfer/accept", ID, "busan", "lee", offer_id=made["offer_id"])).status_code == 409
    # The owner may offer again.
    await offered(harness, "gwangju", "jeju", 1)


async def test_offers_are_declined_recalled_and_only_made_where_they_can_be(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await harness.duty("daegu", state="closed", staff_on_duty=0)
    facts = event("report.routed", 1).model_dump(mode="json")["facts"] | {"declined_centers": ["ulsan"]}
    await taken(harness, facts=facts)
    for to, status, code in (
        ("gwangju", 422, "same_center"),
        ("central", 422, "central_owns_last"),
        ("daegu", 409, "center_closed"),
        ("ulsan", 409, "center_declined"),
        ("atlantis", 404, "no_such_center"),
    ):
        refused = await harness.act(
            "transfer",
            ID,
            "gwangju",
            "kim",
            to_center_id=to,
            ownership=1,
            reason="place",
            agreed=True,
        )
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    made = await offered(harness, "gwangju", "busan", 1)
    again = await harness.act(
        "transfer",
        ID,
        "gwangju",
        "kim",
        to_center_id="jeju",
        ownership=1,
        reason="other",
        agreed=True,
    )
    assert (again.status_code, again.json()["code"]) == (409, "offer_open")
    listed = await harness.http.get("/api/v1/transfers", auth=harness.staff("busan", "lead"))
    assert [row["report_id"] for row in listed.json()["offered_to"]] == [ID]
    assert (await harness.http.get(f"/api/v1/cases/{ID}", auth=harness.staff("busan", "lead"))).status_code == 200
    assert (await harness.act("transfer/decline", ID, "busan", "lee", offer_id=made["offer_id"])).status_code == 200
    assert (await harness.http.get(f"/api/v1/cases/{ID}", auth=harness.staff("busan", "lead"))).status_code == 403
    made = await offered(harness, "gwangju", "jeju", 1)
    assert (await harness.act("transfer/recall", ID, "gwangju", "kim", offer_id=made["offer_id"])).status_code == 200
    late = await harness.act("transfer/accept", ID, "jeju", "park", offer_id=made["offer_id"])
    assert (late.status_code, late.json()["code"]) == (409, "offer_over")
    assert "거둔 제안" in late.json()["detail"]


ACTS: dict[str, dict[str, Any]] = {
    "acknowledge": {"ownership": 1},
    "assign": {"ownership": 1},
    "contact": {"ownership": 1, "reached": True, "way": "came_to_us"},
    "support": {"ownership": 1, "support": "deletion"},
    "refer": {"ownership": 1, "to_center_id": "jeju"},
    "close": {"ownership": 1, "outcome": "supported"},
    "reopen": {"ownership": 1},
    "transfer": {"ownership": 1, "to_center_id": "daegu", "reason": "other", "agreed": True},
    "transfer/accept": {"offer_id": "offer-0"},
    "transfer/decline": {"offer_id": "offer-0"},
    "transfer/recall": {"offer_id": "offer-0"},
    "details-ticket": {"ownership": 1, "purpose": "first_contact"},
}


async def test_whoever_never_had_the_case_is_turned_away_and_on_record(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    before = await case_of(harness)
    for what, body in ACTS.items():
        for organisation in ("daegu", "central"):
            refused = await harness.act(what, ID, organisation, "stranger", "lead", **body)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed"), what
            assert "광주" not in refused.text
    after = await case_of(harness)
    assert (after.state, after.case_version, after.offer) == (before.state, before.case_version, None)
    await harness.notify.audit.settle()
    page, _ = await AuditReader(harness.notify.audit).page(Filter(report=harness.notify.audit.keys.reference(ID)))
    lines = [line for line in page if line.actor == "stranger"]
    assert len(lines) == 2 * len(ACTS)
    assert {(line.outcome, line.reason) for line in lines} == {("refused", "not_allowed")}


async def test_what_routing_made_void_is_explained(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    made = await offered(harness, "gwangju", "busan", 1)
    await harness.act("transfer/accept", ID, "busan", "lee", offer_id=made["offer_id"])
    await tell(harness, "report.rerouted", center="jeju", previous_center_id="gwangju", cause={"kind": "center_closed"})
    case = await case_of(harness)
    assert (case.center_id, case.awaiting, case.offered_to) == ("jeju", None, None)
    kinds = [entry.kind for entry in case.entries]
    assert EntryKind.MOVE_VOID in kinds
    assert EntryKind.VOID in kinds
    gone = await harness.acknowledge(ID, "gwangju", "kim")
    assert "광주 센터가 닫혀" in gone.json()["detail"]


@pytest.mark.own_service
async def test_what_routing_does_not_confirm_is_counted(start: Start, sink: MailSink) -> None:
    del sink
    clock = ManualClock(datetime.now(UTC))
    harness = await start(clock)
    gauges = StoreGauges(harness.notify.cases, FindingStore(harness.notify.cases.database), clock)
    await taken(harness)
    assert (await harness.act("close", ID, "gwangju", "kim", ownership=1, outcome="supported")).status_code == 200
    await gauges.look()
    assert metrics.UNCONFIRMED._value.get() == 0
    await clock.advance(CONFIRMED_WITHIN.total_seconds() + 1)
    await gauges.look()
    assert metrics.UNCONFIRMED._value.get() == 1
    await answer(harness)
    await gauges.look()
    assert metrics.UNCONFIRMED._value.get() == 0


async def test_a_case_is_worked_on_closed_and_reopened_by_a_lead(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    for what, body in (
        ("contact", {"reached": False, "way": "came_to_us"}),
        ("contact", {"reached": True, "way": "came_to_us"}),
        ("support", {"support": "counselling"}),
        ("refer", {"to_center_id": "central"}),
    ):
        assert (await harness.act(what, ID, "gwangju", "kim", ownership=1, **body)).status_code == 200
    unknown = await harness.act("assign", ID, "gwangju", "kim", ownership=1, assignee="s-nobody")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_colleague")
    over = await harness.act("assign", ID, "gwangju", "lee", ownership=1)
    assert (over.status_code, over.json()["assignee"]) == (200, "lee")
    closing = await harness.act("close", ID, "gwangju", "lee", ownership=1, outcome="supported")
    assert closing.json()["awaiting"] == "closing"
    await answer(harness)
    done = await harness.act("contact", ID, "gwangju", "lee", ownership=1, reached=True, way="came_to_us")
    assert (done.status_code, done.json()["code"]) == (409, "ended")
    assert (await harness.act("reopen", ID, "gwangju", "lee", ownership=1)).status_code == 403
    assert (await harness.act("reopen", ID, "gwangju", "choi", "lead", ownership=1)).status_code == 200
    await answer(harness)
    row = await harness.case(ID)
    assert row is not None
    assert (row["state"], row["outcome"], row["assignee"]) == ("waiting", None, None)
    versions = [e.case_version for e in await told(harness)]
    assert versions == list(range(1, len(versions) + 1))


@pytest.mark.own_service
async def test_what_was_written_before_a_death_is_told_by_whoever_comes_next(
    start: Start, sink: MailSink, settings: NotifySettings, bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    """The case and its event are one document: a process that dies between them has told nothing and lost nothing."""
    del sink
    harness = await start()
    await taken(harness)
    made = await offered(harness, "gwangju", "busan", 1)
    # This one writes and never gets to relay: nothing of it runs.
    dying = build(settings, bus_settings, store_settings, SystemClock())
    lee, taken_by = harness.principal("busan", "counsellor", subject="lee"), OfferRequest(offer_id=made["offer_id"])
    done = await dying.case_service.run(lee, ID, ACCEPT, taken_by)
    assert done is not None
    assert done.rejected is None

    async def heard() -> bool:
        return [e.TYPE for e in await told(harness)][-1:] == ["case.transfer_accepted.v1"]

    await eventually(heard)
    await answer(harness)
    assert (await case_of(harness)).center_id == "busan"
