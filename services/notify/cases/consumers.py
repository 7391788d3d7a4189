"""Notify's consumer of `routings`: load, fold, write once, tell open consoles and alerts."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol, cast

from services.notify import metrics
from services.notify.cases.models import Case, EntryKind, added, alias
from services.notify.cases.projection import RoutingEvent, fold
from services.notify.cases.repository import CaseStore, Change
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation.rules import Rules
from shared import log
from shared.clock import Clock
from shared.errors import OutOfSequenceError, TransientError
from shared.events.families import RoutingEvents
from shared.events.routings import ReportRouted
from shared.events.vocabulary import Urgency
from shared.jobs import Skipped
from shared.kafka.router import Batch, Blocked, KafkaRouter, Received
from shared.severity import urgency_of
from shared.topics import ROUTINGS

_LOG = log.get(__name__)
_ROUNDS = 20


class HeldAlerts(Protocol):
    """Alerts of this process: what it writes down as due it may hold, and tell without anybody's claim."""

    def hold(self, cases: Sequence[Case], now: datetime) -> list[Case]:
        """The same cases; those due now are leased to this process as far as it has room."""
        ...

    def begin(self, cases: Iterable[Case]) -> None:
        """The cases are written: tell those that are held."""
        ...


def consumers(routings: "RoutingsHandler") -> KafkaRouter:
    """One group."""
    router = KafkaRouter()

    @router.subscriber(ROUTINGS, group="notify")
    async def on_routings(batch: Batch[RoutingEvents]) -> Sequence[Blocked]:
        return await routings.handle(batch)

    return router


class RoutingsHandler:
    """Folds batches of `routings` into cases."""

    def __init__(
        self,
        store: CaseStore,
        broadcaster: ConsoleBroadcaster,
        clock: Clock,
        rules: Rules,
        alerts: HeldAlerts,
        *,
        given_up: Collection[str] = frozenset(),
    ) -> None:
        """``alerts`` of this process tell what is due now, without asking the store for it.

        ``given_up``: reports of which a record that does not follow is passed over.
        """
        self._store = store
        self._broadcaster = broadcaster
        self._clock = clock
        self._rules = rules
        self._alerts = alerts
        self._given_up = given_up

    async def handle(self, batch: list[Received]) -> Sequence[Blocked]:
        """Apply a batch, new critical cases first: they are written, and so told, before any other case is read.

        A report's records stay together and in order. A critical case with more than its first record in the batch
        must itself be read, after those that need no reading. A partition stops before the first record of a case that
        this build cannot read, or that does not follow what is known of its report; the others go on, and so do alerts.
        """
        followed = set(_begun_before(batch))
        first = {received.event.key: received for received in reversed(batch)}
        critical = {key for key, received in first.items() if _is_critical(received)}
        unreadable = Skipped("routings")
        gaps: dict[str, tuple[Received, str]] = {}
        for keys in (critical - followed, critical & followed, first.keys() - critical):
            if keys:
                await self._apply([received for received in batch if received.event.key in keys], unreadable, gaps)
        stops = {(r.topic, r.partition): r for r in reversed(batch) if r.event.key in unreadable.references}
        return [
            *(Blocked(r.topic, r.partition, r.offset, "a case that this build cannot read") for r in stops.values()),
            *(Blocked(r.topic, r.partition, r.offset, reason) for r, reason in gaps.values()),
        ]

    async def _apply(self, batch: list[Received], unreadable: Skipped, gaps: dict[str, tuple[Received, str]]) -> None:
        """Apply records. Another process may write the same cases meanwhile: what lost is read again and redone."""
        longer: dict[str, int] = {}
        # A report's first record is nearly always new here: it is inserted without asking, and if it was known after
        # all, the insert says so and everything is read.
        known = await self._store.load(_begun_before(batch), unreadable)
        for _ in range(_ROUNDS):
            batch = [received for received in batch if received.event.key not in unreadable.references]
            self._alerts.begin(known.values())  # written by an attempt whose answer was lost
            changes = self._fold(batch, known, longer, gaps)
            lost = False
            # Critical ones are written, and so told, before the others are written.
            for urgent in (True, False):
                some = [change for change in changes if (change.case.urgency is Urgency.CRITICAL) is urgent]
                lost = not await self._save(some, known, longer) or lost
            if not lost:
                return
            known = await self._store.load(list(dict.fromkeys(r.event.key for r in batch)), unreadable)
        raise TransientError("store: a batch kept losing races")

    async def _save(self, changes: list[Change], known: dict[str, Case], longer: dict[str, int]) -> bool:
        """Write some changes and tell of them; False where one met a newer state."""
        if not changes:
            return True
        saved = await self._store.save(changes, self._clock.now())
        self._tell([c.case for c in changes if c.case.report_id not in saved.lost], known)
        for report_id in saved.alias_taken:
            longer[report_id] = longer.get(report_id, 0) + 1
        return not saved.lost

    def _fold(
        self,
        batch: list[Received],
        known: dict[str, Case],
        longer: dict[str, int],
        gaps: dict[str, tuple[Received, str]],
    ) -> list[Change]:
        now = self._clock.now()
        changed: dict[str, Case] = {}
        for received in batch:
            event = cast("RoutingEvent", received.event)
            before = changed.get(event.report_id) or known.get(event.report_id)
            try:
                after = fold(before, event, received.envelope.traceparent, self._rules, now)
            except OutOfSequenceError as error:
                if event.report_id not in self._given_up:
                    gaps.setdefault(event.report_id, (received, str(error)))
                continue
            if after is not None:
                changed[event.report_id] = after
        held = self._alerts.hold(list(changed.values()), now)
        return [_change(case, known.get(case.report_id), longer.get(case.report_id, 0)) for case in held]

    def _tell(self, cases: list[Case], known: dict[str, Case]) -> None:
        if not cases:
            return
        self._broadcaster.publish(cases)
        now = self._clock.now()
        for case in cases:
            _log_void(known.get(case.report_id), case)
            if case.version == 1:
                metrics.TO_SHOWN.observe(max((now - case.received_at).total_seconds(), 0.0))
        self._alerts.begin(cases)


def _begun_before(batch: list[Received]) -> list[str]:
    """Reports of which the batch holds more than first records.

    Not those whose first record in the batch is a later one: a worker that woke up may have put its late first record
    before a true later one, and the case must be known to see that.
    """
    return list(dict.fromkeys(received.event.key for received in batch if received.event.sequence > 1))


def _is_critical(received: Received) -> bool:
    """Return whether a record begins a critical case."""
    event = cast("RoutingEvent", received.event)
    return isinstance(event, ReportRouted) and urgency_of(event.facts) is Urgency.CRITICAL


def _change(case: Case, known: Case | None, longer: int) -> Change:
    """One write per case, however many records it had in the batch."""
    if known is not None:
        return Change(case.model_copy(update={"rev": known.rev + 1}), known)
    return Change(case.model_copy(update={"rev": 1, "alias": alias(case.report_id, longer)}), None)


_VOID = {
    EntryKind.VOID: "acknowledgement",
    EntryKind.MOVE_VOID: "transfer",
    EntryKind.CLOSING_VOID: "closing",
    EntryKind.REOPENING_VOID: "reopening",
}


def _log_void(before: Case | None, after: Case) -> None:
    """Log the commands of staff that came too late."""
    for entry in added(before, after):
        if entry.kind in _VOID:
            _LOG.info("cases.void", act=_VOID[entry.kind], reason=entry.reason, ownership=after.ownership)
