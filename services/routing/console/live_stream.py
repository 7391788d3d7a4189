"""The live page's stream: all centres whenever one has changed, and now and then though it has not.

Whoever is signed in no more gets nothing more: that is asked before every message, and twice a second.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request

from services.routing import metrics
from services.routing.console.live import Order, SharedRows, live_centers
from services.routing.models import LiveLoads
from shared.centers import CENTRAL
from shared.clock import Clock
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.web.app import Problem
from shared.web.authorization import Authorizer
from shared.web.documented import refuses
from shared.web.event_stream import EventStream, Tab, event, hello, no_room, reconnect
from shared.web.translations import gettext_noop

LOOK_S: Final = 0.5
"""How often a stream looks for something new, and whether its person is still signed in."""
REPEAT_S: Final = 5.0
"""After so long the page is told that nothing has changed: a stamp that stands still says that the stream does."""
PER_PERSON: Final = 8
"""Streams one person may have open, over all their sign-ins: nobody takes everybody's. One whose tab has come back is
not counted."""
LIMIT: Final = 200
"""Streams of one process: painting for all of them must not hold up deciding."""

STAMP: Final = "stamp"
"""The part that says when; alone it is no news."""
GLANCE_S: Final = 0.4
"""All streams of a process show the same loads for so long: painting them when all have changed takes 14 ms."""

Paint = Callable[[Request, LiveLoads, Order], dict[str, Any]]
"""The page's live parts, by name, for one reader."""


class LiveFeed:
    """The live loads for everybody who looks at this process, and their JSON: taken and built once, for all streams."""

    def __init__(self, take: Callable[[], LiveLoads], clock: Clock) -> None:
        """``take`` takes a new one."""
        self._take = take
        self._clock = clock
        self._last: tuple[float, LiveLoads] | None = None
        self._rows = SharedRows()
        self._document: tuple[LiveLoads, str] | None = None

    def __call__(self) -> LiveLoads:
        """The live loads, at most ``GLANCE_S`` old."""
        now = self._clock.monotonic()
        if self._last is None or now - self._last[0] >= GLANCE_S:
            self._last = (now, self._take())
        return self._last[1]

    def change(self, live_loads: LiveLoads) -> int:
        """A number that is another as soon as any centre has changed."""
        self._rows.of(live_loads)
        return self._rows.changes

    def document(self, live_loads: LiveLoads) -> str:
        """The live loads as JSON."""
        if self._document is None or self._document[0] is not live_loads:
            self._document = (live_loads, live_centers(live_loads, self._rows.of(live_loads)).model_dump_json())
        return self._document[1]


@dataclass(eq=False)
class OpenStream:
    """One open stream."""

    person: str
    tab: str
    replaced: bool = False


class OpenStreams:
    """The open streams of this process."""

    def __init__(self, limit: int = LIMIT) -> None:
        """``limit`` bounds them all together."""
        self._limit = limit
        self._open: set[OpenStream] = set()
        self.closing = False

    def demand_room(self, person: str, tab: str = "") -> None:
        """Raises Problem 429 or 503 where there is no room for one more."""
        if self.full(person, tab):
            raise Problem(
                429,
                "too_many_streams",
                gettext_noop("You have %(limit)s live pages open, in all your sign-ins together. Close one first."),
                values={"limit": PER_PERSON},
                retry_after=5,
            )
        everybody = [((stream.person, stream.tab), stream.replaced) for stream in self._open]
        if no_room(everybody, (person, tab) if tab else None, self._limit):
            raise Problem(503, "too_many_streams", gettext_noop("Too many live pages are open."), retry_after=5)

    def full(self, person: str, tab: str = "") -> bool:
        """Return whether a principal has as many streams open as they may, without the one that ``tab`` had before."""
        own = [(stream.tab, stream.replaced) for stream in self._open if stream.person == person]
        return no_room(own, tab, PER_PERSON)

    async def run(self) -> None:
        """Until cancelled, which is when the process ends: sends everyone away, or the server would wait for them."""
        try:
            await asyncio.Event().wait()
        finally:
            self.closing = True

    @contextmanager
    def opened(self, person: str, tab: str = "") -> Iterator[OpenStream]:
        """One more until the block ends. What the same ``tab`` of this person had open before ends."""
        for before in self._open:
            before.replaced |= bool(tab) and (before.person, before.tab) == (person, tab)
        stream = OpenStream(person, tab)
        self._open.add(stream)
        metrics.STREAMS.set(len(self._open))
        try:
            yield stream
        finally:
            self._open.discard(stream)
            metrics.STREAMS.set(len(self._open))


