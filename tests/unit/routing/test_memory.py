"""Memory that forgets, recalls and is read back from snapshots knows exactly what a reader of the whole log knows.

One worker with almost no memory plays against an oracle that folds both logs from their first record after every step.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.routing.handlers.keeping import Keeper
from services.routing.handlers.ledger import Ledger
from services.routing.handlers.recounting import Recounter
from services.routing.handlers.worker import Worker
from services.routing.model import Tally
from services.routing.projection import PartitionState
from services.routing.store import Copied
from shared.errors import TransientError
from shared.events.base import Event, encode
from shared.events.cases import CaseAcknowledged, CaseAssigned, CaseClosed, CaseReopened, CaseTransferAccepted
from shared.events.centers import CenterChanged
from shared.events.reports import ReportAmended, ReportReinstated, ReportWithdrawn
from shared.events.vocabulary import CenterState
from tests.unit.routing.builders import NOW, TRACE, facts, received, report_id
from tests.unit.routing.fake_log import Place, received_record, refolded

STEPS = [
    *("report", "report", "old_report", "amend", "withdraw", "reinstate"),
    *("acknowledge", "acknowledge", "assign", "close", "reopen", "transfer"),
    *(
        "close_center",
        "open_center",
        "ack_ahead",
        "ack_unread",
        "copy",
        "copy",
        "keep",
        "keep",
        "restart",
        "take_back",
        "store",
    ),
]
"""What may come next; what happens often in life stands there twice."""


class Table:
    """The worker, everything it reads, and what intake and notify would say next."""

    def __init__(self, dice: random.Random) -> None:
        self.place = Place()
        self.dice = dice
        self.worker: Worker
        self.ledger: Ledger
        self.keeper: Keeper
        self._intake: dict[int, int] = {}
        self._case_version = 0
        self._center_version = 0
        self._unread: set[int] = set()
        """Offsets in `cases` that nobody has read yet."""

    async def start(self) -> None:
        self._unread.clear()
        self.worker, self.ledger, self.view = await self.place.worker()
        self.keeper = Keeper(
            self.worker,
            self.ledger,
            self.place.copy,
            self.place.snapshots,
            self.place.clock,
            remembered=1,
            snapshot_every_s=0.001,
        )

    @property
    def state(self) -> PartitionState:
        return self.ledger.states[0]

    async def send(self, event: Event) -> Any:
        """As the bus hands it over, and with it in the log of its topic."""
        if event.TOPIC == "reports":
            return await self.worker.handle([received_record(event)])
        # A group reads in order: what lies before it comes first.
        offset = self._append(event)
        before = [received_record(self.place.cases.events()[n], n) for n in sorted(self._unread)]
        self._unread.clear()
        return await self.worker.handle([*before, received_record(event, offset)])

    def _append(self, event: Event) -> int:
        return self.place.cases.append(0, encode(event, source="notify", time=NOW, traceparent=TRACE))

    async def step(self, name: str) -> None:
        await self.place.clock.advance(0.01)
        now = self.place.clock.now()
        if name == "report":
            number = len(self._intake) + 1
            self._intake[number] = 1
            division = self.dice.choice(["busan", "seoul", "jeju"])
            synthetic = self.dice.random() < 0.2
            report = received(number, division, synthetic=synthetic, urgency=self.dice.choice(["normal", "critical"]))
            await self.send(report.model_copy(update={"received_at": now}))
        elif name == "copy":
            self.place.copy.catch_up()
        elif name == "keep":
            with suppress(TransientError):
                await self.keeper.look()
        elif name == "store":
            self.place.copy.away = self.place.snapshots.away = not self.place.copy.away
        elif name == "restart":
            await self.start()
        elif name == "take_back":
            self._unread.clear()
            await self.worker.on_revoked(frozenset({("reports", 0), ("cases", 0)}))
            await self.worker.on_assigned(frozenset({("reports", 0), ("cases", 0)}))
        elif name in {"close_center", "open_center"}:
            self._center(CenterState.CLOSED if name == "close_center" else CenterState.OPEN, now)
            await self.worker.move_from_closed()
        elif name == "ack_ahead":
            # Of a report that will be routed next; the worker reads of it when it takes over, not before.
            self._unread.add(self._append(self._case(len(self._intake) + 1, "acknowledge", now)))
        elif name == "ack_unread" and self._intake:
            self._unread.add(self._append(self._case(self.dice.choice(list(self._intake)), "acknowledge", now)))
        elif self._intake:
            await self.send(self._about(self.dice.choice(list(self._intake)), name, now))

    def _center(self, state: CenterState, now: datetime) -> None:
        self._center_version += 1
        word = {"center_version": self._center_version, "staff_on_duty": 3, "cases_per_person": 15, "changed_at": now}
        self.view.apply(received_record(CenterChanged(center_id="busan", state=state, **word)))

    def _about(self, number: int, name: str, now: datetime) -> Event:
        if name == "old_report":
            old = next(e for e in self.place.routings.events() if e.report_id == report_id(number))
            return received(number).model_copy(update={"received_at": old.received_at, "facts": old.facts})
        if name in {"amend", "withdraw", "reinstate"}:
            self._intake[number] += 1
            said = {"report_id": report_id(number), "intake_version": self._intake[number]}
            told: dict[str, Callable[[], Event]] = {
                "amend": lambda: ReportAmended(**said, amended_at=now, facts=facts("busan", urgency="high")),
                "withdraw": lambda: ReportWithdrawn(**said, withdrawn_at=now),
                "reinstate": lambda: ReportReinstated(**said, reinstated_at=now),
            }
            return told[name]()
        return self._case(number, name, now)

    def _case(self, number: int, name: str, now: datetime) -> Event:
        self._case_version += 1
        newest = [e for e in self.place.routings.events() if e.report_id == report_id(number)]
        common: dict[str, Any] = {
            "report_id": report_id(number),
            "case_version": self._case_version,
            "ownership": max((e.ownership for e in newest), default=1),
            "center_id": "busan",
            "at": now,
        }
        done: dict[str, Callable[[], Event]] = {
            "acknowledge": lambda: CaseAcknowledged(**common),
            "assign": lambda: CaseAssigned(**common, assignee="a"),
            "close": lambda: CaseClosed(**common, outcome="supported"),
            "reopen": lambda: CaseReopened(**common),
            "transfer": lambda: CaseTransferAccepted(
                **common, offer_id="o", to_center_id=self.dice.choice(["jeju", "ulsan", "busan"])
            ),
        }
        return done[name]()

    def oracle(self) -> PartitionState:
        told = refolded(self.place.routings)
        for offset, record in enumerate(self.place.cases.records.get(0, [])):
            event = self.place.cases.events()[offset]
            assert record.key == event.report_id
            if isinstance(event, CaseAcknowledged) and offset not in self._unread:
                told.acknowledge(event)
        return told

    def assert_true(self) -> None:
        told = self.oracle()
        assert self.state.position == told.position
        assert real(self.state) == real(told)
        assert lists(self.state) == lists(told)
        for name, standing in self.state.standings.items():
            assert standing == told.standings[name]
        assert [self.state.waits(c) for c in sorted(lists(told))] == [told.waits(c) for c in sorted(lists(told))]


def real(state: PartitionState) -> dict[str, Tally]:
    return {c: tally for c, tally in state.tallies.items() if any(tally)}


def lists(state: PartitionState) -> dict[str, dict[str, datetime]]:
    return {c: dict(waiting.since) for c, waiting in state.waiting.items() if waiting}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=60), st.integers(0, 2**32))
@example(["report", "acknowledge", "report", "copy", "keep", "restart", "old_report", "transfer", "acknowledge"] * 3, 1)
@example(["report", "report", "copy", "keep", "store", "amend", "close", "reopen", "store", "restart"] * 4, 2)
def test_whatever_happens_memory_is_the_log(steps: list[str], seed: int) -> None:
    async def play() -> None:
        table = Table(random.Random(seed))
        await table.start()
        for name in steps:
            await table.step(name)
            table.assert_true()

    asyncio.run(play())


@pytest.mark.parametrize("seed", range(5))
async def test_long_games_too(seed: int) -> None:
    table = Table(random.Random(seed))
    await table.start()
    for number, name in enumerate(random.Random(1000 + seed).choices(STEPS, k=150)):
        await table.step(name)
        if number % 5 == 0:
            table.assert_true()
    table.assert_true()


async def filled(reports: int = 30, acknowledged: int = 25) -> Table:
    """Reports of which most are answered, copied, and all but one forgotten, with a snapshot written."""
    table = Table(random.Random(3))
    await table.start()
    for _ in range(reports):
        await table.step("report")
    for number in range(1, acknowledged + 1):
        await table.send(table._about(number, "acknowledge", table.place.clock.now()))
    table.place.copy.catch_up()
    await table.keeper.look()
    await table.keeper.look()
    return table


async def test_forgotten_means_not_in_memory_and_still_counted() -> None:
    table = await filled()
    assert len(table.state.standings) == 1
    assert sum(t.open_cases for t in table.state.tallies.values()) > 20
    table.assert_true()


async def test_a_new_report_is_never_looked_up() -> None:
    table = await filled()
    await table.step("report")
    assert table.place.copy.asked == []


async def test_an_old_duplicate_is_looked_up_and_not_counted_twice() -> None:
    table = await filled()
    before = real(table.state)
    records = len(table.place.routings.records[0])
    await table.step("old_report")
    assert table.place.copy.asked
    assert (real(table.state), len(table.place.routings.records[0])) == (before, records)


async def test_without_the_lookup_an_old_duplicate_would_be_routed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table = await filled()
    monkeypatch.setattr("services.routing.handlers.worker.may_be_forgotten", lambda incoming, state: [])
    records = len(table.place.routings.records[0])
    await table.step("old_report")
    assert len(table.place.routings.records[0]) == records + 1, "what the lookup is for"


async def test_with_the_store_away_the_log_itself_is_asked() -> None:
    table = await filled()
    table.place.copy.away = True
    await table.send(table._about(1, "close", table.place.clock.now()))
    table.place.copy.away = False
    table.assert_true()
    assert table.place.routings.events()[-1].report_id == report_id(1)


async def test_a_copy_that_lost_records_is_not_believed() -> None:
    table = await filled()
    table.place.copy.reached.clear()
    await table.send(table._about(1, "close", table.place.clock.now()))
    table.assert_true()
    assert table.place.routings.events()[-1].report_id == report_id(1)


async def test_a_copy_ahead_of_memory_is_believed_only_up_to_where_memory_is() -> None:
    table = await filled()
    other, _, _ = await table.place.worker()
    closed = table._about(1, "close", table.place.clock.now())
    await other.handle([received_record(closed, 900)])
    table.place.copy.catch_up()
    await table.send(table._about(1, "assign", table.place.clock.now()))
    assert table.state.standings[report_id(1)].ended is None, "its end lies beyond what this worker has read"
    await table.ledger.read_on([0])
    table.assert_true()


async def test_a_restart_reads_only_what_came_after_the_snapshot() -> None:
    table = await filled()
    await table.step("report")
    read: list[tuple[int, int]] = []
    real_read = table.place.routings.read

    def watched(wanted: Any) -> Any:
        read.extend(wanted.values())
        return real_read(wanted)

    table.place.routings.read = watched  # type: ignore[method-assign]  # watches what is asked for
    await table.start()
    assert read == [(29, 30), (30, 31)], "the record the snapshot stands for, and what came after"
    table.assert_true()


async def test_an_acknowledgement_after_the_snapshot_is_read_at_the_restart() -> None:
    table = await filled()
    assert table.state.is_waiting(report_id(26))
    table._append(table._case(26, "acknowledge", table.place.clock.now()))
    await table.start()
    assert not table.state.is_waiting(report_id(26))
    table.assert_true()


@pytest.mark.parametrize("wrong", ["other_record", "short_log", "short_copy", "damaged", "store_away"])
async def test_a_snapshot_that_does_not_fit_is_not_used(wrong: str) -> None:
    table = await filled()
    head, parts = table.place.snapshots.written[0]
    head["tallies"] = {"jeju": [9, 9, 9, 9]}
    if wrong == "other_record":
        head["last_id"] = "something else"
    elif wrong == "short_log":
        head["position"] = 1000
        table.place.copy.reached[0] = table.place.copy.reached[0]._replace(upto=1000)
    elif wrong == "short_copy":
        table.place.copy.reached.clear()
    elif wrong == "damaged":
        parts.pop()
    else:
        table.place.snapshots.away = True
    await table.start()
    table.assert_true()


async def test_closed_centres_give_up_forgotten_reports_too() -> None:
    table = await filled()
    waiting = set(table.state.waiting["busan"]) if "busan" in table.state.waiting else set()
    assert waiting - set(table.state.standings), "some of them are forgotten, or the test shows nothing"
    await table.step("close_center")
    assert not table.state.waiting["busan"]
    table.assert_true()


async def test_a_recount_agrees_and_finds_and_mends_what_is_wrong() -> None:
    table = await filled()
    recounter = Recounter(
        table.worker, table.ledger, table.place.routings, table.place.snapshots, table.place.clock, every_s=3600
    )
    assert await recounter.recount_all() == 0
    center, tally = next(iter(real(table.state).items()))
    table.state.tallies[center] = tally._replace(weighted=tally.weighted + 10)
    assert await recounter.recount_all() == 1
    assert 0 not in table.place.snapshots.written, "what it was restored from may be wrong too"
    table.assert_true()
    assert await recounter.recount_all() == 0


async def test_nothing_is_forgotten_that_the_copy_lacks() -> None:
    table = Table(random.Random(4))
    await table.start()
    for _ in range(5):
        await table.step("report")
    await table.keeper.look()
    assert len(table.state.standings) == 5
    table.place.copy.reached[0] = table.place.copy.reached.get(0, Copied(2, None))
    await table.keeper.look()
    assert len(table.state.standings) == 3


def test_a_clock_that_is_behind_makes_a_report_old_not_new() -> None:
    """Receipt times are compared with each other, never with a clock: an equal one may be known."""
    state = PartitionState(forgotten_until=NOW)
    assert state.may_have_forgotten(NOW)
    assert not state.may_have_forgotten(NOW + timedelta(milliseconds=1))


def test_marks_of_a_busy_report_do_not_pile_up() -> None:
    state = PartitionState()
    for number in range(5000):
        state.marks.append((number, report_id(1), number))
    state.forget(0, 10)
    assert len(state.marks) == 0
