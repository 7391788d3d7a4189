"""The page that checks a proof. Whoever was handed one need not trust whoever handed it over.

A receipt number typed beside it is a question with a receipt and counted like one: a proof shown around must not let
anybody try out the digits they could not see.
"""

import hmac
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from services.intake.dependencies import caller_of
from services.intake.encryption.keys import KeyedDigests
from services.intake.proofs import rules as proof_rules
from services.intake.proofs import words as proof_words
from services.intake.proofs.rules import ProofSigner, ProofStatement
from services.intake.rate_limits.receipts import ReceiptRateLimiter
from services.intake.rate_limits.wrong_receipts import WrongReceipts
from services.intake.reports import receipt_numbers
from shared.web.authorization import OPEN
from shared.web.form_body import form_body
from shared.web.pages import Pages

_RECEIPT_CHARS: Final = 60


def router(
    pages: Pages, keys: KeyedDigests, signer: ProofSigner, gate: ReceiptRateLimiter, wrong_receipts: WrongReceipts
) -> APIRouter:
    """The routes of the page. ``gate`` and ``wrong_receipts`` count the receipt numbers that are typed."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    def page(
        request: Request,
        *,
        status: int = 200,
        proof: str = "",
        said: str = "",
        stated: ProofStatement | None = None,
        receipt: str = "",
        fits: str = "",
    ) -> Response:
        return pages.render(
            request,
            "verify-proof.html",
            status=status,
            public=True,
            form_of_step="check",
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
        if typed.one("go") == "stay":  # the other language; nothing was asked yet
            return page(request, proof=text, receipt=receipt)
        proof = proof_rules.proof_in(text) or ""
        stated = proof_rules.verify_proof(proof, signer.public_key) if proof else None
        said = proof_words.REAL if stated else proof_words.NOT_REAL
        if stated is None or not receipt.strip():
            return page(request, proof=proof or text, said=said, stated=stated, receipt=receipt)
        caller, tried = caller_of(request), f"proof {stated.receipt_mark}"
        if wait := max(gate.wait(caller.network), gate.wait_for(tried, caller), wrong_receipts.wait(caller)):
            fits = proof_words.WAIT
            refused = page(request, status=429, proof=proof, said=said, stated=stated, receipt=receipt, fits=fits)
            refused.headers["Retry-After"] = str(wait)
            return refused
        right = proof_rules.mark_of(keys, receipt_numbers.read(receipt) or "")
        same = hmac.compare_digest(right.encode(), stated.receipt_mark.encode())
        if not same:
            gate.was_wrong(caller, tried)
            wrong_receipts.count(caller)
        fits = proof_words.FITS if same else proof_words.FITS_NOT
        return page(request, proof=proof, said=said, stated=stated, receipt=receipt, fits=fits)

    return routes
