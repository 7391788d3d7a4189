"""The live list: server-sent events. First follow, then the whole list, then every change; nothing falls between."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.notify import instruments, lists
from services.notify.api import checked_center
from services.notify.hub import Hub, Listener
from services.notify.model import Case
from services.notify.store.cases import CaseStore
from services.notify.views import stream_rows
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import CenterId
from shared.web.app import Problem
from shared.web.staff import StaffGate
from shared.web.translations import gettext_noop

HEARTBEAT_S: Final = 15
SEND_TIMEOUT_S: Final = 10.0
"""A client that takes nothing for this long is gone or frozen."""
_RETRY_MS: Final = (500, 2500)
_CHUNK: Final = 100

Render = Callable[[Request, Case], str]


def stream_router(store: CaseStore, hub: Hub, clock: Clock, gate: StaffGate, limit: int, render: Render) -> APIRouter:
    """``GET /api/v1/stream``. ``render`` makes the row of the console page, for those who ask for it."""
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(gate)])

    @router.get("/stream", tags=["cases"], response_class=EventSourceResponse)
    async def stream(
        request: Request,
        center: Annotated[CenterId, Query(description="A centre, or `central`.")],
        html: Annotated[bool, Query(description="Add each row as the console shows it.")] = False,
    ) -> EventSourceResponse:
        """The live work list.

        Events: `list` (all rows, in parts; `last` ends it), `rows` (changes), `notice` (duty or dead records changed),
        `reconnect` (come back: the list starts anew). Of two rows of a case the one with the higher `rev` is true.
        """
        checked_center(center)
        if hub.listening >= limit:
            raise Problem(503, "too_many_streams", gettext_noop("Too many consoles are open."), retry_after=5)
        row = (lambda case: render(request, case)) if html else None
        return EventSourceResponse(
            _events(store, hub, clock, center, row), ping=HEARTBEAT_S, send_timeout=SEND_TIMEOUT_S, sep="\n"
        )

    return router


async def _events(
    store: CaseStore, hub: Hub, clock: Clock, center_id: str, row: Callable[[Case], str] | None
) -> AsyncIterator[ServerSentEvent]:
    with hub.listen(center_id) as listener:
        yield ServerSentEvent(event="hello", data="{}", retry=_retry())
        try:
            cases, more = await lists.whole(store, center_id)
        except TransientError:
            yield ServerSentEvent(event="reconnect", data='{"reason":"store"}', retry=_retry())
            return
        for start in range(0, max(len(cases), 1), _CHUNK):
            part = cases[start : start + _CHUNK]
            place = {"first": start == 0, "last": start + _CHUNK >= len(cases), "more": more}
            yield _message("list", listener, part, clock, row, place)
        while not listener.closing:
            changed, notice = await listener.take(HEARTBEAT_S)
            if listener.too_slow:
                instruments.DROPPED.inc()
                yield ServerSentEvent(event="reconnect", data='{"reason":"too_slow"}', retry=_retry())
                return
            for start in range(0, len(changed), _CHUNK):
                yield _message("rows", listener, changed[start : start + _CHUNK], clock, row, {})
            if notice:
                yield ServerSentEvent(event="notice", data="{}")
        yield ServerSentEvent(event="reconnect", data='{"reason":"restart"}', retry=_retry())
        await asyncio.sleep(0)


def _message(
    event: str,
    listener: Listener,
    cases: list[Case],
    clock: Clock,
    row: Callable[[Case], str] | None,
    place: dict[str, bool],
) -> ServerSentEvent:
    body = stream_rows(listener, cases, clock.now()).model_dump(mode="json") | place
    if row is not None:
        by_id = {case.report_id: case for case in cases}
        for entry in body["rows"]:
            entry["html"] = row(by_id[entry["report_id"]])
    return ServerSentEvent(event=event, data=orjson.dumps(body).decode())


def _retry() -> int:
    # Consoles that were sent away together should not come back together.
    return random.randint(*_RETRY_MS)  # noqa: S311  # spreading, not secrecy
