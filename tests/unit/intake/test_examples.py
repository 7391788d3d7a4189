"""Every operation of the API is shown by an example, and every example is what the operation takes and gives."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from services.intake.examples import ACCEPTED, ANSWERS, EXAMPLES, PROOF_KEY, RECEIPT_EXAMPLES
from services.intake.receipts.models import (
    AmendmentAsked,
    MessageAsked,
    ReceiptQuestion,
    TakeOverAsked,
    WithdrawalAsked,
    WordAsked,
)
from services.intake.reports.models import Accepted, AnswersLeft, HandOver, ProofKey, StatusAnswer, Taken, TakenOver
from services.intake.submissions.models import Submission

DOCUMENT = json.loads((Path(__file__).parents[3] / "docs" / "openapi" / "intake.json").read_text())
REFERRED = {"components": DOCUMENT["components"]}
"""What the schemas refer to."""
TAKES: dict[str, type[BaseModel]] = {
    "status": ReceiptQuestion,
    "messages": MessageAsked,
    "answers": ReceiptQuestion,
    "amend": AmendmentAsked,
    "withdraw": WithdrawalAsked,
    "reinstate": ReceiptQuestion,
    "word": WordAsked,
    "word/cancel": ReceiptQuestion,
    "hand-over": ReceiptQuestion,
    "hand-over/cancel": ReceiptQuestion,
    "take-over": TakeOverAsked,
}
GIVES: dict[str, type[BaseModel]] = {"answers": AnswersLeft, "hand-over": HandOver, "take-over": TakenOver}
"""Where it is not the status or what was taken."""


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{m} {path}", one) for path, found in DOCUMENT["paths"].items() for m, one in found.items()]


@pytest.mark.parametrize(("name", "operation"), operations())
def test_every_operation_has_examples_both_ways_that_fit_its_schemas(name: str, operation: dict[str, Any]) -> None:
    for body in operation.get("requestBody", {}).get("content", {}).values():
        assert body["examples"], name
        for example in body["examples"].values():
            jsonschema.Draft202012Validator({**body["schema"], **REFERRED}).validate(example["value"])
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    assert answers
    assert all(answer["content"]["application/json"]["example"] for answer in answers), name


def test_the_models_take_and_give_them() -> None:
    for example in EXAMPLES.values():
        Submission.model_validate_json(json.dumps(example["value"]))
    assert RECEIPT_EXAMPLES.keys() == ANSWERS.keys() == TAKES.keys()
    for operation, examples in RECEIPT_EXAMPLES.items():
        for example in examples.values():
            TAKES[operation].model_validate_json(json.dumps(example["value"]))
        gives = Taken if "number" in ANSWERS[operation] else GIVES.get(operation, StatusAnswer)
        gives.model_validate_json(json.dumps(ANSWERS[operation]))
    Accepted.model_validate(ACCEPTED)
    ProofKey.model_validate(PROOF_KEY)
