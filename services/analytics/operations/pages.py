"""The operators' pages: how everything stands, dead letters without what they hold, and sending them back."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.analytics.counting.reader import CountReader
from services.analytics.counting.watch import Watch
from services.analytics.operations.service import Operations
from services.analytics.releases.catalogue import center_names
from services.analytics.releases.service import ReleaseService
from shared.audit.entries import by_staff, where_of
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.kafka.inspector import ForbiddenError
from shared.topics import BY_NAME, Topic
from shared.web.authorization import Authorizer
from shared.web.pages import Pages
from shared.web.problems import Problem
from shared.web.translations import gettext_noop

_ENDS: Final = re.compile(r"(\d{1,4}:\d{1,15})(,\d{1,4}:\d{1,15}){0,255}")
_RETRY_S: Final = 10
STAGES: Final[Mapping[str, str]] = {
    "reports": gettext_noop("Reports come in"),
    "routings": gettext_noop("Centres are decided"),
    "cases": gettext_noop("Staff work on cases"),
    "alerts": gettext_noop("Alerts go out"),
    "centers": gettext_noop("Centres change their state"),
    "loads": gettext_noop("Routing tells its loads"),
}
"""The stage that a record of each topic stands for."""
WHY_REFUSED: Final[Mapping[str, str]] = {
    "narrow": gettext_noop("%(period)s is not released: a hidden number could be worked out from it."),
    "contradiction": gettext_noop("%(period)s is not released: its numbers contradict each other."),
    "out_of_time": gettext_noop("%(period)s is not released: the proof took too long."),
    "failed": gettext_noop("%(period)s is not released: making or proving it failed."),
    "implausible": gettext_noop("%(period)s is not released: its counts cannot be true."),
    "broken": gettext_noop("Nothing more is released: the register of releases is damaged."),
}
"""By the verdict, which the log has too."""


def router(
    operations: Operations,
    release_service: ReleaseService,
    reader: CountReader,
    watch: Watch,
    pages: Pages,
    authorize: Authorizer,
    audit: AuditLog | None,
    clock: Clock,
) -> APIRouter:
    """``/operations`` and what lies below. ``audit`` None: nothing can be sent back here, since nobody would know."""
    routes = APIRouter(include_in_schema=False)
    readers = authorize(Action.OPERATIONS_READ)

    @routes.get("/operations")
    async def overview(request: Request, principal: Annotated[Principal, Depends(readers)]) -> Response:
        authorize.require(request, principal, Action.OPERATIONS_READ, MINISTRY)
        found = await operations.overview()
        try:
            centers = await reader.centers()
        except TransientError:
            centers = None
        return pages.render(
            request,
            "operations.html",
            found=found,
            stages=STAGES,
            names=center_names(pages.language(request)),
            caught_up=watch.caught_up(),
            stopped_since=watch.stopped_since(),
            closed=sum(center.state == "closed" for center in centers) if centers is not None else None,
            known=len(centers) if centers is not None else None,
            next_release=release_service.next_release(),
            refused=release_service.refused,
            why_refused=WHY_REFUSED,
            may_read_audit=audit is not None and principal.may(Action.AUDIT_READ),
            sees_tables=principal.may(Action.TABLES_READ),
        )

    @routes.get("/operations/dead/{name}")
    async def dead(request: Request, name: str, principal: Annotated[Principal, Depends(readers)]) -> Response:
        authorize.require(request, principal, Action.OPERATIONS_READ, MINISTRY)
        letters = await operations.letters(_topic(name))
        ends = letters.value.ends if letters.value is not None else {}
        return pages.render(
            request,
            "dead_letters.html",
            name=name,
            letters=letters,
            until=",".join(f"{partition}:{end}" for partition, end in sorted(ends.items())),
            may_send=principal.may(Action.DEAD_REDRIVE, MINISTRY),
            audited=audit is not None,
        )

    @routes.post("/operations/dead/{name}/redrive")
    async def send_back(
        request: Request,
        name: str,
        principal: Annotated[Principal, Depends(authorize(Action.DEAD_REDRIVE))],
        until: Annotated[str, Form(max_length=4000)] = "",
        confirmed: Annotated[str, Form(max_length=10)] = "",
    ) -> Response:
        authorize.require(request, principal, Action.DEAD_REDRIVE, MINISTRY)
        topic = _topic(name)
        if confirmed != "yes":
            raise Problem(
                422, "not_confirmed", gettext_noop("Tick that you have looked at the records, and send again.")
            )
        if _ENDS.fullmatch(until) is None:
            raise Problem(422, "invalid", gettext_noop("Open the list again: it says up to where it was read."))
        if audit is None:
            raise Problem(
                503,
                "no_audit",
                gettext_noop("This service keeps no audit here (ANALYTICS_AUDIT_KEY), so nothing can be sent back."),
            )
        act, place = Action.DEAD_REDRIVE.value, until[:_AUDITED]
        line = by_staff(where_of(request), principal, act, at=clock.now(), topic=topic.name, until=place)
        try:
            await audit.append(line)
            sent = await operations.send_back(topic, _ends(until))
        except TransientError:
            said = gettext_noop("Kafka or the store does not answer. What went back stays there; please try again.")
            raise Problem(503, "unavailable", said, retry_after=_RETRY_S) from None
        except ForbiddenError:
            said = gettext_noop("Kafka does not allow this service to write there. Use “ieum redrive” instead.")
            raise Problem(503, "forbidden_by_kafka", said) from None
        if sent is None:
            said = gettext_noop("Somebody is sending these records back at this moment.")
            raise Problem(409, "under_way", said, retry_after=_RETRY_S)
        return RedirectResponse("/operations#dead", 303)

    return routes


_AUDITED: Final = 200
"""Characters of the ends in a line of the audit; six partitions take sixty."""


def _topic(name: str) -> Topic:
    found = BY_NAME.get(name)
    if found is None:
        raise Problem(
            404,
            "unknown_topic",
            gettext_noop("There is no such topic. There are: %(names)s."),
            values={"names": ", ".join(BY_NAME)},
        )
    return found


def _ends(text: str) -> dict[int, int]:
    pairs = (part.split(":") for part in text.split(","))
    return {int(partition): int(end) for partition, end in pairs}