def stream_router(feed: LiveFeed, streams: OpenStreams, clock: Clock, authorize: Authorizer, paint: Paint) -> APIRouter:
    """``GET /api/v1/centers/live/stream``. ``paint`` makes the parts of the page, for those who ask for them."""
    router = APIRouter(prefix="/api/v1")

    @router.get(
        "/centers/live/stream",
        tags=["centers"],
        summary="The centres now, live",
        response_class=EventStream,
        openapi_extra=refuses("too_many_streams"),
    )
    async def stream_live_centers(
        request: Request,
        principal: Annotated[Principal, Depends(authorize(Action.CENTERS_LIVE))],
        html: Annotated[bool, Query(description="Parts of the page instead, those that changed.")] = False,
        sort: Annotated[Order, Query(description="With `html`: the order of the table.")] = Order.WAITING,
        tab: Tab = "",
    ) -> EventStream:
        """Server-sent events. `centers`: all of `/api/v1/centers/live`, at once and whenever something changed.

        `parts` instead with `html`. `reconnect`: come back; with the reason `signed_out`, sign in first; with
        `replaced`, do not. `ping`: every 15 seconds and without content; who hears nothing for 40 should come back. For
        who may read `/api/v1/centers/live`. One person has 8 streams at most, over all sign-ins; 429 says so. Who comes
        back with the same `tab` takes the place they had.
        """
        authorize.require(request, principal, Action.CENTERS_LIVE, CENTRAL)
        streams.demand_room(principal.subject, tab)
        shown = (lambda seen: paint(request, seen, sort)) if html else None
        own = (principal.subject, tab)
        source = _Stream(feed, streams, clock, own, lambda: authorize.identity.still_valid(principal), shown)
        return EventStream(source.events())

    return router


class _Stream:
    """One page's stream."""

    def __init__(
        self,
        feed: LiveFeed,
        streams: OpenStreams,
        clock: Clock,
        own: tuple[str, str],
        signed_in: Callable[[], bool],
        shown: Callable[[LiveLoads], dict[str, Any]] | None,
    ) -> None:
        self._feed = feed
        self._streams = streams
        self._clock = clock
        self._person, self._tab = own
        self._signed_in = signed_in
        self._shown = shown
        self._told: dict[str, Any] = {}
        self._told_at = float("-inf")

    async def events(self) -> AsyncGenerator[bytes]:
        """Messages until the process ends, the client is too slow, or the person is signed in no more."""
        if self._streams.full(self._person, self._tab):
            # Many that were asked for at once: each passed the check before any was open.
            yield reconnect("too_many_streams")
            return
        with self._streams.opened(self._person, self._tab) as stream:
            yield hello()
            while not (self._streams.closing or stream.replaced):
                if not self._signed_in():
                    yield reconnect("signed_out")
                    return
                if (message := self._message()) is not None:
                    yield message
                await self._clock.sleep(LOOK_S)
            yield reconnect("replaced" if stream.replaced else "restart")

    def _message(self) -> bytes | None:
        """Return the changes; None if there are none and that was said a moment ago."""
        live_loads, now = self._feed(), self._clock.monotonic()
        parts = {"centers": self._feed.change(live_loads)} if self._shown is None else self._shown(live_loads)
        new = {name: part for name, part in parts.items() if self._told.get(name) != part}
        if new.keys() <= {STAMP} and now - self._told_at < REPEAT_S:
            return None
        self._told, self._told_at = parts, now
        if self._shown is None:
            return event("centers", self._feed.document(live_loads).encode())
        return event("parts", orjson.dumps(new))
