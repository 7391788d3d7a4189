"""Live rows for every open console of this process. Each subscriber has its own bounded backlog; the newest row wins.

A new case is shown *early*: as soon as it is in the log, with ``rev`` 0, not only once the store has it. What the store
then says is given out in any case where it says something else.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Final

from services.notify import metrics
from services.notify.cases.attention import on_list
from services.notify.cases.models import CENTRAL_DESK, Case
from shared.web.event_stream import no_room

BACKLOG: Final = 5000
"""Rows one subscriber may be behind before it is sent away; its browser comes back and gets the whole list."""
PER_SESSION: Final = 8
"""Consoles one sign-in may have open: nobody takes everybody's. One whose tab has come back is not counted."""
_REMEMBERED: Final = 20_000
EARLY_REV: Final = 0
"""The number of a state that the log has and the store may not have yet; everything stored has a higher one."""


class ConsoleSubscriber:
    """One console: rows it has not been given yet, newest state only."""

    def __init__(
        self,
        center_id: str,
        backlog: int,
        session: str = "",
        signed_in: Callable[[], bool] = lambda: True,
        tab: str = "",
    ) -> None:
        """``center_id`` is a centre, or ``central`` for what no centre has acknowledged."""
        self.center_id = center_id
        self.session = session
        self.tab = tab
        self.signed_in = signed_in
        self.too_slow = False
        self.closing = False
        self.replaced = False
        self._backlog = backlog
        self._rows: dict[str, Case] = {}
        self._early: set[str] = set()
        self._notice = False
        self._something = asyncio.Event()

    def offer(self, case: Case, concerned: frozenset[str], *, as_announced: bool = False) -> None:
        """Take a row to be given; never blocks. ``as_announced``: whoever was shown the early row needs no other."""
        known, early = self._rows.get(case.report_id), case.report_id in self._early
        if known is None and not early and self.center_id not in concerned:
            return
        self._early.discard(case.report_id)
        if case.rev == EARLY_REV:
            self._early.add(case.report_id)
        elif early and as_announced:
            return
        # What waits to be given is replaced even by what does not concern them: shown is the newest, or that it left.
        if known is not None and known.rev >= case.rev:
            return
        self._rows[case.report_id] = case
        if len(self._rows) > self._backlog:
            self.send_away()
        self._something.set()

    def send_away(self) -> None:
        """Have the console come back for the whole list."""
        self.too_slow = True
        self._rows.clear()
        self._early.clear()
        self._something.set()

    def notice(self) -> None:
        """Something besides the rows changed (who is on duty, a dead record)."""
        self._notice = True
        self._something.set()

    def close(self) -> None:
        """End after what is being given now."""
        self.closing = True
        self._something.set()

    def wake(self) -> None:
        """Have the console's stream look whether its person is still signed in."""
        self._something.set()

    async def take(self, seconds: float | None = None) -> tuple[list[Case], bool]:
        """The rows waiting and whether something else changed; both empty after ``seconds`` without news, if given."""
        if seconds is None:
            await self._something.wait()
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._something.wait()
        self._something.clear()
        rows, self._rows = list(self._rows.values()), {}
        notice, self._notice = self._notice, False
        return rows, notice

    def holds(self, case: Case) -> bool:
        """Return whether the case is on this console's list now."""
        return on_list(case, self.center_id)

    def offered(self, case: Case) -> bool:
        """Return whether the case is among the offers of other centres to this one."""
        return case.offered_to == self.center_id


def _ever_concerned(case: Case) -> set[str]:
    """Return the organisations that hold a case, have an offer of it, or once had."""
    past = case.past_offer.to_center_id if case.past_offer is not None else ""
    return {CENTRAL_DESK, case.center_id, case.offered_to or "", past, *case.former}


def _concerned(case: Case, known: Case | None) -> frozenset[str]:
    """Return the organisations whose consoles a change is for. Nobody else hears that it exists, or that it changed.

    Whoever may show the case still must see it leave: who held it or had an offer of it when this process last gave it
    out (``known``), and who did since. Where that is not remembered, as after a start, everybody who ever did.
    """
    if known is None:
        return frozenset(_ever_concerned(case))
    concerned = {CENTRAL_DESK, case.center_id, case.offered_to or "", known.center_id, known.offered_to or ""}
    if case.ownership != known.ownership:
        # It may have moved more than once since, and a console may have loaded its list in between.
        concerned.update(case.former)
    if case.past_offer is not None and case.past_offer != known.past_offer:
        concerned.add(case.past_offer.to_center_id)
    return frozenset(concerned)


def _looks_like(early: Case, stored: Case) -> bool:
    """Return whether a console shows both alike. The escalation's start differs by how long storing took."""
    began = {
        "rev": stored.rev,
        "escalation": stored.escalation,
        "wake_at": stored.wake_at,
        "lease_by": stored.lease_by,
        "traceparent": stored.traceparent,
    }
    held = [case.escalation is not None and case.escalation.held for case in (early, stored)]
    return held[0] == held[1] and early.model_copy(update=began) == stored


