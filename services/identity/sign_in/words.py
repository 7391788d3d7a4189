"""Refused sign-ins in words, and their status."""

from typing import Final

from shared.web.translations import gettext_noop

WORDS: Final = {
    "wrong_sign_in": gettext_noop("Account, password and code do not fit together."),
    "wait": gettext_noop("Too many attempts. Please wait, or use a recovery code."),
    "waits_for_release": gettext_noop(
        "Your account is set up and waits for release by a lead or a second administrator."
    ),
}
STATUS: Final = {"wrong_sign_in": 401, "wait": 429, "waits_for_release": 403}
