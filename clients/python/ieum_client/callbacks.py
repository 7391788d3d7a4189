"""Whether a callback is genuine, and what it tells. Signed as Standard Webhooks has it."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from ieum_client.errors import NotGenuineError, UnexpectedAnswerError
from ieum_client.models import CallbackBody

_SIGNATURES: Final = "webhook-signature"
_OURS: Final = re.compile(r"v1,[A-Za-z0-9+/]{43}=")


def verify_callback(secret: str, headers: Mapping[str, str], body: bytes) -> CallbackBody:
    """What a callback tells. Raises ``NotGenuineError``: answer 400 and do nothing.

    ``secret`` is what the operator handed you (``whsec_…``); while it is replaced, either will do. ``body`` is the body
    as it came, before anything has parsed it. The same callback may come again: ``reference`` and ``sequence`` are the
    same then. Raises ``ValueError`` where the secret is empty, or no base64.
    """
    try:
        webhook = Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        raise ValueError("the secret is not whsec_ and base64, as the operator handed it over") from None
    given = {name.lower(): text for name, text in headers.items()}
    # The library gives up at a neighbour of no form, or of a form to come.
    fitting = [one for one in given.get(_SIGNATURES, "").split(" ") if _OURS.fullmatch(one)]
    if not fitting:
        raise NotGenuineError("webhook-signature is missing, or holds no signature of the form v1,…")
    try:
        webhook.verify(body, given | {_SIGNATURES: " ".join(fitting)}, json_parse=False)
    except WebhookVerificationError as error:
        raise NotGenuineError(str(error)) from None
    except ValueError:  # what the library says of headers and bodies that are of no form at all
        raise NotGenuineError("headers or body are malformed") from None
    try:
        return CallbackBody.model_validate_json(body)
    except ValidationError:
        raise UnexpectedAnswerError("callback: the body is not what the API says") from None
