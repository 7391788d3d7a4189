"""Routing's HTTP side with a store and sums of a test's making, for tests of its pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from services.routing.console.live_stream import OpenStreams
from services.routing.main import application
from services.routing.read_model import RoutingEntry
from services.routing.read_model.service import entry_of
from services.routing.settings import RoutingSettings
from services.routing.state.loads import LoadView
from services.routing.state.partition import PartitionState
from services.routing.state.report_states import RoutingEvent
from services.routing.transitions.models import TransitionResult
from services.routing.transitions.rules import moves
from shared.centers import PACKAGED, TABLES, Fault, TableSets
from shared.clock import Clock
from shared.events.cases import CaseClosed, CaseReopened
from shared.events.centers import CenterChanged
from shared.events.loads import LoadSummarized, LoadTotal
from shared.events.reports import ReportMessageLeft, ReportReinstated, ReportWithdrawn
from shared.events.vocabulary import CenterState
from shared.health import Health
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity
from tests.unit.routing.builders import MOMENT, NOW, TRACE, center_loads, received, report_id
from tests.unit.routing.fake_log import received_record
from tests.unit.routing.steps import accepted, case, run, settle

WHERE: Final = "http://127.0.0.1"
PARTITIONS: Final = 2


class Idle:
    """A worker that was given no partition."""

    def owned(self) -> dict[int, Any]:
        return {}


class Kept:
    """The store's copy of one report's records."""

    def __init__(self, events: Sequence[RoutingEvent] = ()) -> None:
        self.entries = [entry_of(event, 0, number) for number, event in enumerate(events)]

    async def history(self, report: str) -> list[RoutingEntry]:
        return [entry for entry in self.entries if entry.report_id == report]


class RoutingHarness:
    """Routing's HTTP side over a store that holds ``events``."""

    def __init__(
        self,
        events: Sequence[RoutingEvent] = (),
        view: LoadView | None = None,
        *,
        refused: Sequence[Fault] = (),
        clock: Clock | None = None,
        streams: OpenStreams | None = None,
    ) -> None:
        clock, store, idle = clock or ManualClock(NOW), Kept(events), Idle()
        self.staff = TestIdentity(clock, "routing")
        some: Any = (store, idle)
        identity = self.staff.identity
        self.view = view or LoadView(15)
        self.app = application(
            RoutingSettings(),
            Health(),
            some[0],
            some[1],
            self.view,
            identity,
            clock,
            partitions=PARTITIONS,
            streams=streams or OpenStreams(),
            sets=TableSets(current=TABLES, known=PACKAGED.known, faults=tuple(refused)),
        )

    async def get(self, path: str, organisation: str | None, role: str = "counsellor") -> httpx.Response:
        who = self.staff.bearer(organisation, role) if organisation else {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=WHERE) as client:
            return await client.get(path, headers=who)


def tell(view: LoadView, partition: int, upto: int, at: datetime = NOW, **centers: dict[str, Any]) -> None:
    """A worker's word on its partition."""
    loads = {c: LoadTotal.model_validate({"open_cases": 1, "weighted": 10} | given) for c, given in centers.items()}
    event = LoadSummarized(partition=partition, upto=upto, loads=loads, summarized_at=at, worker="w")
    view.apply(received_record(event))


def say(view: LoadView, center_id: str, state: CenterState, staff: int = 3) -> None:
    """A centre's word on itself."""
    version = view.duties[center_id].version + 1
    event = CenterChanged(
        center_id=center_id,
        center_version=version,
        state=state,
        staff_on_duty=staff,
        cases_per_person=15,
        changed_at=NOW,
    )
    view.apply(received_record(event))


def story() -> list[RoutingEvent]:
    """One of each thing that may follow a decision: Ulsan's report goes to Jeju, ends, returns, and leaves Jeju."""
    state = PartitionState()
    events: list[RoutingEvent] = []
    for event in (
        received(1, "ulsan"),
        accepted("jeju"),
        accepted("jeju", 2, 2),
        case(CaseClosed, 3, 2, outcome="supported"),
        case(CaseReopened, 4, 2),
        ReportMessageLeft(report_id=report_id(1), intake_version=2, left_at=NOW),
        ReportWithdrawn(report_id=report_id(1), intake_version=3, withdrawn_at=NOW),
        ReportReinstated(report_id=report_id(1), intake_version=4, reinstated_at=NOW),
    ):
        events += settle(state, run(state, event))
    return events + settle(
        state,
        TransitionResult(
            drafts=moves(state, center_loads(closed=("jeju", "ulsan")), MOMENT, TRACE, limit=1, owners={})
        ),
    )
