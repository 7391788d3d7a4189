"""Signatures of webhooks, as Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks (spec, v1).

The id of a message is the same whenever it is sent again: ``webhook-id`` is what a receiver tells doubles by.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
"""What every secret begins with; base64 follows."""


def signed(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message. Two secrets make two signatures: a receiver who has either takes it."""
    content = f"{message_id}.{timestamp}.".encode() + body
    made = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix(PREFIX))
        made.append("v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": " ".join(made)}
