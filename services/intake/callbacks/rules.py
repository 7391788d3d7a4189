"""What a callback may tell, where it may go, and when it is tried again. Pure; ``now`` is an argument."""

import base64
import hmac
import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import orjson

from services.intake.callbacks.models import EVENT_TYPE, CallbackSubscription, StatusChange
from services.intake.encryption.keys import KeyedDigests
from services.intake.reports import documents, waiting_period
from services.intake.reports import rules as progress_rules
from services.intake.reports.documents import Document
from services.intake.reports.models import State
from services.intake.retention import rules as retention_rules
from shared.events.envelope import iso
from shared.events.vocabulary import Role
from shared.webhooks import PREFIX

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

GIVEN_UP_AFTER: Final = timedelta(hours=24)
"""So long one change is tried."""
DROPPED_AFTER: Final = GIVEN_UP_AFTER + timedelta(hours=2)
"""So long it is kept where it cannot even be tried, such as of a front end that was disabled."""
CLOSED_AGAIN: Final = timedelta(days=1)
"""How often reports are looked at that are closed, where nothing hints at a change."""
MOST_OF_DRILLS: Final = 1_000
"""Reports that a front end for drills is told of at a time."""
FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 3600.0
LONGEST_URL: Final = 500
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
"""NAT64: an IPv4 address, perhaps a private one, in an IPv6 address that counts as global."""


class CallbackStatus(NamedTuple):
    """What may be told of a report now."""

    state: State
    since: datetime
    last: bool
    """Nothing will be told after this."""


def callback_status(document: Document, now: datetime) -> CallbackStatus | None:
    """What whoever sent a report may know of it without its receipt; None where that is nothing.

    Never more than the receipt shows: where the status needs the word, which the front end has not, nothing; of a
    report that somebody took over, that and no more.
    """
    life = retention_rules.lifecycle_of(document)
    if life.handed_over_at is not None:
        return CallbackStatus(State.HANDED_OVER, life.handed_over_at, last=True)
    facts = document.get("facts")
    if facts is not None and waiting_period.needed_for_status(document, now):
        return None
    status = progress_rules.status_of(
        document["received_at"],
        documents.progress_of(document),
        life,
        Role.read(facts["role"]) if facts else Role.VICTIM,
        documents.opened_at(document),
    )
    return CallbackStatus(status.state, status.since, last=facts is None)


def body_of(reference: str, change: StatusChange) -> bytes:
    """The body that tells of a change. The same change makes the same bytes."""
    return orjson.dumps(
        {
            "type": EVENT_TYPE,
            "timestamp": iso(change.noticed_at),
            "data": {
                "reference": reference,
                "sequence": change.sequence,
                "state": str(change.state),
                "since": iso(change.since),
            },
        }
    )


def retry_at(tries: int, now: datetime, chance: float) -> datetime:
    """When to try again after ``tries`` failures in a row; ``chance`` (0 to 1) spreads what failed together."""
    wait = min(FIRST_WAIT_S * 2.0 ** min(tries - 1, 20), LONGEST_WAIT_S)
    return now + timedelta(seconds=wait * (0.8 + 0.4 * chance))


def given_up(change: StatusChange, now: datetime) -> bool:
    """Whether a change that failed is tried no more."""
    return now - change.noticed_at >= GIVEN_UP_AFTER


def secret_of(keys: KeyedDigests, client_id: str, version: int) -> str:
    """The secret that callbacks to a front end are signed with: derived, so that none is stored."""
    return PREFIX + base64.b64encode(keys.mac("callback secret", client_id, str(version))).decode()


def reference_code(keys: KeyedDigests, report_id: str, client_id: str, reference: str) -> bytes:
    """Authenticates by which reference a front end is told of which report.

    Apart from the code of the report: builds that know nothing of callbacks make that one without it.
    """
    return keys.mac("callback reference", report_id, client_id, reference)


def change_code(keys: KeyedDigests, report_id: str, change: StatusChange) -> bytes:
    """Authenticates a change: who can write to the store has nothing told that was never so."""
    since, noticed_at = iso(change.since), iso(change.noticed_at)
    return keys.mac("callback change", report_id, change.id, str(change.sequence), change.state, since, noticed_at)


def is_authentic(keys: KeyedDigests, one: CallbackSubscription, change: StatusChange) -> bool:
    """Whether a change of a subscription is as intake wrote it."""
    reference = reference_code(keys, one.report_id, one.client, one.reference)
    made = change_code(keys, one.report_id, change)
    return hmac.compare_digest(reference, one.code) and hmac.compare_digest(made, change.code)


def code_of(keys: KeyedDigests, client_id: str, url: str, versions: Sequence[int]) -> bytes:
    """Authenticates where callbacks go: who can write to the store must not send them elsewhere."""
    return keys.mac("callback address", client_id, url, *map(str, versions))


def url_refused(url: str, networks: Sequence[Network]) -> str | None:
    """Why callbacks may not go there, as far as the address says it by itself; None where they may."""
    if len(url) > LONGEST_URL:
        return f"is longer than {LONGEST_URL} characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")  # as its name is asked for
    except ValueError:
        return "is no address"
    if not host or parts.username is not None or parts.fragment or any(letter <= " " for letter in url):
        return "must be an address with a host, and without user, fragment or spaces"
    literal = _literal(host)
    if literal is not None and not allowed(literal, networks):
        return "is a private address (INTAKE_CALLBACK_NETWORKS allows networks)"
    if parts.scheme == "http":
        local = literal is not None and literal.is_loopback
        return None if local else "must begin with https://"
    return None if parts.scheme == "https" else "must begin with https://"


def allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Whether callbacks may go to an address: a public one, or one that the deployment allows."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return allowed(address.ipv4_mapped, networks)
        if address in _TRANSLATED or address.sixtofour is not None or address.teredo is not None:
            return False
    if any(address in network for network in networks):
        return True
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False  # deprecated (RFC 3879), still in use, and global by what Python says
    return address.is_global and not address.is_multicast and not address.is_reserved


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
