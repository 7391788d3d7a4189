"""Both languages' clients take the same callbacks for genuine, and refuse the same others."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import ieum_client
from ieum_client import IeumError, verify_callback
from services.intake.callbacks import rules
from services.intake.callbacks.models import StatusChange
from shared.clock import SystemClock, whole_milliseconds
from shared.webhooks import PREFIX, signed
from tests.unit.clients.node import assert_passes

SECRET, OTHER = (PREFIX + base64.b64encode(bytes([one]) * 32).decode() for one in range(2))
NOW: Final = whole_milliseconds(SystemClock().now())
CHANGE: Final = StatusChange(id="one", sequence=2, state="seen", since=NOW, noticed_at=NOW)
BODY: Final = rules.body_of("k3J9-fQ27", CHANGE)


class Case(NamedTuple):
    """A callback, and the error that it is refused with."""

    name: str
    headers: dict[str, str]
    body: bytes = BODY
    error: str = ""


def cases() -> Iterator[Case]:
    """Made when the test begins: what was signed more than five minutes ago counts no more."""
    now = int(time.time())
    good = signed([SECRET], "one", now, BODY)
    signature = good["webhook-signature"]
    yield Case("genuine", good)
    yield Case("while the secret is replaced", signed([OTHER, SECRET], "one", now, BODY))
    yield Case("beside a signature of another kind", good | {"webhook-signature": f"v1a,YQ== {signature}"})
    for neighbour in ("garbage", "v1,x", "v1,YQ,YQ", "v1", ""):
        yield Case(f"beside {neighbour!r}", good | {"webhook-signature": f"{neighbour} {signature}"})
    yield Case("a word and a field of tomorrow", *also(BODY.replace(b'"seen"', b'"hopeful","more":[1]'), now))
    for name, headers, body in (
        ("signed with another secret", signed([OTHER], "one", now, BODY), BODY),
        ("nothing is signed", good | {"webhook-signature": "v1,"}, BODY),
        ("another state", good, BODY.replace(b"seen", b"closed")),
        ("no body", good, b""),
        ("another id", good | {"webhook-id": "two"}, BODY),
        ("another time", good | {"webhook-timestamp": str(now - 1)}, BODY),
        ("signed long ago", signed([SECRET], "one", now - 600, BODY), BODY),
        ("from ahead", signed([SECRET], "one", now + 600, BODY), BODY),
        ("no time", good | {"webhook-timestamp": "soon"}, BODY),
        ("no signature of any form", good | {"webhook-signature": "genuine"}, BODY),
        ("no base64", good | {"webhook-signature": "v1,abcde"}, BODY),
        ("a signature of another kind alone", good | {"webhook-signature": signature.replace("v1,", "v2,")}, BODY),
        *((f"without {name}", {key: good[key] for key in good if key != name}, BODY) for name in good),
    ):
        yield Case(name, headers, body, "NotGenuineError")
    for text in (b"{}", b"[]", b"null", b"none", BODY.replace(b"sequence", b"number")):
        yield Case(f"signed, and not what the API says: {text[:9].decode()}", *also(text, now), "UnexpectedAnswerError")


def also(body: bytes, now: int) -> tuple[dict[str, str], bytes]:
    """Signed as intake signs."""
    return signed([SECRET], "one", now, body), body


@pytest.mark.parametrize("secret", ["", PREFIX, "whsec_비밀"])
def test_a_secret_that_is_none_is_the_callers_mistake_and_no_forged_callback(secret: str) -> None:
    with pytest.raises(ValueError, match="the secret is not whsec_ and base64"):
        verify_callback(secret, signed([SECRET], "one", int(time.time()), BODY), BODY)


def test_the_python_client() -> None:
    for case in cases():
        if case.error:
            with pytest.raises(IeumError) as caught:
                verify_callback(SECRET, case.headers, case.body)
            assert type(caught.value) is getattr(ieum_client, case.error), case.name
        else:
            found = verify_callback(SECRET, {name.title(): text for name, text in case.headers.items()}, case.body)
            sent: dict[str, Any] = json.loads(case.body)
            assert found.data.model_dump(mode="json") | {"since": sent["data"]["since"]} == sent["data"], case.name
            assert (found.type, found.data.since) == ("report.status_changed", NOW), case.name


@pytest.mark.thorough
def test_the_typescript_client(compiled: Path, tmp_path: Path) -> None:
    written = [case._asdict() | {"secret": SECRET, "body": case.body.decode()} for case in cases()]
    assert_passes("callbacks.mjs", written, compiled, tmp_path, tests=4 * len(written))
