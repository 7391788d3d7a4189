"""What a callback may tell, where it may go, and how long it is tried."""

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.intake.callbacks import rules
from services.intake.callbacks.models import StatusChange
from services.intake.reports.models import State
from services.intake.reports.waiting_period import FOR_STATUS, WORD
from shared.clock import SystemClock
from shared.events.cases import CaseAcknowledged, CaseContacted
from shared.events.vocabulary import Role
from shared.webhooks import signed
from tests.support.keys import KEYS, OTHER_KEYS
from tests.unit.intake.reports.test_rules import FACTS, REPORT, T0, at, case, folded, routed

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


def document(role: Role = Role.VICTIM, *, more: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    progress = folded(routed(), case(CaseAcknowledged, 1, 3), case(CaseContacted, 2, 5))
    facts = FACTS.model_copy(update={"role": role}).model_dump(mode="json")
    return {"_id": REPORT, "received_at": T0, "facts": facts, "progress": progress.model_dump(), **more}


def told(found: dict[str, Any]) -> tuple[State, bool] | None:
    said = rules.callback_status(found, at(60))
    return None if said is None else (said.state, said.last)


def test_a_callback_tells_what_the_receipt_shows_and_no_more() -> None:
    assert told(document()) == (State.IN_CONTACT, False)
    # Of somebody else's report only that it was seen.
    assert told(document(Role.REPRESENTATIVE)) == (State.SEEN, False)
    assert told(document(Role.THIRD_PARTY)) == (State.SEEN, False)
    # Where the status needs the word, which the front end has not, nothing.
    assert told(document(more={WORD: "hash", FOR_STATUS: True})) is None
    assert told(document(more={WORD: "hash"})) == (State.IN_CONTACT, False)
    # Who sent it learns that somebody took it over, and nothing after that.
    assert told(document(more={"life": {"handed_over_at": at(10)}})) == (State.HANDED_OVER, True)
    assert told({"_id": REPORT, "received_at": T0, "life": {"erased_at": at(20)}}) == (State.ERASED, True)


CHANGE = StatusChange(id="one", sequence=3, state=State.SEEN, since=at(1), noticed_at=at(2))


def test_what_is_sent_is_signed_with_every_secret_that_counts_and_names_nobody() -> None:
    body = rules.body_of("k3J9", CHANGE)
    assert orjson.loads(body) == {
        "type": "report.status_changed",
        "timestamp": "2026-11-24T12:02:00.000Z",
        "data": {"reference": "k3J9", "sequence": 3, "state": "seen", "since": "2026-11-24T12:01:00.000Z"},
    }
    new, old = (rules.secret_of(KEYS.callbacks, "portal", version) for version in (2, 1))
    stamp = int(SystemClock().now().timestamp())
    headers = signed([new, old], "one", stamp, body)
    for secret in (new, old):
        Webhook(secret).verify(body, headers)
    for secret in (
        rules.secret_of(KEYS.callbacks, "portal", 3),
        rules.secret_of(KEYS.callbacks, "other", 2),
        rules.secret_of(OTHER_KEYS.callbacks, "portal", 2),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)
    for altered in (body.replace(b"seen", b"closed"), b""):
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(altered, headers)
    with pytest.raises(WebhookVerificationError):  # the id a receiver tells doubles by is signed too
        Webhook(new).verify(body, headers | {"webhook-id": "two"})
    with pytest.raises(WebhookVerificationError):  # and the time: what is older than five minutes counts no more
        Webhook(new).verify(body, signed([new], "one", stamp - 600, body))


def test_where_callbacks_go_is_authenticated() -> None:
    code = rules.code_of(KEYS.callbacks, "portal", "https://a.example", (1,))
    for other in (
        rules.code_of(KEYS.callbacks, "portal", "https://b.example", (1,)),
        rules.code_of(KEYS.callbacks, "other", "https://a.example", (1,)),
        rules.code_of(KEYS.callbacks, "portal", "https://a.example", (2, 1)),
    ):
        assert other != code


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://front.example.org/callbacks?a=b", ()),
        ("https://203.0.113.9/", (ipaddress.ip_network("203.0.113.0/24"),)),
        ("http://127.0.0.1:9000/x", LOOPBACK),
        ("https://10.1.2.3/x", (ipaddress.ip_network("10.0.0.0/8"),)),
    ],
)
def test_an_address_by_https_may_be_set(url: str, where: Any) -> None:
    assert rules.url_refused(url, where) is None


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://front.example.org/", ()),
        ("http://localhost/", LOOPBACK),  # a name may stand for another address tomorrow
        ("http://127.0.0.1:9000/x", ()),
        ("https://127.0.0.1/", ()),
        ("http://10.1.2.3/x", (ipaddress.ip_network("10.0.0.0/8"),)),
        ("https://10.1.2.3/x", LOOPBACK),
        ("https://[::1]/", ()),
        ("https://[fec0::1]/", ()),
        ("https://user:secret@front.example.org/", ()),
        ("https://front.example.org/#a", ()),
        ("https://front.example.org:port/", ()),
        ("https:///x", ()),
        ("https://front..example.org/", ()),  # a typing mistake that no name server can be asked about
        ("https://" + "x" * 64 + ".example.org/", ()),
        ("ftp://front.example.org/", ()),
        ("", ()),
        ("https://front.example.org/" + "x" * 500, ()),
    ],
)
def test_other_addresses_are_refused(url: str, where: Any) -> None:
    assert rules.url_refused(url, where)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",  # noqa: S104  # what is refused
            "224.0.0.1",
        ),
        *(
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ),
        *("2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
def test_no_private_address_is_allowed_however_it_is_written(address: str) -> None:
    assert not rules.allowed(ipaddress.ip_address(address), ())


def test_public_addresses_are_allowed_and_private_ones_that_the_deployment_names() -> None:
    for address in ("8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"):
        assert rules.allowed(ipaddress.ip_address(address), ())
    for address in ("127.0.0.1", "::ffff:127.0.0.1"):
        assert rules.allowed(ipaddress.ip_address(address), LOOPBACK)


def test_a_change_is_tried_later_each_time_for_a_day() -> None:
    now, waits = T0, []
    for tries in range(1, 60):
        again = rules.retry_at(tries, now, 0.5)
        waits.append((again - now).total_seconds())
        now = again
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (5.0, 3600.0)
    change = CHANGE.model_copy(update={"noticed_at": T0})
    times = [T0]
    while not rules.given_up(change, times[-1]):
        times.append(rules.retry_at(len(times), times[-1], 0.5))
    assert timedelta(hours=24) <= times[-1] - T0 < timedelta(hours=26)
    assert len(times) > 24
    assert isinstance(times[-1], datetime)
