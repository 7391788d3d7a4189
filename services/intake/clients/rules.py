"""Whether a front end is let in. Pure."""

import hmac
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from services.intake.clients.models import Client, read_credential
from services.intake.encryption.keys import KeyedDigests
from shared.identity.roles import Scope

NO_CREDENTIAL: Final = "no_credential"


class CredentialRefusal(StrEnum):
    """Why it is turned away."""

    UNKNOWN = "wrong_credential"
    """Malformed, no such front end, or not its secret: told alike."""
    DISABLED = "client_disabled"
    SCOPE = "scope_missing"


def digest_of(keys: KeyedDigests, client_id: str, secret: str) -> str:
    """Digest a secret for storage.

    Keyed SHA-256 and not a slow password hash: a secret has 256 random bits, so there is nothing to guess, and this
    runs with every report. Bound to the id, so that a stored digest is worth nothing under another one.
    """
    return keys.mac("client secret", client_id, secret).hex()


def digest_among(keys: KeyedDigests, stored: Sequence[str], client_id: str, secret: str) -> str | None:
    """Return the stored digest of this secret; None if there is none."""
    made, found = digest_of(keys, client_id, secret), None
    for digest in stored:
        if hmac.compare_digest(made, digest):
            found = digest
    return found


def judge(
    keys: KeyedDigests, clients: Mapping[str, Client], credential: str, scope: Scope
) -> Client | CredentialRefusal:
    """The front end a credential belongs to, if it may do this."""
    read = read_credential(credential)
    if read is None:
        return CredentialRefusal.UNKNOWN
    client_id, secret = read
    # An unknown id takes the same way as a wrong secret.
    client = clients.get(client_id)
    right = digest_among(keys, client.digests if client is not None else ("",), client_id, secret)
    if client is None or right is None:
        return CredentialRefusal.UNKNOWN
    if client.disabled:
        return CredentialRefusal.DISABLED
    return client if client.may(scope) else CredentialRefusal.SCOPE
