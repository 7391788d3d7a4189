"""Reports of one thing find each other: at acceptance, through additions, never after they are taken back."""

import asyncio
import json
from typing import Any

import bson
import pytest

from services.intake.links import service as linking
from services.intake.links.repository import INDEX
from shared.metrics import exposition
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import LEAST, IntakeHarness, new_key, running
from tests.integration.intake.test_accepting import nothing_pending
from tests.support.waiting import eventually

SEEN: dict[str, Any] = {"urls": ["https://www.seen.example/post/1/?utm_source=x"]}


async def lodged(harness: IntakeHarness, **more: Any) -> dict[str, str]:
    answer = await harness.lodge({**LEAST, **more})
    assert answer.status_code == 202, answer.text
    found: dict[str, str] = answer.json()
    return found


async def linked_to(harness: IntakeHarness, report: dict[str, str]) -> list[str]:
    stored = await harness.collection.find_one({"_id": report["report_id"]})
    found: list[str] = stored["facts"]["linked_reports"]
    return found


async def indexed(harness: IntakeHarness) -> None:
    async def all_written() -> bool:
        return not harness.intake.link_service.in_flight and not await harness.collection.count_documents(
            {"links_since": {"$exists": True}}
        )

    await eventually(all_written)


async def test_across_provinces_by_address_file_and_account(harness: IntakeHarness) -> None:
    first = await lodged(harness, **SEEN, fingerprints=["ab" * 32], offender_handles=["@bad_guy"])
    await indexed(harness)
    for more in (
        {"urls": ["http://m.seen.example/post/1"]},
        {"fingerprints": ["AB" * 32]},
        {"offender_handles": ["텔레그램: bad_guy"]},
    ):
        other = await lodged(harness, division="jeju", **more)
        assert await linked_to(harness, other) == [first["report_id"]]
        await indexed(harness)
    stranger = await lodged(harness, urls=["https://seen.example/post/2", "https://seen.example/"])
    assert await linked_to(harness, stranger) == []
    await eventually(lambda: nothing_pending(harness))
    events = [json.loads(value) for _, value in await harness.log()]
    assert sorted(len(event["facts"]["linked_reports"]) for event in events) == [0, 0, 1, 1, 1]


async def test_at_most_ten_the_newest_first_and_a_repeat_changes_nothing(harness: IntakeHarness) -> None:
    earlier = [(await lodged(harness, **SEEN))["report_id"] for _ in range(12)]
    await indexed(harness)
    key = new_key()
    first = await harness.lodge({**LEAST, **SEEN}, key=key)
    again = await harness.lodge({**LEAST, **SEEN}, key=key)
    assert first.text == again.text
    assert await linked_to(harness, first.json()) == earlier[:1:-1]


async def test_of_two_in_the_same_moment_the_later_knows_the_earlier(harness: IntakeHarness) -> None:
    reports = await asyncio.gather(*(lodged(harness, **SEEN) for _ in range(6)))
    links = sorted([len(await linked_to(harness, report)) for report in reports])
    assert links[0] == 0
    assert all(links[1:]), links


async def test_an_addition_links_and_is_found(harness: IntakeHarness) -> None:
    first, second = await lodged(harness, **SEEN), await lodged(harness, division="jeju")
    await indexed(harness)
    asked = {"receipt": second["receipt"], "offender_handles": ["other_account"], **SEEN}
    done = await harness.http.post("/api/v1/receipts/amend", json=asked, headers=harness.headers())
    assert done.status_code == 201, done.text
    assert await linked_to(harness, second) == [first["report_id"]]
    await indexed(harness)
    third = await lodged(harness, offender_handles=["@Other_Account"])
    assert await linked_to(harness, third) == [second["report_id"]]
    await eventually(lambda: nothing_pending(harness))
    amended = [json.loads(value) for _, value in await harness.log()]
    assert [e["facts"]["linked_reports"] for e in amended if "amended_at" in e] == [[first["report_id"]]]


