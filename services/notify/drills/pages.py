"""The page of drills: what came of each, and the button."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.notify.console.dependencies import guarded
from services.notify.console.problems import center_name
from services.notify.drills.rules import WINDOW, Stage
from services.notify.drills.service import Drills
from services.notify.request_audit import RequestAuditFactory
from shared import centers
from shared.events.base import CenterId
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.translations import gettext_noop


def drill_router(drills: Drills, pages: Pages, authorize: Authorizer, audited: RequestAuditFactory) -> APIRouter:
    """``/drills``."""
    router = APIRouter(prefix="/drills", include_in_schema=False)
    may_run = authorize(Action.DRILLS_RUN)

    @router.get("")
    async def every(request: Request, principal: Annotated[Principal, Depends(may_run)]) -> Response:
        mine = [i for i in centers.CENTER_IDS if principal.may(Action.DRILLS_RUN, i)]
        wide = None if len(mine) > 1 else principal.organisation
        language = pages.language(request)
        return pages.render(
            request,
            "drills.html",
            drills=await guarded(lambda: drills.latest(wide)),
            stages=list(Stage),
            names={i: center_name(i, language) for i in centers.CENTER_IDS},
            mine=mine,
            possible=drills.possible,
            minutes=int(WINDOW.total_seconds() // 60),
        )

    @router.post("")
    async def begin(
        request: Request,
        principal: Annotated[Principal, Depends(may_run)],
        center_id: Annotated[CenterId, Form()],
    ) -> Response:
        authorize.require(request, principal, Action.DRILLS_RUN, center_id)
        if center_id not in centers.CENTER_IDS:
            raise Problem(404, "no_such_center", gettext_noop("There is no such centre."))
        if not drills.possible:
            raise Problem(
                409, "no_drill_credential", gettext_noop("Drills need a front end's credential, and none is set.")
            )
        audit = audited(request, principal)
        await guarded(lambda: audit(Action.DRILLS_RUN, None, None, of=center_id))
        await guarded(lambda: drills.begin(center_id, principal.subject))
        return RedirectResponse("/drills", 303)

    return router
