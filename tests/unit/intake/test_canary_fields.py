"""Whatever somebody can type has a canary: a new field of the API or the form fails here until it has one.

The canaries themselves go the whole way in ``tests/integration/trust/test_canary.py``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
import pytest
from pydantic import BaseModel

from services.intake.receipts import amendments
from services.intake.receipts import models as asking
from services.intake.receipts.models import AmendmentAsked, MessageAsked, ReceiptQuestion, WithdrawalAsked, WordAsked
from services.intake.reports.documents import _ANSWERS, SEALED_FIELDS
from services.intake.submissions.models import Submission, SubmissionPart
from services.intake.webform import form, steps
from shared.events.reports import ReportFacts
from shared.web.form_body import Typed
from tests.integration.trust.canaries import Canaries
from tests.integration.trust.street import Street

NOT_TYPED: Final = {
    "language": "two or three letters, published",
    "division": "published; a place nobody knows is refused",
    "district": "five digits, published; others are refused",
    "declined_centers": "published; others are refused",
    "consents.version": "which wording was agreed to, published nowhere and no word of theirs",
}
"""Texts of the API that are no words of somebody's own, and why."""
CHOSEN_CONTROLS: Final = {
    *("role", "relation", "victim_knows", "victim_agrees", "harm_types", "threatened", "money_demanded"),
    *("still_spreading", "platform_kind", "relationship", "already_told", "division", "district", "declined_centers"),
    *("age_band", "gender", "language", "contact_channels", "may_leave_message", "may_say", "consents"),
    "word_for_status",
}
"""Controls of the form in which one chooses."""
KEPT_OTHERWISE: Final = {
    "consents": "in the open, in a part of the document of its own",
    "word": "as its keyed digest",
    "word_for_status": "beside that digest",
}
"""Fields of a report that are neither sealed nor facts."""
SENT_WITH_CANARIES: Final[dict[type[BaseModel], set[str]]] = {
    MessageAsked: {"receipt", "word", "text"},
    WordAsked: {"receipt", "word", "new_word"},
    WithdrawalAsked: {"receipt", "word"},
    ReceiptQuestion: {"receipt", "word"},
}
"""Texts that ``tests/integration/trust/street.py`` sends with canaries where each request is made."""
ELSEWHERE: Final = {"AmendmentAsked", "Amendment", "TakeOverAsked"}
"""Models with a test of their own here, or sent by the street in one of their own requests."""


def typed_fields(schema: Mapping[str, Any], definitions: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """The places of a schema in which any text can stand, dotted."""
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "enum" in schema or "const" in schema:
        return
    for option in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from typed_fields(option, definitions, place)
    for name, inner in schema.get("properties", {}).items():
        yield from typed_fields(inner, definitions, f"{place}.{name}" if place else name)
    if schema.get("type") == "string":
        yield place


def typed_in(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    return set(typed_fields(schema, schema.get("$defs", {}))) - NOT_TYPED.keys()


def street() -> Street:
    made = Street.__new__(Street)
    made.canaries = Canaries(seed=1)
    return made


def at(body: Mapping[str, Any], place: str) -> str:
    found: Any = body
    for part in place.split("."):
        found = found.get(part, "")
    return "\n".join(found) if isinstance(found, list) else str(found)


def without_canary(canaries: Canaries, body: Mapping[str, Any], places: set[str]) -> list[str]:
    return sorted(place for place in places if not any(one.typed in at(body, place) for one in canaries.all))


def test_every_text_of_a_report_has_a_canary() -> None:
    here = street()
    body = here.report("victim") | {"word": here.canaries.line("word")}
    assert Submission.model_validate_json(_json(body))
    assert {"narrative", "contact.not_safe", "threat_deadline", "urls", "word"} <= typed_in(Submission)
    assert without_canary(here.canaries, body, typed_in(Submission)) == []


def test_every_field_of_a_report_is_kept() -> None:
    kept = {*SEALED_FIELDS, *_ANSWERS, *ReportFacts.model_fields, *KEPT_OTHERWISE}
    lost = set(Submission.model_fields) - kept
    assert lost == set(), "sealed by services/intake/reports/documents.py, or a fact"


def test_an_addition_leaves_every_other_fact_as_it_was() -> None:
    facts = Submission.model_fields.keys() & ReportFacts.model_fields.keys()
    lost = facts - {*amendments._KEPT, *amendments._ANSWERS}
    assert lost == {"division", "district"}, "only places are taken from the facts: all others stand in _KEPT"


def test_every_text_of_an_addition_has_a_canary() -> None:
    here = street()
    canaries = here.canaries
    body = here.amendment("victim") | {"receipt": canaries.line("receipt"), "word": canaries.line("word")}
    assert AmendmentAsked.model_validate_json(_json(body))
    assert without_canary(canaries, body, typed_in(AmendmentAsked)) == []


@pytest.mark.parametrize("model", SENT_WITH_CANARIES, ids=lambda model: model.__name__)
def test_every_text_of_a_request_about_a_receipt_is_known(model: type[BaseModel]) -> None:
    assert typed_in(model) == SENT_WITH_CANARIES[model]


def test_every_kind_of_request_is_looked_at() -> None:
    asked = {
        name
        for name, one in vars(asking).items()
        if isinstance(one, type) and issubclass(one, SubmissionPart) and one.__module__ == asking.__name__
    }
    assert asked == {model.__name__ for model in SENT_WITH_CANARIES} | (asked & ELSEWHERE)


def test_every_control_in_which_one_types_has_a_canary() -> None:
    here = street()
    sent = here.form("form")
    controls = {control for step in steps.STEPS for control in step.controls} | set(steps.LAST)
    assert len(controls) > 30
    # An earlier receipt is looked up and kept nowhere; one with a canary in it is refused like any that does not exist.
    assert without_canary(here.canaries, sent, controls - CHOSEN_CONTROLS - {"earlier_receipt"}) == []
    raw, problems = form.submission_of(Typed({name: (value,) for name, value in sent.items()}), "ko")
    assert problems == []
    assert Submission.model_validate_json(_json(raw)).threat_deadline is not None


def test_a_new_field_would_be_missed() -> None:
    here = street()

    class More(Submission):
        nickname: str | None = None

    assert without_canary(here.canaries, here.report("victim"), typed_in(More)) == ["nickname", "word"]


def _json(body: Mapping[str, Any]) -> bytes:

    return orjson.dumps(body)
