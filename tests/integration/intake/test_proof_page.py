"""The page that checks proofs."""

from services.intake.proofs.rules import ProofSigner, ProofStatement
from services.intake.rate_limits.receipts import WRONG_FROM_PLACE
from services.intake.reports.receipt_numbers import from_number
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running


async def test_a_lodged_reports_proof_is_real_and_belongs_to_its_receipt(harness: IntakeHarness) -> None:
    body, other = (await harness.lodge()).json(), (await harness.lodge()).json()
    assert (await harness.http.get("/verify-proof?lang=en")).status_code == 200

    async def told(proof: str, receipt: str = "", lang: str = "en") -> str:
        page = await harness.http.post(f"/verify-proof?lang={lang}", data={"proof": proof, "receipt": receipt})
        assert page.status_code == 200
        return page.text

    assert "This proof is real" in await told(body["proof"])
    assert "진짜 접수 증명이에요" in await told(body["proof"], lang="ko")
    assert "belongs to this proof" in await told(body["proof"], body["receipt"])
    assert "does not belong to this proof" in await told(body["proof"], other["receipt"])
    assert "does not belong to this proof" in await told(body["proof"], "nonsense")
    foreign = ProofSigner(b"x" * 32).sign(ProofStatement("aa" * 32, body["received_at"], "bb" * 32))
    for wrong in (foreign, body["proof"][:-4] + "AAAA", "", "<script>alert(1)</script>"):
        page = await told(wrong, body["receipt"])
        assert "This is not a proof of ours" in page
        assert "belongs to this proof" not in page
        assert "<script>alert" not in page


async def test_the_other_language_keeps_what_was_typed_and_checks_nothing(harness: IntakeHarness) -> None:
    body = (await harness.lodge()).json()
    first = (await harness.http.get("/verify-proof?lang=ko")).text
    assert 'form="check" formaction="/verify-proof?lang=en" name="go" value="stay"' in first, "never in an address"
    typed = {"proof": body["proof"], "receipt": body["receipt"], "go": "stay"}
    page = await harness.http.post("/verify-proof?lang=en", data=typed)
    assert (page.status_code, "Check a proof" in page.text) == (200, True)
    assert body["proof"] in page.text
    assert f'value="{body["receipt"]}"' in page.text
    assert "proof is real" not in page.text
    checked = await harness.http.post("/verify-proof?lang=en", data={**typed, "go": "next"})
    assert "belongs to this proof" in checked.text


async def test_a_proof_does_not_let_anybody_try_out_receipt_numbers(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings, status_questions_per_minute=4) as harness:
        body = (await harness.lodge()).json()

        async def told(receipt: str) -> tuple[int, str]:
            form = {"proof": body["proof"], "receipt": receipt}
            page = await harness.http.post("/verify-proof?lang=en", data=form)
            return page.status_code, page.text

        tried = [await told(from_number(number)) for number in range(4)]
        assert (tried[0][0], "does not belong to this proof" in tried[0][1]) == (200, True)
        assert (tried[-1][0], "Too many receipt numbers" in tried[-1][1]) == (429, True)
        right = await told(body["receipt"])
        assert (right[0], "belongs to this proof" in right[1]) == (429, False)
        assert "This proof is real" in right[1]
        assert f'value="{body["receipt"]}"' in right[1], "nobody types it twice"
        assert (await told(""))[0] == 200, "the proof alone is checked however often"


async def test_the_numbers_tried_beside_one_proof_are_few_however_many_a_network_may_ask(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings, status_questions_per_minute=1000) as harness:
        one, other = (await harness.lodge()).json(), (await harness.lodge()).json()

        async def told(proof: str, receipt: str) -> int:
            form = {"proof": proof, "receipt": receipt}
            return (await harness.http.post("/verify-proof?lang=en", data=form)).status_code

        for number in range(WRONG_FROM_PLACE):
            assert await told(one["proof"], from_number(number)) == 200
        assert await told(one["proof"], one["receipt"]) == 429
        assert await told(other["proof"], other["receipt"]) == 200
