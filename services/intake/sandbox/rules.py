"""Whose drills a browser may see: a visit that is good for one front end, until it ends or the front end changes. Pure.

The credential itself is typed once and kept nowhere, also not in the browser.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from services.intake.clients.models import Client
from services.intake.encryption.keys import KeyedDigests

LASTS: Final = timedelta(hours=8)
_MOST_CHARS: Final = 200


def visit_of(keys: KeyedDigests, client: Client, now: datetime) -> str:
    """The cookie of a visit that begins now."""
    ends = str(int((now + LASTS).timestamp()))
    return f"{client.client_id}.{ends}.{_mac(keys, client, ends)}"


def visitor(keys: KeyedDigests, clients: Mapping[str, Client], cookie: str, now: datetime) -> Client | None:
    """The front end whose drills may be seen; None where the visit is over, or is none.

    Any change of the front end by an administrator (a new secret, disabled) ends its visits.
    """
    client_id, _, rest = cookie.partition(".")
    ends, _, mac = rest.partition(".")
    client = clients.get(client_id)
    if len(cookie) > _MOST_CHARS or client is None or client.disabled or not client.sandbox:
        return None
    if not (ends.isascii() and ends.isdigit()) or int(ends) <= now.timestamp():
        return None
    return client if hmac.compare_digest(mac.encode(), _mac(keys, client, ends).encode()) else None


def _mac(keys: KeyedDigests, client: Client, ends: str) -> str:
    return keys.mac("sandbox visit", client.client_id, str(client.version), *client.digests, ends).hex()
