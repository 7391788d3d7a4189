"""The HTTP API any front end can use: lodge a report, ask where one stands, get the key that proofs are signed with."""

import base64
import re
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Request, Response

from services.intake import refusals
from services.intake.examples import EXAMPLES
from services.intake.model.asking import ReceiptQuestion
from services.intake.model.report import Accepted, ProofKey, StatusAnswer
from services.intake.model.schema import inlined
from services.intake.model.submission import Submission
from services.intake.policy.admission import NotAdmittedError
from services.intake.policy.lodging import ConflictError, ProofSigner, iso
from services.intake.reception import Lodgement, Reception
from services.intake.status import StatusDesk
from shared.errors import TransientError
from shared.web.app import FieldError, Problem
from shared.web.bodies import is_json, json_body
from shared.web.problems import wrong_content_type
from shared.web.translations import gettext_noop

DEFAULT_FRONT_END: Final = "api"
FORM_FRONT_END: Final = "web-form"
"""Our own form's name; no API caller may use it."""

_KEY: Final = re.compile(r"^[A-Za-z0-9._:~+/=-]{16,128}$")
_FRONT_END: Final = re.compile(r"^[a-z][a-z0-9-]{0,39}$")

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": inlined(Submission.model_json_schema()), "examples": EXAMPLES}},
    }
}
_RECEIPT_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": inlined(ReceiptQuestion.model_json_schema())}},
    }
}


def router(reception: Reception, desk: StatusDesk, signer: ProofSigner) -> APIRouter:
    """The routes under ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1")

    @routes.post(
        "/reports",
        status_code=202,
        response_model=Accepted,
        tags=["reports"],
        summary="Lodge a report",
        openapi_extra=_BODY,
        responses={
            202: {
                "description": "The report is durable. The receipt is the only way back to it.",
                "headers": {"Location": {"schema": {"type": "string"}, "description": "Where to ask for its status."}},
            }
        },
    )
    async def lodge(
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(
                description="16–128 of A-Z a-z 0-9 . _ : ~ + / = -, one per report and front end. Make it random, "
                "such as a UUID: whoever knows a key and the content can ask for the receipt again."
            ),
        ] = None,
        x_front_end: Annotated[
            str | None,
            Header(
                description="Name of the front end: lower-case letters, digits, hyphens. It keeps front ends' keys "
                "apart and proves nothing: the key must be random."
            ),
        ] = None,
    ) -> Response:
        """Only `role` and `harm_types` are compulsory. With an `Idempotency-Key` the request can be repeated safely."""
        try:
            submission = await _submission(request)
            key, front_end = _idempotency_key(idempotency_key), _front_end(x_front_end)
            lodged = await reception.lodge(submission, front_end=front_end, idempotency_key=key)
        except (Problem, NotAdmittedError, ConflictError, TransientError) as error:
            raise refusals.counted(error) from None
        return _accepted(lodged)

    @routes.post(
        "/receipts/status",
        response_model=StatusAnswer,
        response_model_exclude_none=True,
        tags=["receipts"],
        summary="Where a report stands",
        openapi_extra=_RECEIPT_BODY,
    )
    async def status(request: Request) -> StatusAnswer:
        """Receipts that do not exist and receipts that are mistyped are answered alike. Limited per network."""
        question = await json_body(request, ReceiptQuestion)
        return await desk.answer(question.receipt, request.client.host if request.client else None)

    @routes.get("/proof-key", tags=["receipts"], summary="The key that signs proofs of lodging")
    async def proof_key() -> ProofKey:
        """Anyone can check a proof with it: it is a compact JWS with the algorithm EdDSA."""
        public = base64.urlsafe_b64encode(signer.public_key).rstrip(b"=").decode()
        return ProofKey(kid=signer.key_id, public_key=public)

    return routes


async def _submission(request: Request) -> Submission:
    if not is_json(request.headers.get("content-type")):
        raise wrong_content_type()
    return refusals.read_submission(await request.body())


def _idempotency_key(given: str | None) -> str | None:
    if given is not None and not _KEY.match(given):
        raise _bad_header(
            "Idempotency-Key",
            gettext_noop("An Idempotency-Key has 16 to 128 letters, digits or . _ : ~ + / = - and no spaces."),
        )
    return given


def _front_end(given: str | None) -> str:
    if given is None:
        return DEFAULT_FRONT_END
    if not _FRONT_END.match(given) or given == FORM_FRONT_END:
        raise _bad_header(
            "X-Front-End",
            gettext_noop("A front end's name has up to 40 lower-case letters, digits and hyphens, and is its own."),
        )
    return given


def _bad_header(name: str, detail: str) -> Problem:
    return Problem(
        400,
        "invalid_header",
        gettext_noop("A header could not be used."),
        errors=[FieldError(field=name, reason="wrong_form", detail=detail)],
    )


def _accepted(lodged: Lodgement) -> Response:
    # By hand: response models cost as much again as reading the request.
    body = {
        "report_id": lodged.report_id,
        "receipt": lodged.receipt,
        "received_at": iso(lodged.received_at),
        "proof": lodged.proof,
    }
    headers = {"Location": "/api/v1/receipts/status"}
    return Response(orjson.dumps(body), 202, headers, "application/json")