async def test_what_is_taken_back_is_not_named_and_what_is_erased_leaves_no_digest(harness: IntakeHarness) -> None:
    gone = await lodged(harness, **SEEN, offender_handles=["only_theirs"], word="umbrella")
    await indexed(harness)

    async def post(what: str, **more: Any) -> None:
        asked = {"receipt": gone["receipt"], "word": "umbrella", **more}
        answer = await harness.http.post(f"/api/v1/receipts/{what}", json=asked, headers=harness.headers())
        assert answer.status_code == 200, answer.text

    await post("withdraw")
    assert await linked_to(harness, await lodged(harness, **SEEN)) == []
    await post("reinstate")
    await indexed(harness)
    kept = await lodged(harness, **SEEN)
    assert gone["report_id"] in await linked_to(harness, kept)
    await post("withdraw", at_once=True, understood=True)
    stored = await harness.collection.find_one({"_id": gone["report_id"]})
    assert not {"links", "links_since", "sealed"} & stored.keys()
    index = [document async for document in harness.intake.reports.collection.database[INDEX].find({})]
    assert len(index) == 1, "the digest that only the erased report had is gone too"
    assert gone["report_id"] not in str(index)


async def test_drills_and_real_reports_never_link(harness: IntakeHarness) -> None:
    await lodged(harness, **SEEN, synthetic=True)
    await indexed(harness)
    assert await linked_to(harness, await lodged(harness, **SEEN)) == []


async def test_no_digest_leaves_the_store(harness: IntakeHarness, capsys: pytest.CaptureFixture[str]) -> None:
    report = await lodged(harness, **SEEN, fingerprints=["cd" * 32], offender_handles=["bad_guy"])
    stored = await harness.collection.find_one({"_id": report["report_id"]})
    digests = stored["links"]
    assert len(digests) == 3
    plain = bson.encode(stored).decode("utf-8", errors="replace")
    assert not [trace for trace in ("seen.example", "cd" * 32, "bad_guy") if trace in plain]
    await indexed(harness)
    await eventually(lambda: nothing_pending(harness))
    said = capsys.readouterr()
    outside = str(await harness.log()) + exposition()[0].decode() + said.out + said.err + str(report)
    assert not [digest for digest in digests if digest in outside]


async def test_a_store_too_slow_to_ask_costs_the_link_and_not_the_report(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lodged(harness, **SEEN)
    await indexed(harness)
    monkeypatch.setattr(linking, "LOOKUP_TIMEOUT_S", 0.0)
    assert await linked_to(harness, await lodged(harness, **SEEN)) == []


async def test_what_a_killed_process_left_unwritten_is_found_by_the_next(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings) as harness:
        first = await lodged(harness, **SEEN)
        await indexed(harness)
        # As if it had died right after the insert.
        since = (await harness.collection.find_one({"_id": first["report_id"]}))["received_at"]
        await harness.collection.update_one({"_id": first["report_id"]}, {"$set": {"links_since": since}})
        await harness.collection.database[INDEX].delete_many({})
    async with running(bus_settings, store_settings) as harness:
        await indexed(harness)
        assert await linked_to(harness, await lodged(harness, **SEEN)) == [first["report_id"]]


async def test_two_processes_that_index_the_same_digests_at_once_lose_none(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings) as one, running(bus_settings, store_settings) as two:
        for round_ in range(5):
            seen = {"urls": [f"https://seen.example/{round_}/{number}" for number in range(20)]}
            reports = await asyncio.gather(*(lodged(harness, **seen) for harness in (one, two, one, two)))
            await eventually(lambda: unmarked(one))
            found = one.collection.database[INDEX].find({"_id": {"$in": await digests(one, reports)}})
            held = [set(document["reports"]) async for document in found]
            assert held == [{report["report_id"] for report in reports}] * 20


async def unmarked(harness: IntakeHarness) -> bool:
    return not await harness.collection.count_documents({"links_since": {"$exists": True}})


async def digests(harness: IntakeHarness, reports: list[dict[str, str]]) -> list[str]:
    stored = await harness.collection.find_one({"_id": reports[0]["report_id"]})
    found: list[str] = stored["links"]
    assert len(found) == 20
    return found


async def test_accounts_typed_into_the_form_link_across_provinces_and_leave_intake_nowhere(
    harness: IntakeHarness,
) -> None:
    first = await lodged(harness, division="busan", offender_handles=["@bad_guy_form"])
    form = {
        "role": "victim",
        "harm_types": "other",
        "division": "jeju",
        "accounts": "텔레그램 bad_guy_form\n@second_one",
    }
    sent = await harness.http.post("/?lang=en", data={**form, "idempotency_key": "f" * 32})
    assert sent.status_code == 200, sent.text
    stored = await harness.collection.find_one({"facts.channel": "web", "facts.division": "jeju"})
    assert stored["facts"]["linked_reports"] == [first["report_id"]]
    await eventually(lambda: nothing_pending(harness))
    assert all(b"bad_guy" not in value and b"second_one" not in value for _, value in await harness.log())
