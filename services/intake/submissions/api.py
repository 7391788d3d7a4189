"""The HTTP API of every front end: submit a report, ask where one stands, get the key that proofs are signed with."""

import base64
from collections.abc import Callable
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Response
from prometheus_client import Counter

from services.intake import dependencies, problems
from services.intake.clients.dependencies import ClientDependency
from services.intake.clients.models import Client
from services.intake.examples import ACCEPTED, EXAMPLES, PROOF_KEY, answered
from services.intake.proofs.rules import ProofSigner
from services.intake.reports.models import Accepted, ProofKey
from services.intake.submissions.facts import NotAdmittedError
from services.intake.submissions.models import Submission
from services.intake.submissions.rules import ConflictError
from services.intake.submissions.service import SubmissionOrigin, SubmissionResult, SubmissionService
from shared import log
from shared.errors import TransientError
from shared.events.envelope import iso
from shared.metrics import REGISTRY
from shared.web.app import Problem
from shared.web.authorization import OPEN
from shared.web.documented import refuses

FORM_FRONT_END: Final = "web-form"
"""Our own form's name; no front end has it."""

UNANNOUNCED: Final = Counter(
    "ieum_intake_unannounced_drills",
    "Drills of front ends for real reports, but for those that notify began.",
    registry=REGISTRY,
)
_log = log.get(__name__)

_KEY: Final = dependencies.IdempotencyKey(
    "16–128 of A-Z a-z 0-9 . _ : ~ + / = -, one per report and front end, as in the IETF draft "
    "“The Idempotency-Key HTTP Header Field”. The same key and body: the same answer, for ever. Another "
    "body under the key: 409 `idempotency_conflict`. No key: allowed, and every request is a report of "
    "its own, so have one wherever a request may be repeated. Make it random, such as a UUID: whoever "
    "knows a key and the content can ask for the receipt again. In quotation marks, as the draft has it, or without: "
    "it is the same key. Two of this header: 400 `invalid_header`.",
    refused=problems.counted,
)
_CALLBACK: Final = dependencies.CallbackReference(
    "Asks for callbacks about this report, and is all that they call it by: random, and nothing "
    "of the person, the receipt or the report. Only where the person agreed; "
    "not kept where the front end has no address for callbacks. See `webhooks` in this document.",
    refused=problems.counted,
)
_BODY: Final = dependencies.json_body_of(Submission, EXAMPLES, refused=problems.counted)


def router(
    submission_service: SubmissionService,
    signer: ProofSigner,
    authenticate: ClientDependency,
    begun_by_notify: Callable[[str], bool],
) -> APIRouter:
    """The routes under ``/api/v1``. ``authenticate`` admits front ends that may submit.

    ``begun_by_notify`` tells by its idempotency key whether a drill is one of notify's.
    """
    routes = APIRouter(prefix="/api/v1")

    @routes.post(
        "/reports",
        status_code=202,
        response_model=Accepted,
        tags=["reports"],
        summary="Lodge a report",
        openapi_extra=refuses("not_accepting", "drills_only"),
        responses={
            202: {
                "description": "The report is durable. The receipt is the only way back to it.",
                "content": {"application/json": {"example": ACCEPTED}},
                "headers": {
                    "Location": {"schema": {"type": "string"}, "description": "Where to ask for its status."},
                    "traceparent": {
                        "schema": {"type": "string"},
                        "description": "The trace of this request, ours. One that you send is not taken over: the trace"
                        " stays with the report's events for ever.",
                    },
                },
            }
        },
    )
    async def submit_report(
        client: Annotated[Client, Depends(authenticate)],
        submission: Annotated[Submission, Depends(_BODY)],
        key: Annotated[str | None, Depends(_KEY)],
        callback: Annotated[str | None, Depends(_CALLBACK)],
    ) -> Response:
        """Only `role` and `harm_types` are compulsory. With an `Idempotency-Key` the request can be repeated safely.

        Front ends send `Authorization: Bearer <client id>.<secret>`; the scope is `reports:submit`. A credential with
        `reports:drill` takes drills alone: without `synthetic` the report is refused, 403 `drills_only`.
        """
        try:
            if client.sandbox and not submission.synthetic:
                raise problems.drills_only()
            result = await submission_service.submit(
                submission,
                SubmissionOrigin(
                    client.client_id,
                    key,
                    sandbox=client.sandbox,
                    callback=callback if client.callback is not None else None,
                ),
            )
        except (Problem, NotAdmittedError, ConflictError, TransientError) as error:
            raise problems.counted(error) from None
        drill = submission.synthetic and not client.sandbox and not result.repeated
        if drill and not begun_by_notify(key or ""):
            # Left on by mistake, it makes a drill of what people report: their centre takes it for no real report.
            UNANNOUNCED.inc()
            _log.warning("drill.unannounced", front_end=client.client_id, report_id=result.report_id)
        return _accepted(result)

    @routes.get(
        "/proof-key",
        tags=["receipts"],
        summary="The key that signs proofs",
        responses=answered(200, PROOF_KEY),
        dependencies=[Depends(OPEN)],
    )
    async def get_proof_key() -> ProofKey:
        """Anyone can check a proof with it: it is a compact JWS with the algorithm EdDSA."""
        public = base64.urlsafe_b64encode(signer.public_key).rstrip(b"=").decode()
        return ProofKey(kid=signer.key_id, public_key=public)

    return routes


def _accepted(result: SubmissionResult) -> Response:
    # By hand: response models cost as much again as reading the request.
    body: dict[str, str | bool] = {
        "report_id": result.report_id,
        "receipt": result.receipt,
        "received_at": iso(result.received_at),
        "proof": result.proof,
    }
    if result.word.in_force:
        body["word_set"] = True
    if result.word.for_status:
        body["word_for_status"] = True
    return Response(orjson.dumps(body), 202, {"Location": "/api/v1/receipts/status"}, "application/json")
