"""Somebody who can write to the store, and has no key: what they change is found, refused and in the audit."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.encryption import authenticate
from services.intake.reports.authentication import BESIDE, STEERING
from shared.clock import SystemClock
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running, settings
from tests.integration.intake.holding import Holder, audit_of, holder, nothing_pending, owned, page, sample
from tests.integration.intake.test_handing_over import code_of, take
from tests.support.waiting import eventually

WORD = "umbrella"
REFUSED = (500, "report_not_authentic")

Attack = Callable[[Holder, Holder], Awaitable[None]]
"""Changes the store; the second report is the attacker's own."""


async def put(someone: Holder, **fields: Any) -> None:
    await someone.harness.collection.update_one({"_id": someone.report_id}, {"$set": fields})


async def drop(someone: Holder, *fields: str) -> None:
    await someone.harness.collection.update_one({"_id": someone.report_id}, {"$unset": dict.fromkeys(fields, "")})


async def own_receipt(victim: Holder, mine: Holder) -> None:
    ours = (await mine.stored())["receipt_hash"]
    await put(mine, receipt_hash="0" * 64)
    await put(victim, receipt_hash=ours)
    victim.receipt, mine.receipt = mine.receipt, victim.receipt


async def swapped_receipts(victim: Holder, mine: Holder) -> None:
    theirs = (await victim.stored())["receipt_hash"]
    await own_receipt(victim, mine)
    await put(mine, receipt_hash=theirs)


async def own_former_receipt(victim: Holder, mine: Holder) -> None:
    await put(victim, former_receipt_hash=(await mine.stored())["receipt_hash"])


async def own_passphrase(victim: Holder, mine: Holder) -> None:
    await put(victim, word=(await mine.stored())["word"])


async def no_passphrase(victim: Holder, _: Holder) -> None:
    await drop(victim, "word")


async def waiting_passphrase(victim: Holder, _: Holder) -> None:
    past = datetime(2026, 1, 1, tzinfo=UTC)
    await put(victim, word=None, word_later={"hash": "x", "asked_at": past, "counts_from": past})


async def not_withdrawn(victim: Holder, _: Holder) -> None:
    await victim.done("withdraw", word=WORD)
    await eventually(lambda: nothing_pending(victim.harness))
    await drop(victim, "life", "erase_at", "decide_since")


async def withdrawn(victim: Holder, _: Holder) -> None:
    past = datetime(2026, 1, 1, tzinfo=UTC)
    await put(victim, life={"withdrawal": {"at": past, "undo_until": past}})


async def erased(victim: Holder, _: Holder) -> None:
    await put(victim, life={"erased_at": datetime(2026, 1, 1, tzinfo=UTC)})


async def another_owner(victim: Holder, _: Holder) -> None:
    await put(victim, **{"progress.ownership.center_id": "ulsan"})


async def next_owner(victim: Holder, _: Holder) -> None:
    await put(victim, **{"progress.ownership.center_id": "ulsan", "progress.ownership.ownership": 2})


async def no_owner(victim: Holder, _: Holder) -> None:
    await drop(victim, "progress")


async def own_progress(victim: Holder, mine: Holder) -> None:
    theirs = await mine.stored()
    await put(victim, progress=theirs["progress"], **{"authentication.progress": theirs["authentication"]["progress"]})


async def another_role(victim: Holder, _: Holder) -> None:
    await put(victim, **{"facts.role": "third_party"})


async def copied_code(victim: Holder, mine: Holder) -> None:
    await put(victim, authentication=(await mine.stored())["authentication"])


async def no_code(victim: Holder, _: Holder) -> None:
    await drop(victim, "authentication")


async def revision_reset(victim: Holder, _: Holder) -> None:
    await victim.done("messages", text="one more", word=WORD)
    await eventually(lambda: nothing_pending(victim.harness))
    await put(victim, changes=0)


async def intake_version_reset(victim: Holder, _: Holder) -> None:
    await put(victim, intake_version=9)


