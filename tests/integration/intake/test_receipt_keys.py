"""Receipts live through the replacement of their key; none follows from what is on the bus."""

from typing import Any

import pytest

from services.intake.encryption.keys import keys_of
from services.intake.encryption.receipt_issuer import ReceiptSource
from services.intake.reports import receipt_numbers
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import LEAST, IntakeHarness, new_key, running, secret, settings
from tests.support.keys import issuer
from tests.support.waiting import eventually

WORD = "umbrella 7"


async def lodged(harness: IntakeHarness, key: str) -> dict[str, Any]:
    answer = await harness.lodge({**LEAST, "word": WORD}, key=key)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def may_withdraw(harness: IntakeHarness, receipt: str) -> bool:
    """With the word too."""
    for path in ("withdraw", "reinstate"):
        answer = await harness.http.post(
            f"/api/v1/receipts/{path}", json={"receipt": receipt, "word": WORD}, headers=harness.headers()
        )
        if answer.status_code != 200:
            return False
    return True


async def test_no_receipt_follows_from_the_report_id_and_the_receipt_key(harness: IntakeHarness) -> None:
    body = (await harness.lodge(LEAST)).json()
    await eventually(harness.nothing_pending)
    [(report_id, _)] = await harness.log()
    assert report_id == body["report_id"]
    receipts = issuer()
    guess = receipts.receipt(report_id, ReceiptSource(receipts.keys.version, b""), 0)
    assert guess != receipt_numbers.read(body["receipt"])
    assert (await harness.ask(guess)).status_code == 404


@pytest.mark.own_service
async def test_receipts_and_words_go_on_through_two_new_keys(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    made: dict[str, dict[str, Any]] = {}
    versions = set()
    for letters in ("", "y", "zy"):
        more: dict[str, Any] = {"later_receipt_keys": tuple(secret(letter) for letter in letters)}
        versions.add(keys_of(settings(**more)).receipts.version)
        async with running(bus_settings, store_settings, **more) as harness:
            key = new_key()
            made[key] = await lodged(harness, key)
            for earlier, answer in made.items():
                assert await lodged(harness, earlier) == answer, letters  # the very same answer, proof included
                assert (await harness.status(answer["receipt"]))["state"] == "received"
                assert await may_withdraw(harness, answer["receipt"])
            # Each intake of a test makes its front ends' credentials, and only two of each may be in use.
            await harness.collection.database["clients"].delete_many({})
    assert len(versions) == 3


async def test_who_takes_a_report_over_gets_the_same_receipt_again_after_the_key_was_replaced(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    taking = {"i_am_the_person": True, "code": ""}
    key = new_key()
    async with running(bus_settings, store_settings) as harness:
        body = {**LEAST, "role": "representative", "on_behalf": {"relation": "spouse"}}
        receipt = (await harness.lodge(body)).json()["receipt"]
        given = await harness.http.post(
            "/api/v1/receipts/hand-over", json={"receipt": receipt}, headers=harness.headers()
        )
        assert given.status_code in {200, 201}, given.text
        taking["code"] = given.json()["code"]
    answers = []
    for later in ((secret("y"),), (secret("z"), secret("y"))):
        async with running(bus_settings, store_settings, later_receipt_keys=later) as harness:
            headers = {**harness.headers(), "Idempotency-Key": key}
            answer = await harness.http.post("/api/v1/receipts/take-over", json=taking, headers=headers)
            assert answer.status_code in {200, 201}, answer.text
            answers.append(answer.json())
            assert (await harness.status(answer.json()["receipt"]))["state"] == "received"
            assert (await harness.status(receipt))["state"] == "handed_over"
    assert answers[0] == answers[1]
