"""Many reports from one network: slowed by a page, marked when very many, and every one of them accepted."""

import json
from typing import Any

import httpx

from services.intake.rate_limits import proof_of_work
from services.intake.webform import drafts
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import LEAST, IntakeHarness, running
from tests.integration.intake.test_accepting import nothing_pending
from tests.integration.intake.test_steps import answer, begun, hidden, receipt
from tests.support.proof_of_work import solve
from tests.support.waiting import eventually

TEXT = "어떤 사람이 보낸 아주 긴 글로, 매번 똑같이 되풀이됩니다. 자동으로 보낸 것 같습니다. " * 3


async def sent(harness: IntakeHarness, number: int, **more: str) -> httpx.Response:
    form = {
        "role": "victim",
        "harm_types": "other",
        "narrative": f"줄 <하나>\n{number}",
        "idempotency_key": f"{number:032d}",
    }
    return await harness.http.post("/?lang=en", data={**form, **more})


def field(page: str, name: str) -> str:
    return page.split(f'name="{name}" value="')[1].split('"', maxsplit=1)[0]


async def facts(harness: IntakeHarness) -> list[dict[str, Any]]:
    await eventually(lambda: nothing_pending(harness))
    return [json.loads(value)["facts"] for _, value in await harness.log()]


async def test_the_page_keeps_what_was_typed_and_work_opens_it(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings, free_reports=2, many_reports=3) as harness:
        assert [(await sent(harness, number)).status_code for number in (1, 2)] == [200, 200]
        assert (await sent(harness, 2)).status_code == 429, (
            "even a repeat, since nobody knows it is one before it is looked up"
        )
        page = await sent(harness, 3)
        assert page.status_code == 429
        assert int(page.headers["retry-after"]) == proof_of_work.WAIT_S
        assert "was not received yet" in page.text
        assert "줄 &lt;하나&gt;\n3" in page.text
        assert await harness.collection.count_documents({}) == 2
        for number in (3, 4):
            challenge = field((await sent(harness, number)).text, "challenge")
            answer = await sent(harness, number, challenge=challenge, challenge_answer=solve(challenge))
            assert answer.status_code == 200, answer.text
        found = await facts(harness)
        assert len(found) == 4
        assert sorted(f["suspicion"] for f in found) == [[], [], [], ["burst"]]


async def test_front_ends_are_not_asked_but_a_repeated_text_is_marked_and_demoted(harness: IntakeHarness) -> None:
    body = {**LEAST, "narrative": TEXT, "threatened": True, "age_band": "14_18"}
    answers = [await harness.lodge(body) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    found = [(f["suspicion"], f["urgency"], f["urgency_reasons"]) for f in await facts(harness)]
    reasons = ["none_of_these"]
    assert sorted(found) == 3 * [([], "critical", reasons)] + 2 * [(["repeated_text"], "high", reasons)]
    amended = {"receipt": answers[-1].json()["receipt"], "still_spreading": True}
    done = await harness.http.post("/api/v1/receipts/amend", json=amended, headers=harness.headers())
    assert done.status_code == 201
    stored = await harness.collection.find_one({"_id": answers[-1].json()["report_id"]})
    assert (stored["facts"]["suspicion"], stored["facts"]["urgency"]) == (["repeated_text"], "high")


async def test_the_steps_wait_too_without_losing_an_answer_in_either_language(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings, free_reports=1) as harness:
        await sent(harness, 1)
        await begun(harness)
        await answer(harness, "words", narrative="나중에 보낼 이야기", go="check")
        form = hidden(await harness.http.get("/form/check?lang=en")) | {"word": ["해바라기"]}
        waiting = await harness.http.post("/?lang=en", data=form)
        assert waiting.status_code == 429
        korean = await harness.http.post("/?lang=ko", data={**hidden(waiting), "go": "stay"})
        assert korean.status_code == 429
        assert "잠시만" in korean.text
        assert hidden(korean) == hidden(waiting)
        assert {name: hidden(korean)[name] for name in form} == form
        assert drafts.COOKIE in harness.http.cookies
        assert await harness.collection.count_documents({}) == 1
        challenge = hidden(korean)["challenge"][0]
        done = await harness.http.post("/", data={**hidden(korean), "challenge_answer": solve(challenge)})
        receipt(done)
        assert drafts.COOKIE not in harness.http.cookies
        stored = await harness.collection.find({}).to_list(None)
        assert sorted(len(one["facts"]["harm_types"]) for one in stored) == [1, 2]
