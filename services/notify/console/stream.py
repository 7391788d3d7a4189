"""The live list: server-sent events. First follow, then the whole list, then every change; nothing falls between.

Whoever is signed in no more gets nothing more: that is asked before every message, and every second of all consoles
together. A console that nothing happens to does nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request

from services.notify import metrics
from services.notify.cases.models import Case
from services.notify.cases.service import CaseService
from services.notify.console import lists
from services.notify.console.broadcaster import ConsoleBroadcaster, ConsoleSubscriber
from services.notify.console.dependencies import checked_center, home_of
from services.notify.console.lists import Shown, SingleFlight
from services.notify.console.rows import Entry, Rows, RowView, message, view_of
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.base import CenterId
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.documented import refuses
from shared.web.event_stream import EventStream, Tab, comment, event, hello, reconnect
from shared.web.language import chosen as language
from shared.web.translations import gettext_noop

CHECK_S: Final = 1.0
"""How long a stream may go on after its person was signed out."""
_CHUNK: Final = 100
BannersOf = Callable[[Request, Principal, str], Awaitable[str]]
"""The banners above a centre's list as one reader sees them. Raises ``TransientError`` while the store is away."""


def stream_router(
    case_service: CaseService,
    broadcaster: ConsoleBroadcaster,
    clock: Clock,
    authorize: Authorizer,
    limit: int,
    rows: Rows,
    banners: BannersOf | None = None,
) -> APIRouter:
    """``GET /api/v1/stream``. ``rows`` makes the rows, once for all who may see the same; ``banners`` what is above."""
    router = APIRouter(prefix="/api/v1")

    async def load(center_id: str) -> Shown:
        cases, more = await lists.whole(case_service.cases, center_id)
        return [*await lists.offers(case_service.cases, center_id), *cases], more

    together = SingleFlight(load)

    @router.get(
        "/stream",
        tags=["cases"],
        summary="The live work list",
        response_class=EventStream,
        openapi_extra=refuses("no_such_center", "too_many_streams"),
    )
    async def stream_cases(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.CASES_LIST))],
        center: Annotated[
            CenterId | None, Query(description="A centre, or `central`. Without it: one's own.", examples=["jeju"])
        ] = None,
        html: Annotated[bool, Query(description="Add each row as the console shows it.")] = False,
        tab: Tab = "",
    ) -> EventStream:
        """The live work list.

        Events: `list` (all rows, in parts; `last` ends it), `rows` (changes), `notice` (duty, alarms or dead records
        changed; with `html` the banners as the console shows them), `reconnect` (come back: the list starts anew; with
        the reason `signed_out`, sign in first; with `replaced`, do not), `ping` (every 15 seconds and without content:
        who hears nothing for 40 should come back). Of two rows of a case the one with the higher `rev` is true; 0 is a
        new case that the store does not have yet. One sign-in has 8 streams at most; 429 says so. Who comes back with
        the same `tab` takes the place they had.
        """
        chosen = checked_center(center) if center is not None else home_of(principal)
        authorize.require(request, principal, Action.CASES_LIST, chosen)
        if broadcaster.full(principal.session, tab):
            raise Problem(
                429,
                "too_many_streams",
                gettext_noop("You have too many consoles open. Close one first."),
                retry_after=5,
            )
        if broadcaster.crowded(limit, principal.session, tab):
            raise Problem(503, "too_many_streams", gettext_noop("Too many consoles are open."), retry_after=5)

        view = view_of(principal, chosen, language(request)) if html else RowView(chosen)

        def good() -> bool:
            return authorize.identity.still_valid(principal)

        told = partial(banners, request, principal, chosen) if html and banners is not None else None
        own = (principal.session, tab)
        source = _Stream(broadcaster, clock, chosen, own, good, partial(rows.entry, view), together, told)
        return EventStream(source.events())

    return router


class _Stream:
    """One console's stream."""

    def __init__(
        self,
        broadcaster: ConsoleBroadcaster,
        clock: Clock,
        center_id: str,
        own: tuple[str, str],
        signed_in: Callable[[], bool],
        entry: Entry,
        together: SingleFlight[Shown],
        banners: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self._banners_of = banners
        self._broadcaster = broadcaster
        self._clock = clock
        self._center_id = center_id
        self._session, self._tab = own
        self._signed_in = signed_in
        self._entry = entry
        self._together = together

    async def events(self) -> AsyncGenerator[bytes]:
        """Messages until the process ends, the client is too slow, or the person is signed in no more."""
        if self._broadcaster.full(self._session, self._tab):
            # Many that were asked for at once: each passed the check before any was open.
            yield reconnect("too_many_streams")
            return
        with self._broadcaster.subscribe(self._center_id, self._session, self._signed_in, self._tab) as subscriber:
            yield hello()
            try:
                async for message in self._messages(subscriber):
                    if not self._signed_in():
                        metrics.SIGNED_OUT.inc()
                        yield reconnect("signed_out")
                        return
                    if message is not None:
                        yield message
            except TransientError:
                yield reconnect("store")
                return
            yield reconnect("replaced" if subscriber.replaced else "too_slow" if subscriber.too_slow else "restart")
            await asyncio.sleep(0)

    async def _messages(self, subscriber: ConsoleSubscriber) -> AsyncIterator[bytes | None]:
        """The list, then what changes; None when there was nothing to say for a while."""
        async for part in self._whole(subscriber):
            yield part
        # Whoever passes messages on keeps the last one until the next: not the whole list for as long as nothing comes.
        del part
        yield comment("listed")
        banners: bytes | None = None
        if self._banners_of is not None:
            subscriber.notice()  # what changed while the console was away
        while not subscriber.closing:
            changed, notice = await subscriber.take()
            if subscriber.too_slow:
                metrics.DROPPED.inc()
                return
            yield None
            for start in range(0, len(changed), _CHUNK):
                yield self._message("rows", subscriber, changed[start : start + _CHUNK], {})
            if notice:
                told = await self._banners()
                if told is not None and (told != banners or self._banners_of is None):
                    banners = told
                    yield event("notice", told)

    async def _banners(self) -> bytes | None:
        """Return the banners as the page shows them; None if the store cannot say."""
        if self._banners_of is None:
            return b"{}"
        try:
            return orjson.dumps({"html": await self._banners_of()})
        except TransientError:
            return None  # the console keeps what it shows; whoever loads the page is told

    async def _whole(self, subscriber: ConsoleSubscriber) -> AsyncIterator[bytes]:
        """The list in parts. Apart, so that its cases are not held for as long as the stream is open."""
        cases, more = await self._together.get(self._center_id)
        for start in range(0, max(len(cases), 1), _CHUNK):
            place = {"first": start == 0, "last": start + _CHUNK >= len(cases), "more": more}
            yield self._message("list", subscriber, cases[start : start + _CHUNK], place)

    def _message(
        self, kind: Literal["list", "rows"], subscriber: ConsoleSubscriber, cases: list[Case], place: dict[str, bool]
    ) -> bytes:
        rows = message(subscriber, cases, self._clock.now(), self._entry, place)
        return event(kind, rows)
