"""Feeds the consoles of this process from Kafka: a new case at once, everything else as the store has it.

A new case is durable in the log and needs nothing of the store to be shown, so it waits neither for the store, which
may be slow or away, nor for the process that writes it down. Of everything else the bus says that something changed
and the store says what; it also confirms what was shown early, or says otherwise (a record that comes second is none).
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Container
from itertools import islice
from typing import Final

from services.notify import metrics
from services.notify.cases.models import Case
from services.notify.cases.projection import fold
from services.notify.cases.repository import CaseStore
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation.rules import Rules
from shared import log
from shared.clock import Clock
from shared.events.alerts import AlertEvent
from shared.events.base import ReportEvent
from shared.events.cases import CaseEvent
from shared.events.routings import ReportRouted
from shared.jobs import Skipped
from shared.kafka.router import Received

_LOG = log.get(__name__)
_GRACE_S: Final = 0.1
"""The process that handles the record usually writes and shows it within this; then nothing is read at all. Each report
has so long: where some come all the time, those that come during the wait for others wait for the next pass. One that
changes again while it waits is read with the others, or a busy one would never be."""
_GIVE_UP_S: Final = 30.0
"""For so long after its first answer the store is asked for what it does not have yet."""
_CONFIRMED_S: Final = 3600.0
"""For so long the store is asked about what was shown before it had it."""
_NEW_S: Final = 30.0
"""A first record older than this was written by somebody who slept: whose case it is, the store says."""
_READ: Final = 100
_BACKLOG: Final = 20_000
"""Reports whose rows may wait to be read."""
_JUST_MISSED: Final = 200
"""Records that passed while no console was open are remembered up to so many, and for as long as they are new."""


class ConsoleFeed:
    """Collects what the follower saw and gives out the store's rows once they are at least as new."""

    def __init__(self, store: CaseStore, broadcaster: ConsoleBroadcaster, clock: Clock, rules: Rules) -> None:
        """Rows go to the broadcaster; ``rules`` say what a new case looks like."""
        self._store = store
        self._broadcaster = broadcaster
        self._clock = clock
        self._rules = rules
        self._wanted: OrderedDict[str, tuple[tuple[int, int, int], float | None]] = OrderedDict()
        """How new each report has to be shown, and since when the store has answered that it is not (monotonic)."""
        self._missed: deque[tuple[float, ReportEvent]] = deque(maxlen=_JUST_MISSED)
        """What passed last while no console was open, and when (monotonic). A console that opens now may have read its
        list before another process wrote what a record of these says."""
        self.something: Final = asyncio.Event()
        """Something is to be shown that is not yet."""

    def note(self, received: Received) -> None:
        """A record passed by; never blocks."""
        event = received.event
        if not isinstance(event, ReportEvent):
            self._broadcaster.notice()
            return
        if not self._broadcaster.subscriber_count:
            self._missed.append((self._clock.monotonic(), event))
            return
        if isinstance(event, ReportRouted):
            self._announce(event, received.envelope.traceparent)
        self._want(event)
        self.something.set()

    def _want(self, event: ReportEvent) -> None:
        """Have the report shown at least as new as the event makes it."""
        least = _least(event)
        before = self._wanted.pop(event.report_id, None)
        if before is not None:
            least = (max(least[0], before[0][0]), max(least[1], before[0][1]), max(least[2], before[0][2]))
        self._wanted[event.report_id] = (least, None)
        if len(self._wanted) > _BACKLOG:
            self._overflowed()

    def _overflowed(self) -> None:
        """More changed than is remembered: open consoles load their lists anew, or they would miss what is dropped."""
        metrics.FEED_OVERFLOWS.inc()
        _LOG.warning("console_feed.overflowed", reports=len(self._wanted))
        self._wanted.clear()
        self._broadcaster.send_all_away()

    def _announce(self, event: ReportRouted, traceparent: str) -> None:
        now = self._clock.now()
        waited = (now - event.decided_at).total_seconds()
        if waited > _NEW_S or self._broadcaster.known(event.report_id):
            return
        case = fold(None, event, traceparent, self._rules, now)
        if case is not None:
            self._broadcaster.announce(case)

    async def catch_up(self) -> None:
        """Show everything that is wanted. Raises ``TransientError``, and ``SkippedError`` at the end."""
        skipped = Skipped("console")
        while self._missed and self._broadcaster.subscriber_count:
            at, event = self._missed.popleft()
            if self._clock.monotonic() - at <= _NEW_S:
                self._want(event)
        while self._wanted:
            waited = set(self._wanted)
            await asyncio.sleep(_GRACE_S)
            await self.pass_once(skipped, waited)
        skipped.raise_if_any()

    async def pass_once(self, skipped: Skipped, waited: Container[str]) -> None:
        """One read for those that ``waited`` and that no handler of this process has shown, for all consoles."""
        for report_id, (least, _) in list(self._wanted.items()):
            shown = self._broadcaster.given(report_id)
            if shown is not None and _as_new(shown, least):
                del self._wanted[report_id]
        wanted = list(islice((report_id for report_id in self._wanted if report_id in waited), _READ))
        if not wanted:
            return
        cases = await self._store.load(wanted, skipped)
        for report_id in skipped.references:
            self._wanted.pop(report_id, None)
        self._broadcaster.publish(cases.values())
        now = self._clock.monotonic()
        for report_id in wanted:
            held = self._wanted.pop(report_id, None)
            if held is None:
                continue
            case, since = cases.get(report_id), held[1] if held[1] is not None else now
            patience = _CONFIRMED_S if self._broadcaster.early(report_id) else _GIVE_UP_S
            if (case is None or not _as_new(case, held[0])) and now - since <= patience:
                self._wanted[report_id] = (held[0], since)


def _least(event: ReportEvent) -> tuple[int, int, int]:
    if isinstance(event, CaseEvent):
        return (0, event.case_version, 0)
    if isinstance(event, AlertEvent):
        return (0, 0, event.alert_version)
    return (event.sequence, 0, 0)


def _as_new(case: Case, least: tuple[int, int, int]) -> bool:
    return case.version >= least[0] and case.case_version >= least[1] and case.alert_version >= least[2]