async def moved_whole(victim: Holder, mine: Holder) -> None:
    ours = await mine.stored()
    await mine.harness.collection.delete_one({"_id": mine.report_id})
    await mine.harness.collection.replace_one({"_id": victim.report_id}, {**ours, "_id": victim.report_id})
    victim.receipt = mine.receipt


ATTACKS = (
    own_receipt,
    swapped_receipts,
    own_former_receipt,
    own_passphrase,
    no_passphrase,
    waiting_passphrase,
    not_withdrawn,
    withdrawn,
    erased,
    another_owner,
    next_owner,
    no_owner,
    own_progress,
    another_role,
    copied_code,
    no_code,
    revision_reset,
    intake_version_reset,
    moved_whole,
)


async def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_a_report_changed_in_the_store_is_refused_to_everybody_and_audited(
    harness: IntakeHarness, attack: Attack
) -> None:
    victim, mine = await holder(harness, word=WORD), await holder(harness, word="mine")
    await owned(victim)
    await owned(mine)
    await eventually(harness.at_rest)
    await attack(victim, mine)
    before, counted = await victim.at_rest(), failures()
    assert await told(await victim.post("status")) == REFUSED
    for what in ("withdraw", "reinstate", "messages"):
        for word in (WORD, "mine"):
            more = {"text": "from the attacker"} if what == "messages" else {}
            assert await told(await victim.post(what, word=word, **more)) == REFUSED
    for center, ownership in (("busan", 1), ("ulsan", 1), ("ulsan", 2)):
        ticket = harness.people.ticket(victim.report_id, center, ownership=ownership)
        opened = await harness.http.post("/details", data={"ticket": ticket})
        assert await told(opened) == REFUSED
        assert "무슨 일" not in opened.text
    assert await victim.stored() == before, "nothing was changed"
    assert failures() > counted
    lines = await audit_of(harness, victim.report_id)
    assert {("reports.refuse", "refused", "report"), ("reports.refuse", "refused", "progress")} & set(lines)


def failures() -> float:
    name = "ieum_intake_report_authentication_failures_total"
    return sum(sample(name, part=part) for part in ("report", "progress"))


async def test_a_code_to_take_over_that_was_made_for_another_report_takes_nothing(harness: IntakeHarness) -> None:
    body = {"role": "representative", "on_behalf": {"relation": "spouse"}}
    victim, mine = await holder(harness, **body), await holder(harness, **body)
    code, ours = await code_of(mine), await mine.stored()
    await put(mine, hand_over_code="0" * 64)
    await put(victim, hand_over_code=ours["hand_over_code"], hand_over=ours["hand_over"])
    before = await victim.at_rest()
    assert await told(await take(victim, code)) == REFUSED
    assert await victim.stored() == before
    assert ("reports.refuse", "refused", "report") in await audit_of(harness, victim.report_id)


