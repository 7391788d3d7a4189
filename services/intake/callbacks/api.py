"""What a receiver of callbacks gets, for the OpenAPI document's ``webhooks``."""

from typing import Annotated

from fastapi import APIRouter, Header

from services.intake.callbacks.models import EVENT_TYPE, CallbackBody


def webhooks() -> APIRouter:
    """The webhooks, which are documented and never called here."""
    routes = APIRouter()

    @routes.post(
        EVENT_TYPE,
        tags=["callbacks"],
        summary="A report stands differently",
        operation_id="reportStatusChanged",
        status_code=204,
        openapi_extra={"security": []},
        responses={
            204: {"description": "Taken; any 2xx counts."},
            "4XX": {"description": "Not taken: sent again, later each time, for a day."},
            "5XX": {"description": "Not taken: sent again, later each time, for a day."},
        },
    )
    def report_status_changed(
        body: CallbackBody,
        webhook_id: Annotated[
            str, Header(description="The same whenever this message is sent again.", examples=["5d0e8c7a"])
        ],
        webhook_timestamp: Annotated[
            int,
            Header(description="Seconds since 1970; refuse what is older than five minutes.", examples=[1764000000]),
        ],
        webhook_signature: Annotated[
            str,
            Header(
                description="`v1,` and base64 of HMAC-SHA256 of `id.timestamp.body`; several, with spaces between, "
                "while a secret is replaced (Standard Webhooks).",
                examples=["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="],
            ),
        ],
    ) -> None:
        """Sent to the address that an operator set (`ieum client callback`), about reports sent with `Ieum-Callback`.

        At least once, in the order of `sequence` for each report; tell doubles by `webhook-id`. It says what the
        receipt would show and no more: nothing while the status needs the reporter's word, and after `handed_over` and
        `erased` nothing follows.
        """

    return routes
