"""The auditor reads words, not codes, for everything identity does and gives as a reason."""

import re

import pytest

from services.identity.accounts import account_page
from services.identity.audit_recorder import AuditAction
from services.identity.oidc import pages as oidc_pages
from services.identity.sign_in import words
from shared.web.audit_labels import ACTIONS, REASONS
from shared.web.translations import SHARED_LOCALE, load

IN_PLACE_OF_ANOTHER = {"step_up_unavailable"}
"""Shown to people alone; the audit has ``provider_unavailable``."""
CODES = (words.WORDS.keys() | oidc_pages.WORDS.keys() | account_page.REASONS.keys()) - IN_PLACE_OF_ANOTHER | {
    "no_invitation",
    "most_accounts",
    "counter_went_back",
    "command",
    "unsealed",
    "altered",
    "removed",
    "unknown_key",
    "not_opened",
}


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_reason_has_words_in_both_languages(code: str) -> None:
    assert re.search("[가-힣]", load([SHARED_LOCALE])["ko"].gettext(REASONS[code]))


@pytest.mark.parametrize("action", AuditAction)
def test_every_action_has_words_in_both_languages(action: AuditAction) -> None:
    assert re.search("[가-힣]", load([SHARED_LOCALE])["ko"].gettext(ACTIONS[action.value]))
