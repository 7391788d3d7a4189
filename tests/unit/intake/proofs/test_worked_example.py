"""The worked example of the page about proofs, computed as the page says and as intake does."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from services.intake.encryption.keys import KeyedDigests
from services.intake.proofs import rules
from services.intake.reports import receipt_numbers
from services.intake.submissions.models import Submission
from services.intake.submissions.rules import content_digest, content_of

PAGE: Final = (Path(__file__).parents[4] / "docs/reference/proofs.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def worked() -> dict[str, Any]:
    """What the page's own lines compute."""
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(block, found)  # noqa: S102  # a page of this repository
    return found


def test_the_page_computes_the_marks_that_it_shows(worked: dict[str, Any]) -> None:
    shown = dict(re.findall(r"^\| `(\w+_mark)` \| `([0-9a-f]{64})` \|$", PAGE, re.MULTILINE))
    assert shown == {name: worked[name] for name in ("receipt_mark", "content_mark")}


def test_intake_computes_the_same(worked: dict[str, Any]) -> None:
    keys = KeyedDigests(worked["key"])
    content = content_of(Submission.model_validate_json(worked["content"]))
    assert content == worked["content"].encode()
    receipt = receipt_numbers.read(worked["receipt"])
    assert receipt is not None
    statement = rules.ProofStatement(
        rules.mark_of(keys, receipt),
        "2026-11-24T12:00:00.000Z",
        rules.content_mark(keys, content_digest(content)),
    )
    assert (statement.receipt_mark, statement.content_mark) == (worked["receipt_mark"], worked["content_mark"])
    signer = rules.ProofSigner(bytes(range(32, 64)))
    [proof] = re.findall(r"```text\n(\S+)\n```", PAGE)
    assert signer.sign(statement) == proof
    assert rules.verify_proof(proof, signer.public_key) == statement
