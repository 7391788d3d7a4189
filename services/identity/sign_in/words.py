"""Refused sign-ins in words, and their status."""

from typing import Final

from shared.web.translations import gettext_noop

WORDS: Final = {
    "wrong_sign_in": gettext_noop("Account, password and code do not fit together."),
    "wait": gettext_noop("Too many attempts. Please wait, or use a recovery code."),
    "too_many_sessions": gettext_noop(
        "You have signed in so often lately that for now you can do so only once in ten minutes. Where you are signed"
        " in already you can go on. If it was not you, tell whoever manages accounts at once: somebody has your"
        " password and your second factor."
    ),
    "waits_for_release": gettext_noop(
        "Your account is set up and waits for release by a lead or a second administrator."
    ),
    "passkey_needed": gettext_noop(
        "Your role signs in with a passkey. If you lost it, use a recovery code and register another."
    ),
    "passkey_missing": gettext_noop("Your role signs in with a passkey. Register one on the sign-in page first."),
}
STATUS: Final = {
    "wrong_sign_in": 401,
    "wait": 429,
    "too_many_sessions": 429,
    "waits_for_release": 403,
    "passkey_needed": 403,
    "passkey_missing": 403,
}
