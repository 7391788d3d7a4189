"""A call changes hands in one write: never nobody's, never two people's, with all that was said, whatever dies."""

import asyncio
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from services.intake.phone import repository
from services.intake.phone import rules as call_rules
from services.intake.phone.models import Call, CallState
from services.intake.phone.repository import CallRepository
from services.intake.phone.submitting import CallSubmitter
from shared.jobs import Skipped
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.calling import LEAST, Operator, call_of, receipt_on
from tests.integration.intake.harness import IntakeHarness, running
from tests.integration.intake.test_calls import EVERYTHING, NOW, STORY
from tests.support.clock import ManualClock

Settings = tuple[KafkaSettings, StoreSettings]


class CutOffError(BaseException):
    """The process is gone."""


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def given(bus_settings: KafkaSettings, store_settings: StoreSettings) -> Settings:
    return bus_settings, store_settings


def two(harness: IntakeHarness) -> tuple[Operator, Operator]:
    return Operator(harness), Operator(harness, subject="s-operator2")


async def test_an_offered_call_is_taken_with_everything_and_the_first_has_it_no_more(harness: IntakeHarness) -> None:
    first, second = two(harness)
    at = await first.begin()
    assert (await second.get(at)).status_code == 409
    assert (await second.post(f"{at}/take")).status_code == 409
    offered = await first.page(at, "offer", **EVERYTHING)
    assert offered.headers["location"] == at
    code = harness.intake.sender._drafts.code_of(at.rpartition("/")[2])
    assert code in (await first.get(at)).text
    assert f"Take call {code}" in (await second.get("/calls")).text
    assert (await second.post(f"{at}/take")).headers["location"] == at
    assert STORY in (await second.get(at)).text
    assert at not in (await first.get("/calls")).text
    late = await first.answer(at, narrative="too late")
    assert (late.status_code, late.json()["code"]) == (409, "call_taken")
    for refused in (
        await first.get(at),
        await first.page(at, "send", **LEAST),
        await first.page(at, "offer", **LEAST),
        await first.post(f"{at}/recall"),
        await first.post(f"{at}/end"),
        await first.post(f"{at}/take"),
    ):
        assert refused.status_code == 409
        assert STORY not in refused.text
    await second.sent(at, **EVERYTHING)
    [report] = await harness.collection.find({}).to_list(None)
    assert report["facts"]["channel"] == "phone"


async def test_an_offer_can_be_taken_back_and_what_is_wrong_keeps_it_from_being_offered(harness: IntakeHarness) -> None:
    first, second = two(harness)
    at = await first.begin()
    assert (await first.page(at, "offer", narrative="900101-1234567")).status_code == 422
    assert (await call_of(harness, at)).offered_at is None
    await first.page(at, "offer", narrative=STORY)
    await first.post(f"{at}/recall")
    assert (await second.post(f"{at}/take")).status_code == 409
    assert STORY in (await first.get(at)).text


@pytest.mark.own_service  # another intake shares its store
async def test_of_many_who_take_at_once_one_has_it(harness: IntakeHarness, given: Settings, clock: ManualClock) -> None:
    first = Operator(harness)
    at = await first.begin()
    await first.page(at, "offer", **LEAST)
    async with running(*given, clock=clock) as other:
        other.intake.identity.adopt(harness.people.document())
        takers = [Operator(harness if n % 2 else other, subject=f"s-taker{n:03d}") for n in range(8)]
        for taker in takers:
            taker.token = harness.people.token("busan", "operator", subject=taker.subject)
        answers = await asyncio.gather(*(taker.post(f"{at}/take") for taker in takers))
        assert sorted(answer.status_code for answer in answers) == [303] + [409] * 7
        [won] = [taker for taker, answer in zip(takers, answers, strict=True) if answer.status_code == 303]
        assert (await call_of(harness, at)).holder == won.subject
        assert (await won.get(at)).status_code == 200


async def test_a_call_is_seen_by_nobody_of_another_office_nor_by_who_is_no_operator(harness: IntakeHarness) -> None:
    first = Operator(harness)
    at = await first.begin()
    await first.page(at, "offer", narrative=STORY, **LEAST)
    for stranger in (
        Operator(harness, subject="s-elsewhere", organisation="jeju"),
        Operator(harness, subject="s-central01", organisation="central"),
    ):
        assert at not in (await stranger.get("/calls")).text
        for answer in (await stranger.get(at), await stranger.post(f"{at}/take"), await stranger.page(at, **LEAST)):
            assert answer.status_code == 404
            assert STORY not in answer.text
    for role in ("counsellor", "lead"):
        assert (await Operator(harness, subject="s-counsel1", role=role).get(at)).status_code == 403
        assert (await Operator(harness, subject="s-counsel1", role=role).answer(at, narrative="x")).status_code == 403


async def test_a_save_that_races_with_the_hand_over_is_there_or_refused_and_never_half(harness: IntakeHarness) -> None:
    first, second = two(harness)
    for number in range(5):
        at = await first.begin()
        await first.page(at, "offer", **LEAST)
        saved, taken = await asyncio.gather(first.answer(at, hours=f"evening {number}"), second.post(f"{at}/take"))
        assert taken.status_code == 303
        page = (await second.get(at)).text
        assert saved.status_code in {200, 409}
        assert (f"evening {number}" in page) is (saved.status_code == 200)


