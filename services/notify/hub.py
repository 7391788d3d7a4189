"""Live rows for every open console of this process. Each listener has its own bounded backlog; the newest row wins."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from services.notify import instruments
from services.notify.attention import on_list
from services.notify.model import CENTRAL_DESK, Case

BACKLOG: Final = 5000
"""Rows one listener may be behind before it is sent away; its browser comes back and gets the whole list."""
PER_SESSION: Final = 8
"""Consoles one sign-in may have open: nobody takes everybody's."""
_REMEMBERED: Final = 20_000


class Listener:
    """One console: rows it has not been given yet, newest state only."""

    def __init__(self, center_id: str, backlog: int, session: str = "") -> None:
        """``center_id`` is a centre, or ``central`` for what no centre has acknowledged."""
        self.center_id = center_id
        self.session = session
        self.too_slow = False
        self.closing = False
        self._backlog = backlog
        self._rows: dict[str, Case] = {}
        self._notice = False
        self._something = asyncio.Event()

    def offer(self, case: Case) -> None:
        """Take a row to be given; never blocks."""
        known = self._rows.get(case.report_id)
        if known is None and not self._concerns(case):
            return
        # What waits to be given is replaced even by what does not concern them: shown is the newest, or that it left.
        if known is not None and known.rev >= case.rev:
            return
        self._rows[case.report_id] = case
        if len(self._rows) > self._backlog:
            self.too_slow = True
            self._rows.clear()
        self._something.set()

    def _concerns(self, case: Case) -> bool:
        # Whoever held the case or had an offer of it before must see it leave. Nobody else hears that it exists.
        past = case.past_offer.to_center_id if case.past_offer is not None else None
        concerned = {case.center_id, case.offered_to, past, *case.former}
        return self.center_id == CENTRAL_DESK or self.center_id in concerned

    def notice(self) -> None:
        """Something besides the rows changed (who is on duty, a dead record)."""
        self._notice = True
        self._something.set()

    def close(self) -> None:
        """End after what is being given now."""
        self.closing = True
        self._something.set()

    async def take(self, seconds: float) -> tuple[list[Case], bool]:
        """The rows waiting and whether something else changed; both empty after ``seconds`` without news."""
        try:
            async with asyncio.timeout(seconds):
                await self._something.wait()
        except TimeoutError:
            return [], False
        self._something.clear()
        rows, self._rows = list(self._rows.values()), {}
        notice, self._notice = self._notice, False
        return rows, notice

    def holds(self, case: Case) -> bool:
        """Whether the case is on this console's list now."""
        return on_list(case, self.center_id)

    def offered(self, case: Case) -> bool:
        """Whether the case is among what other centres offer to this one."""
        return case.offered_to == self.center_id


class Hub:
    """Everyone who listens, and which state of each case they were last given."""

    def __init__(self, backlog: int = BACKLOG) -> None:
        """``backlog`` bounds each listener."""
        self._backlog = backlog
        self._listeners: set[Listener] = set()
        self._given: OrderedDict[str, Case] = OrderedDict()

    @property
    def listening(self) -> int:
        """Open consoles."""
        return len(self._listeners)

    def full(self, session: str) -> bool:
        """Whether a sign-in has as many consoles open as it may."""
        return sum(listener.session == session for listener in self._listeners) >= PER_SESSION

    def publish(self, cases: Iterable[Case]) -> None:
        """Give newer states to all whom they concern; older ones are dropped."""
        for case in cases:
            known = self._given.get(case.report_id)
            if known is not None and known.rev >= case.rev:
                continue
            self._given[case.report_id] = case
            self._given.move_to_end(case.report_id)
            for listener in self._listeners:
                listener.offer(case)
        while len(self._given) > _REMEMBERED:
            self._given.popitem(last=False)

    def given(self, report_id: str) -> Case | None:
        """The newest state given out, if it is remembered."""
        return self._given.get(report_id)

    def notice(self) -> None:
        """Tell every console that duty or dead records changed."""
        for listener in self._listeners:
            listener.notice()

    @contextmanager
    def listen(self, center_id: str, session: str = "") -> Iterator[Listener]:
        """Listen from now on until the block ends. ``session`` is the sign-in that it counts for."""
        listener = Listener(center_id, self._backlog, session)
        self._listeners.add(listener)
        instruments.STREAMS.set(len(self._listeners))
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            instruments.STREAMS.set(len(self._listeners))

    def close(self) -> None:
        """Send everyone away; the process is ending."""
        for listener in self._listeners:
            listener.close()
