"""The pages as they are sent: who sees what, every text in the reader's language, what came after a decision."""

import html
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from services.routing.handlers.copying import entry_of
from services.routing.handlers.loads import LoadView
from services.routing.main import HERE, application
from services.routing.policy.stream import Outcome, moves
from services.routing.projection import PartitionState, RoutingEvent
from services.routing.settings import RoutingSettings
from services.routing.store import Entry
from services.routing.words import ENDS, MOVES, UPDATES, VOIDS
from shared.centers import CENTER_IDS, center
from shared.clock import ManualClock
from shared.events.cases import CaseClosed, CaseReopened
from shared.events.reports import ReportAmended, ReportMessageLeft, ReportReinstated, ReportWithdrawn
from shared.events.routings import ReportRerouted, ReportRouted
from shared.events.vocabulary import CauseKind, EndReason, TransferVoid, UpdateKind
from shared.health import Health
from shared.web.app import create_app
from shared.web.gate import unnamed
from shared.web.pages import Pages
from tests.support.staff import TestIdentity
from tests.unit.routing.builders import MOMENT, NOW, TRACE, board, facts, received, report_id
from tests.unit.routing.steps import accepted, case, run, settle

WHERE = "http://127.0.0.1"


def amended(division: str, **more: Any) -> ReportAmended:
    new = facts(division, **more)
    return ReportAmended(report_id=report_id(1), intake_version=2, amended_at=NOW, facts=new)


class Idle:
    """A worker that was given no partition."""

    def owned(self) -> dict[int, Any]:
        return {}


class Kept:
    """The store's copy of one report's records."""

    def __init__(self, events: Sequence[RoutingEvent] = ()) -> None:
        self.entries = [entry_of(event, 0, number) for number, event in enumerate(events)]

    async def history(self, report: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.report_id == report]


class House:
    """Routing's HTTP side over a store that holds ``events``."""

    def __init__(self, events: Sequence[RoutingEvent] = ()) -> None:
        clock, store, idle = ManualClock(NOW), Kept(events), Idle()
        self.staff = TestIdentity(clock)
        some: Any = (store, idle)
        identity = self.staff.identity
        self.app = application(RoutingSettings(), Health(), some[0], some[1], LoadView(15), identity, clock)

    async def get(self, path: str, organisation: str | None, role: str = "counsellor") -> httpx.Response:
        who = self.staff.bearer(organisation, role) if organisation else {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=WHERE) as client:
            return await client.get(path, headers=who)


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
    return events + settle(state, Outcome(drafts=moves(state, board(closed=("jeju", "ulsan")), MOMENT, TRACE, limit=1)))


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_the_table_of_centres_uses_short_names(lang: str) -> None:
    answer = await House().get(f"/?lang={lang}", "jeju", "operator")
    assert answer.status_code == 200
    for center_id in CENTER_IDS:
        known = center(center_id)
        assert f'<th scope="row">{known.short_ko if lang == "ko" else known.short_en}</th>' in answer.text
    assert "%(" not in answer.text


def test_every_routing_record_has_its_words() -> None:
    assert set(UPDATES) == set(UpdateKind)
    assert set(VOIDS) == set(TransferVoid)
    assert set(MOVES) == set(CauseKind) - {CauseKind.REPORT}


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_a_report_s_page_tells_everything_that_came_after_the_decision(lang: str) -> None:
    answer = await House(story()).get(f"/decisions/{report_id(1)}?lang={lang}", "jeju")
    assert answer.status_code == 200
    text = html.unescape(answer.text)
    pages = Pages(HERE / "templates", HERE / "locale", RoutingSettings(), "routing")
    told = [
        "The first decision",
        "What came after",
        MOVES[CauseKind.CASE_EVENT],
        UPDATES[UpdateKind.TRANSFER_VOID],
        VOIDS[TransferVoid.SAME_OWNER],
        ENDS[EndReason.CLOSED],
        UPDATES[UpdateKind.REOPENED],
        UPDATES[UpdateKind.MESSAGE_LEFT],
        ENDS[EndReason.WITHDRAWN],
        UPDATES[UpdateKind.REINSTATED],
        MOVES[CauseKind.CENTER_CLOSED],
    ]
    translate = pages.translator("ko" if lang == "ko" else "en").gettext
    places = [text.index(translate(sentence)) for sentence in told]
    assert places == sorted(places)
    assert text.count("<h3") == 9


