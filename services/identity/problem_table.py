"""Problems that only identity answers with, shown at ``/problems``."""

from typing import Final

from services.identity.enrolment.passkey_pages import PASSKEY_WORDS
from services.identity.oidc.pages import WORDS as OIDC_WORDS
from services.identity.sign_in.words import WORDS
from shared.web.problem_catalog import Again, DocumentedProblem, from_words
from shared.web.translations import gettext_noop as n

PROBLEMS: Final = (
    DocumentedProblem("wrong_sign_in", 401, n("Account, password and code do not fit together.")),
    DocumentedProblem("session_over", 401, n("The session ended, or nobody used it for two hours. Sign in again.")),
    DocumentedProblem("waits_for_release", 403, n("The account is set up and was not released yet."), Again.LATER),
    DocumentedProblem("passkey_needed", 403, WORDS["passkey_needed"]),
    DocumentedProblem("passkey_missing", 403, WORDS["passkey_missing"]),
    DocumentedProblem("wait", 429, n("Too many attempts to sign in. Retry-After says when."), Again.AFTER),
    DocumentedProblem("too_many_sessions", 429, WORDS["too_many_sessions"], Again.AFTER),
)
ON_PAGES: Final = (
    *from_words(OIDC_WORDS),
    DocumentedProblem("no_credential", 401, n("This is for another service.")),
    DocumentedProblem("wrong_credential", 401, n("This is for another service.")),
    DocumentedProblem("no_such_account", 404, n("There is no such account.")),
    DocumentedProblem("no_such_organisation", 404, n("There is no such organisation.")),
    DocumentedProblem("registration_over", 403, n("This took too long. Please sign in again.")),
    DocumentedProblem("passkey_nowhere", 404, n("There are no passkeys at this address.")),
    DocumentedProblem("passkey_unknown", 404, PASSKEY_WORDS["passkey_unknown"]),
    DocumentedProblem("not_here", 409, n("Your password is not kept here but where you signed in.")),
)
"""Of pages, and of addresses that only another service asks."""
