"""The auditor's pages: who did what, one report's lines, and the monthly check the rules ask for.

Reading the audit is itself a line of the audit. No address holds a report's number: the look-up leads to its keyed
reference.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Final, NoReturn

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.audit import chain
from shared.audit.entries import by_staff, where_of
from shared.audit.model import AuditEntry
from shared.audit.queries import CHECK, AuditReader, Filter, days_of
from shared.audit.store import AuditLog
from shared.centers import TABLES
from shared.clock import seoul_day
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.labels import MINISTRY_NAME
from shared.web import audit_labels as labels
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.problems import Problem

_RETRY_SECONDS: Final = 10
_MOST_DOUBTFUL: Final = 1_000_000
_REPORT_ID: Final = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
Code = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")]
References = Annotated[str, Query(max_length=80, pattern=r"^[0-9a-f.]*$")]
Number = Annotated[int | None, Query(ge=1, le=2**53)]


def audit_router(log: AuditLog, authorize: Authorizer, pages: Pages) -> APIRouter:
    """``GET /audit``, ``POST /audit/look-up``, ``GET /audit/months/{month}``, ``POST /audit/checks``."""
    router = APIRouter(include_in_schema=False)
    reader = AuditReader(log)
    may_read, may_check = Depends(authorize(Action.AUDIT_READ)), Depends(authorize(Action.AUDIT_CHECK))

    async def noted(entry: AuditEntry) -> None:
        try:
            await log.append(entry)
        except TransientError:
            _not_written()

    @router.get("/audit")
    async def lines(
        request: Request,
        principal: Annotated[Principal, may_read],
        day: Code = "",
        action: Code = "",
        outcome: Code = "",
        actor: Code = "",
        report: References = "",
        before: Number = None,
    ) -> Response:
        now = log.clock.now()
        chosen = _day(day) if day or report else seoul_day(now)
        wanted = Filter(
            day=chosen,
            action=action or None,
            actor=actor or None,
            outcome=outcome or None,
            report=report or None,
            before=before,
        )
        reason = "report" if report else "actor" if actor else "day"
        await noted(by_staff(where_of(request), principal, Action.AUDIT_READ, at=now, reason=reason))
        with _readable():
            found, further = await reader.page(wanted)
            head = await log.head()
            checks = await reader.checks()
        translate = pages.gettext(request)
        return pages.render(
            request,
            "audit.html",
            wanted=wanted,
            actions=[(code, translate(text)) for code, text in labels.ACTIONS.items()],
            lines=found,
            further=further,
            anchor=f"{log.service}={chain.format_anchor(head)}" if head else "",
            checks=checks,
            month=seoul_day(now)[:7],
            labels=labels,
            place=_place(pages, request),
        )

    @router.post("/audit/look-up")
    async def look_up(
        principal: Annotated[Principal, may_read], report_id: Annotated[str, Form(max_length=64)]
    ) -> Response:
        del principal  # the list it leads to says who looked
        return RedirectResponse(f"/audit?report={log.keys.reference(_report_id(report_id))}", 303)

    @router.get("/audit/months")
    async def named(principal: Annotated[Principal, may_read], month: Code = "") -> Response:
        del principal
        return RedirectResponse(f"/audit/months/{_month(month, seoul_day(log.clock.now()))}", 303)

    @router.get("/audit/months/{month}")
    async def usage_counts(request: Request, principal: Annotated[Principal, may_read], month: str) -> Response:
        now = log.clock.now()
        month = _month(month, seoul_day(now))
        await noted(by_staff(where_of(request), principal, Action.AUDIT_READ, at=now, reason="month", month=month))
        with _readable():
            of_month = await reader.month(month)
            checks = [line for line in await reader.checks() if line.reason == month]
        return pages.render(
            request,
            "audit-month.html",
            month=month,
            usage_counts=of_month,
            last_result=log.last_result,
            checks=checks,
            labels=labels,
            place=_place(pages, request),
        )

    @router.post("/audit/checks")
    async def checked(
        request: Request,
        principal: Annotated[Principal, may_check],
        month: Annotated[str, Form(max_length=7)],
        doubtful: Annotated[int, Form(ge=0, le=_MOST_DOUBTFUL)],
    ) -> Response:
        now = log.clock.now()
        month = _month(month, seoul_day(now))
        with _readable():
            findings = len((await log.verify_and_keep()).findings)
        entry = by_staff(
            where_of(request),
            principal,
            CHECK,
            at=now,
            reason=month,
            doubtful=str(doubtful),
            chain_findings=str(findings),
        )
        await noted(entry)
        return RedirectResponse(f"/audit/months/{month}", 303)

    return router


def _place(pages: Pages, request: Request) -> dict[str, str]:
    language = pages.language(request)
    names = {one.id: one.short_name(language) for one in TABLES.centers.values()}
    return {**names, MINISTRY: pages.gettext(request)(MINISTRY_NAME)}


def _day(text: str) -> str | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Problem(422, "invalid", labels.NO_DAY) from None


def _month(text: str, today: str) -> str:
    try:
        days_of(text)
    except ValueError:
        raise Problem(422, "invalid", labels.NO_MONTH) from None
    if text > today[:7]:
        raise Problem(422, "invalid", labels.NO_MONTH)
    return text


def _report_id(text: str) -> str:
    wanted = text.strip().lower()
    if not _REPORT_ID.match(wanted):
        raise Problem(422, "invalid", labels.NO_REPORT)
    return wanted


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except TransientError:
        raise Problem(503, "unavailable", labels.NOT_READ, retry_after=_RETRY_SECONDS) from None


def _not_written() -> NoReturn:
    raise Problem(503, "audit_unavailable", labels.NOT_WRITTEN, retry_after=_RETRY_SECONDS) from None
