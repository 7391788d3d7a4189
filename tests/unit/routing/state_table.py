"""A worker with its state on disk, everything it reads, and an oracle that folds both logs from their first record."""

import random
import shutil
import weakref
from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.routing.models import CaseTotals
from services.routing.service import RoutingService
from services.routing.state.changelog import Changelog
from services.routing.state.folder import StateFolder
from services.routing.state.partition import PartitionState
from shared.events.base import Event, encode
from shared.events.cases import CaseAcknowledged, CaseAssigned, CaseClosed, CaseReopened, CaseTransferAccepted
from shared.events.centers import CenterChanged
from shared.events.reports import ReportAmended, ReportReceived, ReportReinstated, ReportWithdrawn
from shared.events.vocabulary import CenterState
from tests.unit.routing.builders import NOW, TRACE, facts, received, report_id
from tests.unit.routing.fake_log import Place, kill, received_record, refolded

STEPS = [
    *("report", "report", "old_report", "amend", "withdraw", "reinstate"),
    *("acknowledge", "acknowledge", "assign", "close", "reopen", "transfer"),
    *("close_center", "open_center", "ack_ahead", "ack_unread"),
    *("stop", "kill", "set_aside", "go_back", "lose", "take_back"),
]
"""What may come next; what happens often in life stands there twice."""


class Table:
    """The worker, everything it reads, and what intake and notify would say next."""

    def __init__(self, dice: random.Random) -> None:
        self.place = Place()
        self.dice = dice
        self.worker: RoutingService
        self.changelog: Changelog
        self._intake: dict[int, int] = {}
        self._case_version = 0
        self._center_version = 0
        self._aside = self.place.state_dir.with_name(self.place.state_dir.name + "-aside")
        weakref.finalize(self, shutil.rmtree, self._aside, ignore_errors=True)
        self._unread: set[int] = set()
        """Offsets in `cases` that nobody has read yet."""

    async def start(self) -> None:
        self._unread.clear()
        self.worker, self.changelog, self.view = await self.place.worker()

    @property
    def folder(self) -> StateFolder:
        """The one of the worker that runs."""
        return self.place.folders[-1]

    @property
    def state(self) -> PartitionState:
        return self.changelog.states[0]

    async def send(self, event: Event) -> Any:
        """As the bus hands it over, and with it in the log of its topic."""
        if event.TOPIC == "reports":
            return await self.worker.handle([received_record(event)])
        # A group reads in order: what lies before it comes first.
        offset = self.append(event)
        before = [received_record(self.place.cases.events()[n], n) for n in sorted(self._unread)]
        self._unread.clear()
        return await self.worker.handle([*before, received_record(event, offset)])

    def append(self, event: Event) -> int:
        return self.place.cases.append(0, encode(event, source="notify", time=NOW, traceparent=TRACE))

    def lodge(self) -> ReportReceived:
        """A new report, received now."""
        number = len(self._intake) + 1
        self._intake[number] = 1
        division = self.dice.choice(["busan", "seoul", "jeju"])
        synthetic = self.dice.random() < 0.2
        report = received(number, division, synthetic=synthetic, urgency=self.dice.choice(["normal", "critical"]))
        return report.model_copy(update={"received_at": self.place.clock.now()})

    async def step(self, name: str) -> None:
        await self.place.clock.advance(0.01)
        now = self.place.clock.now()
        if name == "report":
            await self.send(self.lodge())
        elif name in {"stop", "kill", "set_aside", "go_back", "lose"}:
            await self._to_the_disk(name)
        elif name == "take_back":
            self._unread.clear()
            await self.worker.on_revoked(frozenset({("reports", 0), ("cases", 0)}))
            await self.worker.on_assigned(frozenset({("reports", 0), ("cases", 0)}))
        elif name in {"close_center", "open_center"}:
            self._center(CenterState.CLOSED if name == "close_center" else CenterState.OPEN, now)
            await self.worker.move_from_closed()
        elif name == "ack_ahead":
            # Of the report that is routed next, read at a take-over before that one, and perhaps kept over a restart.
            self.append(self.case(len(self._intake) + 1, "acknowledge", now))
            await self.step("take_back")
            if self.dice.random() < 0.5:
                await self.step("kill")
            await self.step("report")
        elif name == "ack_unread" and self._intake:
            self._unread.add(self.append(self.case(self.dice.choice(list(self._intake)), "acknowledge", now)))
        elif self._intake:
            await self.send(self.about(self.dice.choice(list(self._intake)), name, now))

    async def _to_the_disk(self, name: str) -> None:
        if name == "set_aside":
            # Each commit is whole: what lies there now is what a worker leaves that dies now.
            shutil.copytree(self.folder.path, self._aside, dirs_exist_ok=True)
            return
        if name == "stop":
            self.folder.close()
        else:
            kill(self.folder)
        if name == "go_back" and self._aside.exists():
            shutil.copytree(self._aside, self.folder.path, dirs_exist_ok=True)
        elif name == "lose":
            shutil.rmtree(self.place.state_dir)
        await self.start()

    def _center(self, state: CenterState, now: datetime) -> None:
        self._center_version += 1
        word = {"center_version": self._center_version, "staff_on_duty": 3, "cases_per_person": 15, "changed_at": now}
        self.view.apply(received_record(CenterChanged(center_id="busan", state=state, **word)))

    def about(self, number: int, name: str, now: datetime) -> Event:
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
        return self.case(number, name, now)

    def case(self, number: int, name: str, now: datetime) -> Event:
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
        assert self.state.report_states == told.report_states
        assert [self.state.waits(c) for c in sorted(lists(told))] == [told.waits(c) for c in sorted(lists(told))]


def real(state: PartitionState) -> dict[str, CaseTotals]:
    return {c: totals for c, totals in state.case_totals.items() if any(totals)}


def lists(state: PartitionState) -> dict[str, list[str]]:
    return {c: list(waiting) for c, waiting in state.waiting.items() if len(waiting)}
