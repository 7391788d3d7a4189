"""The page that checks a proof. Whoever was handed one need not trust whoever handed it over."""

import hmac
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from services.intake.encryption.keys import KeyedDigests
from services.intake.proofs import rules as proof_rules
from services.intake.proofs import words as proof_words
from services.intake.proofs.rules import ProofSigner, ProofStatement
from services.intake.reports import receipt_numbers
from shared.web.authorization import OPEN
from shared.web.form_body import form_body
from shared.web.pages import Pages

_RECEIPT_CHARS: Final = 60


def router(pages: Pages, keys: KeyedDigests, signer: ProofSigner) -> APIRouter:
    """The routes of the page."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    def page(
        request: Request,
        *,
        proof: str = "",
        said: str = "",
        stated: ProofStatement | None = None,
        receipt: str = "",
        fits: str = "",
    ) -> Response:
        return pages.render(
            request,
            "verify-proof.html",
            public=True,
            proof=proof,
            receipt=receipt,
            said=said,
            fits=fits,
            real=stated is not None,
            received_at=proof_words.local_time(stated.received_at) if stated else None,
            key_id=signer.key_id,
        )

    @routes.get("/verify-proof")
    async def asked(request: Request) -> Response:
        return page(request)

    @routes.post("/verify-proof")
    async def checked(request: Request) -> Response:
        typed = await form_body(request)
        text, receipt = typed.one("proof"), typed.one("receipt")[:_RECEIPT_CHARS]
        proof = proof_rules.proof_in(text)
        stated = proof_rules.verify_proof(proof, signer.public_key) if proof else None
        said = proof_words.REAL if stated else proof_words.NOT_REAL
        fits = ""
        if stated is not None and receipt.strip():
            right = proof_rules.mark_of(keys, receipt_numbers.read(receipt) or "")
            same = hmac.compare_digest(right.encode(), stated.receipt_mark.encode())
            fits = proof_words.FITS if same else proof_words.FITS_NOT
        return page(request, proof=proof or text, said=said, stated=stated, receipt=receipt, fits=fits)

    return routes
