"""The page of erasures: what a lead must decide, what will be destroyed, what is kept, and what alarms."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from services.intake.dependencies import require_of
from services.intake.reports.lifecycle import Category, Reason
from services.intake.reports.repository import ALARM_SINCE, DECIDE_SINCE, ERASE_AT, KEPT_SINCE, PAGE
from services.intake.retention import rules as retention_rules
from services.intake.retention import schedule
from services.intake.retention import words as erasure_words
from services.intake.retention.service import RetentionService, not_a_choice
from shared.audit.entries import where_of
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.form_body import form_body
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

_REPORT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOST_PAGES: Final = 1000
_Page = Annotated[int, Query(ge=1, le=MOST_PAGES)]
_WAYS: Final = frozenset(way for way, _ in erasure_words.WAYS)


def router(pages: Pages, authorize: Authorizer, decisions: RetentionService) -> APIRouter:
    """``GET /erasures``, ``POST /erasures/{report_id}``, ``POST /details/{report_id}/confirm``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/erasures")
    async def erasures(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.ERASURES_READ))],
        page: _Page = 1,
        decided: str = "",
    ) -> Response:
        decides = principal.may(Action.ERASURES_DECIDE)
        if decides:
            # Asked on the way in, so that a decision is not lost on the way to the second factor.
            authorize.require_recent(request, principal, f"/erasures{_query(page)}")
        lists, longer = await decisions.lists(principal, page)
        # A link of anybody's must not say that a decision was recorded which was not.
        said = await decisions.decided(principal, decided) if decides and _REPORT_ID.fullmatch(decided) else None
        return pages.render(
            request,
            "erasures.html",
            waiting=lists[DECIDE_SINCE],
            planned=lists[ERASE_AT],
            kept=lists[KEPT_SINCE],
            alarms=lists[ALARM_SINCE],
            page=page,
            query=_query(page),
            longer=longer,
            goes_on=bool(longer) and page < MOST_PAGES,
            first=(page - 1) * PAGE + 1,
            decides=decides,
            may_decide=lambda owner: owner is not None and principal.may(Action.ERASURES_DECIDE, owner),
            choices_for=lambda row: schedule.choices_for(schedule.category_in(row.facts, row.life)),
            said=said,
            decided=decided,
            table=list(schedule.TABLE.values()),
            words=erasure_words,
            to_destroy=retention_rules.REASONS_TO_DESTROY,
            to_keep=[reason for reason in retention_rules.REASONS_TO_KEEP if reason is not Reason.VICTIM_OBJECTS],
        )

    @routes.post("/erasures/{report_id}")
    async def decided(
        request: Request,
        report_id: str,
        principal: Annotated[Principal, Depends(authorize(Action.ERASURES_DECIDE))],
        page: _Page = 1,
    ) -> Response:
        back = f"/erasures{_query(page)}"
        authorize.require_recent(request, principal, back)
        typed = await form_body(request)
        reason, category = typed.one("reason"), typed.one("category")
        if typed.one("do") not in {"destroy", "keep"} or reason not in set(Reason):
            raise not_a_choice()
        destroy = typed.one("do") == "destroy"
        keeps = not destroy and reason != Reason.VICTIM_OBJECTS
        if keeps and category not in set(Category):
            raise not_a_choice()
        await decisions.decide(
            where_of(request),
            principal,
            require_of(authorize, request, principal),
            checked_id(report_id),
            destroy=destroy,
            reason=Reason(reason),
            category=Category(category) if keeps else None,
        )
        return RedirectResponse(f"{back}{'&' if page > 1 else '?'}decided={report_id}", 303)

    @routes.post("/details/{report_id}/confirm")
    async def confirmed(
        request: Request, report_id: str, principal: Annotated[Principal, Depends(authorize(Action.DETAILS_CONFIRM))]
    ) -> Response:
        typed = await form_body(request)
        if typed.one("way") not in _WAYS:
            raise not_a_choice()
        require = require_of(authorize, request, principal)
        await decisions.confirm(where_of(request), principal, require, checked_id(report_id), typed.one("way"))
        return pages.render(request, "confirmed.html", report_id=report_id)

    return routes


def _query(page: int) -> str:
    """What leads back to the same page of the lists."""
    return f"?page={page}" if page > 1 else ""


def checked_id(given: str) -> str:
    """The id of a report, if it can be one. Raises ``Problem``."""
    if not _REPORT_ID.fullmatch(given):
        raise Problem(404, "unknown_report", gettext_noop("There is no such report."))
    return given