class ConsoleBroadcaster:
    """Every subscriber, and which state of each case they were last given."""

    def __init__(self, backlog: int = BACKLOG) -> None:
        """``backlog`` bounds each subscriber."""
        self._backlog = backlog
        self._subscribers: defaultdict[str, set[ConsoleSubscriber]] = defaultdict(set)
        """By the centre whose list they show: a change costs nothing for those whom it does not concern."""
        self.occupied: Final = asyncio.Event()
        """Set while a console is open."""
        self._given: OrderedDict[str, Case] = OrderedDict()
        self._early: OrderedDict[str, Case] = OrderedDict()

    @property
    def subscriber_count(self) -> int:
        """Open consoles."""
        return sum(map(len, self._subscribers.values()))

    def _all(self) -> Iterator[ConsoleSubscriber]:
        return chain.from_iterable(self._subscribers.values())

    def full(self, session: str, tab: str = "") -> bool:
        """Return whether a sign-in has as many consoles open as it may, without the one that ``tab`` had before."""
        own = [(subscriber.tab, subscriber.closing) for subscriber in self._all() if subscriber.session == session]
        return no_room(own, tab, PER_SESSION)

    def crowded(self, limit: int, session: str, tab: str = "") -> bool:
        """Return whether ``limit`` consoles are open here, without the one that ``tab`` of a sign-in had before."""
        everybody = [((subscriber.session, subscriber.tab), subscriber.closing) for subscriber in self._all()]
        return no_room(everybody, (session, tab) if tab else None, limit)

    def announce(self, case: Case) -> None:
        """Show a new case that the store may not have yet, to those whom it concerns."""
        if self.known(case.report_id):
            return
        early = self._early[case.report_id] = case.model_copy(update={"rev": EARLY_REV})
        self._offer(early, None, None)
        while len(self._early) > _REMEMBERED:
            self._early.popitem(last=False)
        metrics.NOT_STORED.set(len(self._early))

    def known(self, report_id: str) -> bool:
        """Return whether a state of a case was sent, early or stored, and is remembered."""
        return report_id in self._given or report_id in self._early

    def early(self, report_id: str) -> bool:
        """Return whether a case was announced and the store has not confirmed it since."""
        return report_id in self._early

    def publish(self, cases: Iterable[Case]) -> None:
        """Give newer states to all whom they concern; older ones are dropped."""
        for case in cases:
            early = self._early.pop(case.report_id, None)
            known = self._given.get(case.report_id)
            if known is not None and known.rev >= case.rev:
                continue
            self._given[case.report_id] = case
            self._given.move_to_end(case.report_id)
            self._offer(case, known, early)
        while len(self._given) > _REMEMBERED:
            self._given.popitem(last=False)
        metrics.NOT_STORED.set(len(self._early))

    def _offer(self, case: Case, known: Case | None, early: Case | None) -> None:
        """Give a state to all whom it concerns, and to those who were shown it early."""
        as_announced = early is not None and _looks_like(early, case)
        concerned = _concerned(case, known)
        for center_id in concerned | (_ever_concerned(early) if early is not None else set()):
            for subscriber in self._subscribers.get(center_id, ()):
                subscriber.offer(case, concerned, as_announced=as_announced)

    def given(self, report_id: str) -> Case | None:
        """The newest state given out, if it is remembered."""
        return self._given.get(report_id)

    def notice(self) -> None:
        """Tell every console that duty or dead records changed."""
        for subscriber in self._all():
            subscriber.notice()

    async def check_sign_ins(self) -> None:
        """Wake the consoles whose person is signed in no more: one look for all, so that none wakes while idle."""
        for subscriber in self._all():
            if not subscriber.signed_in():
                subscriber.wake()

    @contextmanager
    def subscribe(
        self, center_id: str, session: str = "", signed_in: Callable[[], bool] = lambda: True, tab: str = ""
    ) -> Iterator[ConsoleSubscriber]:
        """Subscribe a console until the block ends. ``session`` is the sign-in that it counts for.

        An earlier subscription of the same ``tab`` of this sign-in ends.
        """
        for before in self._all():
            if tab and (before.session, before.tab) == (session, tab):
                before.replaced = True
                before.close()
        subscriber = ConsoleSubscriber(center_id, self._backlog, session, signed_in, tab)
        self._subscribers[center_id].add(subscriber)
        self.occupied.set()
        metrics.STREAMS.set(self.subscriber_count)
        try:
            yield subscriber
        finally:
            self._subscribers[center_id].discard(subscriber)
            if not self.subscriber_count:
                self.occupied.clear()
            metrics.STREAMS.set(self.subscriber_count)

    def send_all_away(self) -> None:
        """Have every console come back for the whole list: this process cannot say what changed, or what is stored."""
        self._early.clear()
        metrics.NOT_STORED.set(len(self._early))
        for subscriber in self._all():
            subscriber.send_away()

    def close(self) -> None:
        """Send everyone away; the process is ending."""
        for subscriber in self._all():
            subscriber.close()