@pytest.mark.parametrize(
    ("organisation", "role", "status"),
    [
        ("busan", "counsellor", 200),  # owns it now
        ("jeju", "lead", 200),  # owned it
        ("ulsan", "counsellor", 200),  # home
        ("sejong", "counsellor", 403),
        ("sejong", "lead", 403),
        ("busan", "operator", 403),
        ("busan", "administrator", 403),
        ("central", "counsellor", 200),
        ("central", "auditor", 200),
        ("central", "administrator", 403),
        ("ministry", "auditor", 200),
        ("ministry", "analyst", 403),
        ("ministry", "administrator", 403),
        (None, "", 401),
    ],
)
async def test_decisions_are_for_the_centres_they_concern(organisation: str | None, role: str, status: int) -> None:
    events = story()
    assert {e.decision.center_id for e in events if isinstance(e, ReportRouted | ReportRerouted)} >= {"jeju", "busan"}
    house = House(events)
    answer = await house.get(f"/api/v1/decisions/{report_id(1)}", organisation, role)
    assert answer.status_code == status, answer.text
    assert ("facts" in answer.text) == (status == 200)
    page = await house.get(f"/decisions/{report_id(1)}", organisation, role)
    assert page.status_code == (303 if status == 401 else status)
    if status == 403:
        assert answer.json()["code"] == "not_allowed"


async def test_a_centre_without_the_report_learns_nothing_of_it_from_its_place_alone() -> None:
    house = House(story()[:1])
    assert (await house.get(f"/api/v1/decisions/{report_id(1)}", "jeju")).status_code == 403
    assert (await house.get(f"/api/v1/decisions/{report_id(1)}", "ulsan")).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/decisions/", "/decisions/"])
async def test_a_centre_the_reporter_declined_reads_nothing_of_it_though_it_is_at_home_there(path: str) -> None:
    state = PartitionState()
    first = settle(state, run(state, received(1, "ulsan", declined_centers=["ulsan"])))
    assert first[0].decision.home_center_id == "ulsan"
    owner = first[0].decision.center_id
    answer = await House(first).get(f"{path}{report_id(1)}", "ulsan", "lead")
    assert answer.status_code == 403
    assert "facts" not in answer.text
    assert (await House(first).get(f"{path}{report_id(1)}", owner)).status_code == 200
    again = settle(state, run(state, amended("ulsan", declined_centers=[])))
    assert (await House([*first, *again]).get(f"{path}{report_id(1)}", "ulsan")).status_code == 403


async def test_whoever_sees_their_own_only_is_not_told_whether_a_report_exists() -> None:
    house = House(story()[:1])
    for path in ("/api/v1/decisions/", "/decisions/"):
        theirs, nobodys = [await house.get(f"{path}{report_id(number)}", "jeju", "lead") for number in (1, 2)]
        assert (theirs.status_code, nobodys.status_code) == (403, 403)
        if "api" in path:
            assert theirs.json() | {"trace_id": "", "instance": ""} == nobodys.json() | {"trace_id": "", "instance": ""}
        for organisation, role in (("central", "counsellor"), ("ministry", "auditor")):
            assert (await house.get(f"{path}{report_id(2)}", organisation, role)).status_code == 404


async def test_the_overview_is_for_those_who_work_with_cases() -> None:
    house = House()
    seen = {
        (org, role): (await house.get("/api/v1/centers", org, role)).status_code
        for org, role in (("jeju", "operator"), ("jeju", "lead"), ("ministry", "auditor"), ("ministry", "analyst"))
    }
    assert list(seen.values()) == [200, 200, 200, 403]


async def test_a_session_that_was_ended_sees_nothing() -> None:
    house = House(story())
    who = house.staff.bearer("jeju", "lead", session="a-session-that-ends-soon")
    house.staff.revoke("a-session-that-ends-soon")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=WHERE) as client:
        assert (await client.get("/api/v1/centers", headers=who)).status_code == 401


def test_every_route_of_the_service_has_its_door() -> None:
    infrastructure = unnamed(create_app_alone())
    assert set(unnamed(House().app)) <= set(infrastructure)


def create_app_alone() -> Any:
    settings = RoutingSettings()
    return create_app(service="routing", title="t", description="d", settings=settings, health=Health())
