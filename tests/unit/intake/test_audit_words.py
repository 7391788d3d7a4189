"""The auditor reads words, not codes, for everything intake gives as a reason."""

import re

import pytest

from services.intake import problems
from services.intake.reports.lifecycle import ErasureCause, Reason
from services.intake.retention import service as decisions
from services.intake.retention import words as erasure_words
from services.intake.staff_access.rules import AccessRefusal
from shared.web.audit_labels import REASONS
from shared.web.translations import SHARED_LOCALE, load

CODES = (
    {*Reason, *ErasureCause, *AccessRefusal, "unknown_receipt", "wrong_word", "invalid"}
    | problems._STEPS.keys()
    | decisions.REFUSALS.keys()
    | {way for way, _ in erasure_words.WAYS}
)


@pytest.mark.parametrize("code", sorted(str(code) for code in CODES))
def test_every_reason_has_words_in_both_languages(code: str) -> None:
    assert re.search("[가-힣]", load([SHARED_LOCALE])["ko"].gettext(REASONS[code]))
