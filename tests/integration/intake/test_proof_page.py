"""The page that checks proofs."""

from services.intake.proofs.rules import ProofSigner, ProofStatement
from tests.integration.intake.harness import IntakeHarness


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
