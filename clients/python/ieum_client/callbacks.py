"""Whether a callback is genuine, and what it tells. Signed as Standard Webhooks has it."""

from collections.abc import Mapping

from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from ieum_client.errors import NotGenuineError, UnexpectedAnswerError
from ieum_client.models import CallbackBody


def verify_callback(secret: str, headers: Mapping[str, str], body: bytes) -> CallbackBody:
    """What a callback tells. Raises ``NotGenuineError``: answer 400 and do nothing.

    ``secret`` is what the operator handed you (``whsec_…``); while it is replaced, either will do. ``body`` is the body
    as it came, before anything has parsed it. The same callback may come again: ``reference`` and ``sequence`` are the
    same then.
    """
    webhook = Webhook(secret)
    try:
        webhook.verify(body, dict(headers), json_parse=False)
    except WebhookVerificationError as error:
        raise NotGenuineError(str(error)) from None
    except ValueError:  # what the library says of headers and bodies that are of no form at all
        raise NotGenuineError("headers or body are malformed") from None
    try:
        return CallbackBody.model_validate_json(body)
    except ValidationError:
        raise UnexpectedAnswerError("callback: the body is not what the API says") from None
