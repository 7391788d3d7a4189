"""The page of scopes and limits of intake's API: what a credential may do, how much, how often, how long."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from services.intake.clients.dependencies import REFRESH_S
from services.intake.clients.models import MOST_PER_MINUTE, PER_MINUTE
from services.intake.handover import rules as handover
from services.intake.rate_limits import receipts as tries
from services.intake.rate_limits.rules import HELD_S, Tier, allowed
from services.intake.receipts.amendments import AMENDMENTS, DECLINED_WITH_RECEIPT
from services.intake.receipts.service import MESSAGES
from services.intake.reports.waiting_period import WAIT
from services.intake.retention.rules import UNDO_FOR
from services.intake.settings import IntakeSettings
from shared.identity.roles import Scope
from shared.web.middleware import BODY_BYTES_PER_S, BODY_S
from tools.docs_generation import openapi

_HEAD: Final = """# Scopes and limits

Of intake's API, for front-end teams. Written by `make docs` from the code and its OpenAPI document; `make check`
compares. What each refusal means, and whether to try again, is at `/problems` of intake.

## What a credential may do

An operator gives a credential its scopes (`ieum client add portal --scope reports:submit`, and so on). An operation
outside them is refused with 403 `scope_missing`, which names the scope, also in `WWW-Authenticate` (RFC 6750).

"""
_OBJECTS: Final = (
    ("Submission", "of a report, and of an addition to it"),
    ("Contact", "of `contact`"),
    ("MessageAsked", "of a message"),
    ("WordAsked", "of a word"),
)


def files() -> dict[str, str]:
    """The page, by its path below ``docs``."""
    return {"reference/limits.md": page(json.loads(openapi.files()["openapi/intake.json"]))}


def page(document: Mapping[str, Any]) -> str:
    """The page for an OpenAPI document of intake."""
    schemas = document["components"]["schemas"]
    sizes = "\n".join(
        f"### Fields {title}\n\n{_table(('field', 'at most'), _sizes(schemas[name]))}" for name, title in _OBJECTS
    )
    return (
        f"{_HEAD}{_table(('scope', 'operations'), _scopes(document))}\n"
        f"## How much may be sent\n\n{_table(('what', 'limit', 'beyond it'), _amounts())}\n{sizes}\n"
        f"## How often\n\n{_table(('what', 'limit', 'beyond it'), _rates())}\n{_RATE_HEADERS}\n"
        f"## How long\n\n{_table(('what', 'time'), _times())}"
    )


_RATE_HEADERS: Final = """Every answer to a known credential tells what is left, as the IETF draft “RateLimit header
fields for HTTP” writes it: `RateLimit-Policy: "front-end";q=600;w=60` (600 in 60 seconds) and
`RateLimit: "front-end";r=599;t=1` (599 left, all of them again in 1 second). The limit counts in each intake process;
with several of them more may pass. Requests refused with 401, or with 403 of another code than `drills_only`, are not
counted, and their answers tell nothing.
"""


def _scopes(document: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"`{operation['operationId']}` ({method.upper()} `{path}`)"
            for scheme in operation.get("security") or [{"": ["none"]}]:  # one of them is enough
                for scope in next(iter(scheme.values())):
                    found.setdefault(scope, []).append(name)
    drills = found.pop(Scope.REPORTS_DRILL)
    for scope, operations in found.items():
        yield f"`{scope}`" if scope != "none" else "none: everybody may", ", ".join(operations)
    said = f"all {len(drills)} that need a credential, of drills alone that were made with it; it stands alone"
    yield f"`{Scope.REPORTS_DRILL}`", said


def _sizes(schema: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, whole in schema["properties"].items():
        for part in whole.get("anyOf", [whole]):
            said = []
            if "maxItems" in part:
                said.append(f"{part['maxItems']} entries")
            inner = part.get("items", part)
            if "maxLength" in inner:
                shortest = f"{inner['minLength']} to " if inner.get("minLength", 0) > 1 else ""
                said.append(f"{shortest}{inner['maxLength']:,} characters")
            if "pattern" in inner:
                said.append(f"the form `{inner['pattern']}`")
            if said:
                yield f"`{name}`", " of ".join(said)


def _amounts() -> Iterator[tuple[str, ...]]:
    yield "a request's body", "64 KB, uncompressed JSON", "413 `too_large`, 415"
    yield "a page's form", "64 KB typed, as a browser quotes it three times that", "413 `too_large`, 415"
    yield (
        "the time that a body takes",
        f"{BODY_S:.0f} s, and 1 s for each {BODY_BYTES_PER_S:.0f} bytes",
        "408 `too_slow`",
    )
    yield "`Idempotency-Key`", "16 to 128 of A-Z a-z 0-9 . _ : ~ + / = -", "400 `invalid_header`"
    yield "`Ieum-Visitor`, `Ieum-Callback`", "1 to 64 letters, digits, `_` or `-`", "400 `invalid_header`"
    yield "messages with one receipt; counted anew from when a word counts", f"{MESSAGES}", "409 `too_many_messages`"
    yield (
        "additions with one receipt; counted anew from when a word counts",
        f"{AMENDMENTS}",
        "409 `too_many_amendments`",
    )
    yield "centres declined by an addition without a word", f"{DECLINED_WITH_RECEIPT}", "422 `too_many_declined`"


def _rates() -> Iterator[tuple[str, ...]]:
    per_network = IntakeSettings.model_fields["wrong_receipts_per_hour"].default
    held = f"429 for {_hours(timedelta(seconds=HELD_S))}, with `Retry-After`"
    later = "429 with `Retry-After`"
    yield (
        "requests of one credential",
        f"{PER_MINUTE} a minute unless the operator said otherwise (1 to {MOST_PER_MINUTE:,}, `--per-minute`)",
        later,
    )
    yield "reports", "no limit but that one", ""
    usual, strict = (allowed(Tier.VISITOR, per_network, strict=strict) for strict in (False, True))
    yield (
        "wrong receipts, codes and words of one `Ieum-Visitor`",
        f"{usual} an hour; {strict} while somebody tries receipts all over the country",
        held,
    )
    yield "the same of one front end", f"{allowed(Tier.FRONT_END, per_network, strict=False)} an hour", held
    yield (
        "wrong words for one receipt, from one visitor, or one front end without visitors",
        f"{tries.WRONG_FROM_PLACE} an hour",
        later,
    )
    yield "the same from all visitors of a front end", f"{tries.WRONG_FROM_FRONT_END} an hour", later
    yield "the same from everywhere", f"{tries.WRONG_PER_RECEIPT} an hour", later


def _times() -> Iterator[tuple[str, ...]]:
    yield (
        "a report sent again with its `Idempotency-Key` gets the same receipt",
        "as long as the report is kept; then 409 `idempotency_conflict`, and no second one is made",
    )
    yield "a message or addition sent again with its key gets the same answer", "as long as the report is kept"
    yield "taking over, sent again with its key, gets the same receipt", _hours(handover.REPEATED_FOR)
    yield "a code for taking a report over counts", _hours(handover.OPEN_FOR)
    yield "a withdrawal can be undone", _hours(UNDO_FOR)
    yield "destruction at once, asked for with the receipt alone, can be cancelled", _hours(WAIT)
    yield "a first word, set with the receipt alone, counts after", _hours(WAIT)
    yield "a new credential counts, and a disabled one no longer does, after at most", f"{REFRESH_S:.0f} s"


def _hours(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(line)} |\n" for line in (head, *rows)]
    return lines[0] + "|---" * len(head) + "|\n" + "".join(lines[1:])
