"""Where notices about one's own account go."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.identity.accounts.models import Account, RefusedError
from services.identity.accounts.repository import AccountStore
from services.identity.audit_recorder import actor_of
from services.identity.enrolment.own_pages import OWN_WORDS, asked_for, keep_known
from services.identity.enrolment.service import Enrolment
from services.identity.notices.service import Notices
from services.identity.page_parts import Text, account_of
from services.identity.problems import unavailable
from services.identity.sign_in.service import SignIn
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

PATH: Final = "/account/mail"
_WORDS: Final = {**OWN_WORDS, "mail": gettext_noop("This is no e-mail address.")}


def notices_router(
    store: AccountStore,
    sign_in: SignIn,
    enrolment: Enrolment,
    notices: Notices,
    pages: Pages,
    authorize: Authorizer,
) -> APIRouter:
    """``/account/mail``, with a recent second factor."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    own = authorize(Action.OWN_ACCOUNT, back=PATH)

    def form(
        request: Request,
        principal: Principal,
        account: Account,
        mail: str,
        error: str = "",
        field: str = "",
        wait: int = 0,
    ) -> Response:
        return pages.render(
            request,
            "mail.html",
            status=(429 if wait else 422) if error else 200,
            account=account,
            mail=mail,
            sends=notices.sends,
            error=_WORDS[error] if error else "",
            field=field,
            wait=wait,
            **asked_for(sign_in, account, principal, PATH),
        )

    @router.get("")
    async def show(request: Request, principal: Annotated[Principal, Depends(own)]) -> Response:
        account = await account_of(store, principal.subject)
        return form(request, principal, account, notices.address_of(account))

    @router.post("")
    async def change(
        request: Request,
        principal: Annotated[Principal, Depends(own)],
        mail: Text = "",
        current: Text = "",
        digits: Text = "",
    ) -> Response:
        account = await account_of(store, principal.subject)
        language = pages.language(request)
        try:
            who = actor_of(request, principal)
            changed = await enrolment.change_mail(account, current, digits, mail, language, who, principal.confirmed_at)
        except RefusedError as error:
            field = "mail" if error.code == "mail" else "current"
            return form(request, principal, account, mail, error.code, field, error.retry_after or 0)
        except TransientError:
            raise unavailable() from None
        done = "mail" if notices.sends else "mail_untold"
        return keep_known(RedirectResponse(f"/account?done={done}", 303), request, changed, sign_in, pages)

    return router