async def test_a_page_says_it_in_words_a_person_can_act_on(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    await put(someone, changes=7)
    for language, words in (("ko", "1366"), ("en", "closed until somebody has looked at it")):
        answer = await harness.http.post(
            f"/status?lang={language}", data={"receipt": someone.receipt}, headers={"Accept": "text/html"}
        )
        assert answer.status_code == 500
        assert words in answer.text


@pytest.mark.own_service
async def test_a_job_leaves_such_a_report_alone_and_goes_on_with_the_others(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    """The attacker has a report destroyed; at the same time another is due."""
    async with running(bus_settings, store_settings, erasure_pace_s=0.2) as harness:
        victim, other = await holder(harness, word=WORD), await holder(harness, word=WORD)
        waiting = await holder(harness, harm_types=["child_material"])
        for someone in (victim, waiting):
            await owned(someone)
        await waiting.done("withdraw")
        planned = datetime.now(UTC) - timedelta(hours=1)
        plan = {"cause": "withdrawn", "at": planned, "announced_at": planned}
        life = {"withdrawal": {"at": planned, "undo_until": planned}, "plan": plan}
        await put(victim, life=life, erase_at=planned)
        await other.done("withdraw", word=WORD, at_once=True, understood=True)

        async def other_is_gone() -> bool:
            return "sealed" not in await other.stored()

        await eventually(other_is_gone)

        async def degraded() -> bool:
            ready = (await harness.http.get("/health/ready")).json()
            return ready["status"] == "degraded" and "erasures" in str(ready)

        await eventually(degraded, "readiness names the job")
        assert "sealed" in await victim.stored()
        assert ("reports.refuse", "refused", "report") in await audit_of(harness, victim.report_id)
        assert (await harness.lodge()).status_code == 202
        # Nor is it in the lists from which staff decide, and it hides no other there.
        shown = await page(harness, "busan", "lead")
        assert shown.status_code == 200
        assert [someone.report_id in shown.text for someone in (victim, waiting)] == [False, True]


async def test_progress_changed_by_hand_is_not_built_upon_and_holds_up_no_other(harness: IntakeHarness) -> None:
    victim, other = await holder(harness), await holder(harness)
    await owned(victim)
    await put(victim, **{"progress.ownership.center_id": "ulsan"})
    before = await victim.at_rest()
    await owned(other, seen=True)
    await owned(other, seen=True)  # the topic is read to here, the victim's events among it
    assert (await victim.stored())["progress"] == before["progress"]
    assert await told(await victim.post("status")) == REFUSED


async def test_a_restored_report_is_open_again_and_the_command_finds_and_signs(
    harness: IntakeHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    victim, unsigned, sound = await holder(harness), await holder(harness), await holder(harness)
    whole = await victim.at_rest()
    await put(victim, **{"facts.role": "third_party"})
    await drop(unsigned, "authentication")

    async def command(*reports: str) -> tuple[int, str]:
        done = await authenticate.run(settings(), harness.store_settings, SystemClock(), reports or None)
        return done, capsys.readouterr().out

    done, said = await command()
    assert done == 1
    reports = await harness.collection.count_documents({})
    front_ends = await harness.collection.database["clients"].count_documents({})
    read = f"of {reports} reports and {front_ends} front ends, "
    assert said.endswith(f"{read}2 are not as intake wrote them, 0 signed\n"), (
        "of an empty store nothing is wrong either"
    )
    assert f"CHANGED: {victim.report_id}" in said
    assert f"CHANGED: {unsigned.report_id}" in said
    assert sound.report_id not in said
    assert await told(await unsigned.post("status")) == REFUSED
    assert (await command(unsigned.report_id))[0] == 0
    assert (await unsigned.post("status")).status_code == 200
    assert await told(await victim.post("status")) == REFUSED
    await harness.collection.replace_one({"_id": victim.report_id}, whole)
    assert (await victim.post("status")).status_code == 200
    assert (await command())[0] == 0
    await put(victim, **{"facts.role": "third_party"})
    assert (await command(victim.report_id))[0] == 0
    assert (await victim.post("status")).status_code == 200
    assert ("reports.sign", "done", None) in await audit_of(harness, unsigned.report_id)


async def test_every_field_of_a_report_is_authenticated_or_named_as_not(harness: IntakeHarness) -> None:
    someone = await holder(harness, word=WORD, role="representative", on_behalf={"relation": "spouse"})
    await owned(someone, seen=True)
    await someone.done("messages", text="one", word=WORD, key="k" * 20)
    await someone.done("amend", narrative="two", word=WORD)
    await someone.done("hand-over", word=WORD)
    await someone.done("withdraw", word=WORD)
    fields = set(await someone.stored())
    assert fields - {*STEERING, *BESIDE} == set()
    assert len(fields & set(STEERING)) > 12


async def test_a_later_contact_removed_in_the_store_brings_no_earlier_one_back(harness: IntakeHarness) -> None:
    victim = await holder(harness)
    await owned(victim)
    await victim.done("amend", contact={"channels": ["phone"], "phone": "010-1111-2222"})
    later = next(name for name in (await victim.at_rest())["sealed"]["fields"] if name.startswith("contact:"))
    await drop(victim, f"sealed.fields.{later}")
    opened = await harness.http.post("/details", data={"ticket": harness.people.ticket(victim.report_id, "busan")})
    assert "010-2468-1357" not in opened.text, "staff would call the number that is no longer safe"
    assert opened.json()["code"] == "not_opened"
