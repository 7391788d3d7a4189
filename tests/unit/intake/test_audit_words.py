"""The auditor reads words, not codes, for everything intake gives as a reason."""

import re

import pytest

from services.intake import decisions, refusals
from services.intake.model.life import Cause, Reason
from services.intake.policy.opening import Refusal
from services.intake.rendering import erasure_words
from shared.web.audit_words import REASONS
from shared.web.translations import SHARED_LOCALE, load

CODES = (
    {*Reason, *Cause, *Refusal, "unknown_receipt", "wrong_word", "invalid"}
    | refusals._STEPS.keys()
    | decisions._REFUSALS.keys()
    | {way for way, _ in erasure_words.WAYS}
)


@pytest.mark.parametrize("code", sorted(str(code) for code in CODES))
def test_every_reason_has_words_in_both_languages(code: str) -> None:
    assert re.search("[가-힣]", load([SHARED_LOCALE])["ko"].gettext(REASONS[code]))