async def test_a_restart_loses_nothing(given: Settings, clock: ManualClock) -> None:
    async with running(*given, clock=clock) as before:
        first = Operator(before)
        at = await first.begin()
        await first.answer(at, **EVERYTHING)
        token, people = first.token, before.people
    async with running(*given, clock=clock) as after:
        after.intake.identity.adopt(people.document())
        page = await Operator(after, token=token).get(at)
        assert STORY in page.text
        assert "우산" in page.text


async def test_cut_off_between_a_save_and_its_answer_it_is_kept(
    given: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = CallRepository.write

    async def cut(*asked: Any) -> NoReturn:
        assert await write(*asked)
        raise CutOffError

    async with running(*given, clock=clock) as harness:
        first = Operator(harness)
        at = await first.begin()
        with monkeypatch.context() as patch:
            patch.setattr(CallRepository, "write", cut)
            with pytest.raises(CutOffError):
                await first.answer(at, narrative=STORY)
        people = harness.people
    async with running(*given, clock=clock) as again:
        again.intake.identity.adopt(people.document())
        assert STORY in (await Operator(again, token=first.token).get(at)).text


@pytest.mark.parametrize("written", [False, True])
async def test_cut_off_in_a_hand_over_it_is_one_operators_with_everything(
    given: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    write = CallRepository.write

    async def cut(*asked: Any) -> NoReturn:
        if written:
            assert await write(*asked)
        raise CutOffError

    async with running(*given, clock=clock) as harness:
        first, second = two(harness)
        at = await first.begin()
        await first.page(at, "offer", narrative=STORY, **LEAST)
        with monkeypatch.context() as patch:
            patch.setattr(CallRepository, "write", cut)
            with pytest.raises(CutOffError):
                await second.post(f"{at}/take")
        people = harness.people
    async with running(*given, clock=clock) as again:
        again.intake.identity.adopt(people.document())
        one = Operator(again, token=first.token)
        other = Operator(again, token=second.token, subject=second.subject)
        assert (await one.get(at)).status_code == (409 if written else 200)
        if not written:
            assert (await other.post(f"{at}/take")).status_code == 303
        assert STORY in (await other.get(at)).text


@pytest.mark.parametrize("lodged", [False, True])
async def test_cut_off_while_sending_it_becomes_one_report_by_whoever_finds_it(
    given: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, lodged: bool
) -> None:
    send = CallSubmitter.send

    async def cut(self: CallSubmitter, held: Any) -> NoReturn:
        if lodged:
            with monkeypatch.context() as patch:
                patch.setattr(CallRepository, "write", _gone)
                await send(self, held)
        raise CutOffError

    async with running(*given, clock=clock) as harness:
        first = Operator(harness)
        at = await first.begin()
        with monkeypatch.context() as patch:
            patch.setattr(CallSubmitter, "send", cut)
            with pytest.raises(CutOffError):
                await first.page(at, "send", narrative=STORY, **LEAST)
        people = harness.people
    async with running(*given, clock=clock) as again:
        again.intake.identity.adopt(people.document())
        assert await again.collection.count_documents({}) == int(lodged)
        assert await again.intake.sender.finish_others() == 0
        await clock.advance(call_rules.FINISHED_AFTER.total_seconds() + 1)
        again.intake.identity.adopt(people.document())
        # Whether the sweep or the operator comes first: one report, and its receipt.
        await again.intake.sender.finish_others()
        assert await again.collection.count_documents({}) == 1
        receipt = receipt_on(await Operator(again, token=first.token).get(at))
        assert (await again.ask(receipt)).status_code == 200
        assert await again.collection.count_documents({}) == 1


async def test_of_many_half_sent_calls_those_that_wait_longest_come_first(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "MOST_LISTED", 2)
    calls = harness.intake.calls
    for minutes in (1, 3, 2):
        begun = Call(f"since-{minutes}", CallState.OPEN, "s-operator1", "busan", NOW, NOW)
        await calls.insert(call_rules.sending(begun, NOW - timedelta(minutes=minutes)), b"salt", b"sealed")
    found = await calls.half_sent(NOW, Skipped("test"))
    assert [call.call_id for call in found] == ["since-3", "since-2"]


async def _gone(*_: Any) -> NoReturn:
    raise CutOffError


async def test_an_operator_who_looks_again_finishes_what_was_half_sent(
    given: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(*given, clock=clock) as harness:
        first = Operator(harness)
        at = await first.begin()
        with monkeypatch.context() as patch:
            patch.setattr(CallSubmitter, "send", _gone)
            with pytest.raises(CutOffError):
                await first.page(at, "send", narrative=STORY, **LEAST)
        refused = await first.answer(at, narrative="another story")
        assert (refused.status_code, refused.json()["code"]) == (409, "call_sent")
        receipt = receipt_on(await first.get(at))
        assert receipt == receipt_on(await first.get(at))
        assert await harness.collection.count_documents({}) == 1
