"""Parts of the pages of accounts: refusals in words, the picture of a second factor, the end of an old session."""

from typing import Annotated, Final

import segno
from fastapi import Form
from markupsafe import Markup
from starlette.requests import Request

from services.identity.accounts.models import Account
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import Weakness
from services.identity.audit_recorder import Actor, AuditAction, line
from services.identity.passkeys.service import Passkeys
from services.identity.problems import unavailable
from services.identity.sessions.cookies import REGISTER_COOKIE, short_of
from services.identity.sessions.service import Issued, Sessions
from services.identity.sign_in.words import WORDS
from shared.audit.entries import where_of
from shared.audit.store import AuditLog
from shared.errors import TransientError
from shared.identity.cookies import session_secret
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

PASSWORD_WORDS: Final[dict[str, str]] = {
    Weakness.TOO_SHORT: gettext_noop("Use at least 12 characters. A sentence is fine."),
    Weakness.TOO_LONG: gettext_noop("Use at most 128 characters."),
    Weakness.COMMON: gettext_noop("Others use this password too, so it is guessed first. Choose another."),
    Weakness.NAMED: gettext_noop("This is little more than a name that everybody knows. Choose another."),
}
ENROL_WORDS: Final[dict[str, str]] = {
    **WORDS,
    "no_invitation": gettext_noop("This invitation code does not count: it was used, is over, or was mistyped."),
    "wrong_code": gettext_noop(
        "The six digits do not fit. Wait for the next ones and try again. If you opened this page twice, scan the"
        " picture it shows now."
    ),
    "not_the_same": gettext_noop("The two passwords are not the same."),
    **PASSWORD_WORDS,
}
FIELD: Final = {"wrong_code": "code", "not_the_same": "again", "no_invitation": "invitation", "wait": "invitation"}

Text = Annotated[str, Form(max_length=300)]


async def account_of(store: AccountStore, subject: str) -> Account:
    """An account by its subject; a 404 problem where there is none, a 503 problem while the store is away."""
    try:
        account = await store.get(subject[:40])
    except TransientError:
        raise unavailable() from None
    if account is None:
        raise Problem(404, "no_such_account", gettext_noop("There is no such account."))
    return account


async def managed_account(
    store: AccountStore, authorize: Authorizer, request: Request, principal: Principal, subject: str
) -> Account:
    """``account_of``, for who administers its organisation; a 403 problem for others."""
    account = await account_of(store, subject)
    authorize.require(request, principal, Action.ACCOUNTS_MANAGE, account.organisation)
    return account


async def guarded_renewal(sessions: Sessions, secret: str | None) -> Issued | None:
    """The session's fresh token, if there is a session; a 503 problem while the store is away."""
    if not secret:
        return None
    try:
        return await sessions.renew(secret)
    except TransientError:
        raise unavailable() from None


def qr_code(address: str) -> Markup:
    """The address as an inline picture: no request for it, and the strict policy for pages allows it."""
    picture = segno.make(address, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=True)
    # Made by the library from a matrix: it holds no text of anybody's.
    return Markup(picture)  # noqa: S704  # as said


async def end_the_old(
    request: Request,
    sessions: Sessions,
    passkeys: Passkeys,
    audit: AuditLog | None = None,
    pages: Pages | None = None,
) -> None:
    """End what this browser had before: a session, and the permission to register a first passkey."""
    await passkeys.end_permission(short_of(request, REGISTER_COOKIE))
    secret = session_secret(request)
    ended = await sessions.end_by_secret(secret) if secret else None
    if ended is not None and audit is not None and pages is not None:
        who = Actor(ended.subject, None, (), where_of(request))
        await audit.append(line(who, AuditAction.SIGN_OUT, pages.clock.now()))
