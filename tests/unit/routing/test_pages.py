"""The pages as they are sent: who sees what, every text in the reader's language, what came after a decision."""

import html
import re
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from services.routing.assignment import sentences
from services.routing.assignment.explain import Explainer
from services.routing.console.story import story_of
from services.routing.main import HERE
from services.routing.settings import RoutingSettings
from services.routing.state.partition import PartitionState
from shared.centers import CENTER_IDS, TABLES, center, faults
from shared.events.base import Event
from shared.events.cases import CaseClosed, CaseReopened
from shared.events.reports import ReportAmended, ReportReinstated, ReportWithdrawn
from shared.events.routings import ReportRerouted, ReportRouted
from shared.events.vocabulary import CauseKind, EndReason, TransferVoid, UpdateKind
from shared.health import Health
from shared.labels import TRANSFER_VOIDS
from shared.web.app import Documentation, create_app
from shared.web.authorization import routes_without_one_action
from shared.web.pages import Pages
from tests.unit.routing.builders import NOW, facts, received, report_id
from tests.unit.routing.harness import WHERE, RoutingHarness, story
from tests.unit.routing.steps import case, run, settle

PAGES: Final = Pages(HERE / "templates", HERE / "locale", RoutingSettings(), "routing")


def amended(division: str, **more: Any) -> ReportAmended:
    new = facts(division, **more)
    return ReportAmended(report_id=report_id(1), intake_version=2, amended_at=NOW, facts=new)


BACK_ELSEWHERE: Final[dict[tuple[CauseKind, EndReason], tuple[Event, ...]]] = {
    (CauseKind.REPORT, EndReason.WITHDRAWN): (
        ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW),
        ReportReinstated(report_id=report_id(1), intake_version=3, reinstated_at=NOW),
    ),
    (CauseKind.REPORT, EndReason.CLOSED): (
        case(CaseClosed, 1, outcome="supported"),
        amended("busan", declined_centers=["busan"]),
    ),
    (CauseKind.CASE_EVENT, EndReason.CLOSED): (case(CaseClosed, 1, outcome="supported"), case(CaseReopened, 2)),
}


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_the_table_of_centres_uses_short_names(lang: str) -> None:
    answer = await RoutingHarness().get(f"/?lang={lang}", "jeju", "operator")
    assert answer.status_code == 200
    for center_id in CENTER_IDS:
        known = center(center_id)
        assert f'<th scope="row">{known.short_ko if lang == "ko" else known.short_en}</th>' in answer.text
    assert "%(" not in answer.text


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("how", list(BACK_ELSEWHERE))
async def test_a_report_that_came_back_elsewhere_says_why_and_is_open(
    how: tuple[CauseKind, EndReason], lang: str
) -> None:
    state = PartitionState()
    events = settle(state, run(state, received(1)))
    for event in BACK_ELSEWHERE[how]:
        events += settle(state, run(state, event, closed=("busan",)))
    answer = await RoutingHarness(events).get(f"/decisions/{report_id(1)}?lang={lang}", "central")
    text = re.sub(r"\s+", " ", html.unescape(answer.text))
    explainer = Explainer("ko" if lang == "ko" else "en", PAGES.translator("ko" if lang == "ko" else "en").gettext)
    why = explainer.say(sentences.CAME_BACK[how], left=explainer.name("busan"), chosen="")
    top = text[text.index('class="answer"') : text.index("<dl")]
    assert why in top
    assert explainer.say(sentences.MOVED[CauseKind.REPORT], left=explainer.name("busan"), chosen="") not in text
    assert story_of(events, "en", lambda said: said).ended is None


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_a_report_s_page_tells_everything_that_came_after_the_decision(lang: str) -> None:
    events = story()
    answer = await RoutingHarness(events).get(f"/decisions/{report_id(1)}?lang={lang}", "busan")
    assert answer.status_code == 200
    text = re.sub(r"\s+", " ", html.unescape(answer.text))
    explainer = Explainer("ko" if lang == "ko" else "en", PAGES.translator("ko" if lang == "ko" else "en").gettext)
    ulsan, jeju, busan = explainer.name("ulsan"), explainer.name("jeju"), explainer.name("busan")
    say = explainer.say
    told = [
        say(sentences.MOVED[CauseKind.CASE_EVENT], left=ulsan, chosen=jeju),
        say(sentences.UPDATED[UpdateKind.TRANSFER_VOID], owner=jeju),
        say(TRANSFER_VOIDS[TransferVoid.SAME_OWNER]),
        say(sentences.ENDED[EndReason.CLOSED], owner=jeju),
        say(sentences.UPDATED[UpdateKind.REOPENED], owner=jeju),
        say(sentences.UPDATED[UpdateKind.MESSAGE_LEFT], owner=jeju),
        say(sentences.ENDED[EndReason.WITHDRAWN], owner=jeju),
        say(sentences.UPDATED[UpdateKind.REINSTATED], owner=jeju),
    ]
    last = say(sentences.MOVED[CauseKind.CENTER_CLOSED], left=jeju, chosen=busan)
    story_told = text[text.index('<ol class="told">') :]
    places = [story_told.index(sentence) for sentence in [*told, last]]
    assert places == sorted(places)
    assert story_told.count("<h3") == 9
    # First of all stands why it is where it is now, and nothing of what was before.
    top = text[text.index('class="answer"') : text.index("<dl")]
    assert last in top
    assert not any(sentence in top for sentence in told)
    assert "%(" not in text


async def test_a_former_owner_sees_what_was_decided_until_the_report_left_it() -> None:
    """Not where it went, nor what happened there: whoever it left may be why it left."""
    harness = RoutingHarness(story())
    whole = (await harness.get(f"/api/v1/decisions/{report_id(1)}", "busan")).json()
    for former in ("ulsan", "jeju"):
        seen = (await harness.get(f"/api/v1/decisions/{report_id(1)}", former)).json()
        last = max(n for n, record in enumerate(whole["records"]) if record["center_id"] == former)
        assert seen == {**whole, "center_id": former, "records": whole["records"][: last + 1]}
        assert "busan" not in str([record["center_id"] for record in seen["records"]])


async def test_the_candidates_stand_chosen_first_then_by_distance_and_in_words() -> None:
    first = story()[:1]
    text = (await RoutingHarness(first).get(f"/decisions/{report_id(1)}?lang=en", "ulsan")).text
    names = re.findall(r'role="rowheader">(\w+) <span class="far">([^<]+)', text)
    assert len(names) == 16
    assert names[:3] == [("Ulsan", "Home"), ("Busan", "Land border"), ("Gyeongbuk", "Land border")]
    assert [far for _, far in names] == sorted(
        [far for _, far in names], key=["Home", "Land border", "Ferry or flight", "Two borders", "Further"].index
    )
    assert text.count('class="chosen"') == 1
    assert "Decided again from these numbers, the answer is the same." in text


async def test_a_decision_that_does_not_follow_from_its_numbers_is_shown_as_such() -> None:
    first = story()[0]
    assert isinstance(first, ReportRouted)
    forged = first.model_copy(update={"decision": first.decision.model_copy(update={"copy_central": True})})
    text = (await RoutingHarness([forged]).get(f"/decisions/{report_id(1)}?lang=en", "ulsan")).text
    assert "the answer differs" in text
    older = first.model_copy(update={"decision": first.decision.model_copy(update={"table_version": "1999-01-01"})})
    text = (await RoutingHarness([older]).get(f"/decisions/{report_id(1)}?lang=en", "ulsan")).text
    assert "cannot decide it again" in text


async def test_refused_tables_are_said_on_both_pages_of_centres_in_the_reader_s_language() -> None:
    one_sided = replace(TABLES.centers["busan"], land=("jeju", *TABLES.centers["busan"].land))
    (fault,) = faults(replace(TABLES, centers={**TABLES.centers, "busan": one_sided}))
    harness = RoutingHarness(refused=[fault.within("former/<1>: ")])
    english = "former/<1>: busan reaches jeju by land, but not the other way round"
    korean = "former/<1>: busan에서 jeju로 가는 land가 있으나 반대 방향은 없습니다"
    for path in ("/", "/live"):
        told = {lang: (await harness.get(f"{path}?lang={lang}", "central", "lead")).text for lang in ("en", "ko")}
        assert "The new tables of centres were refused" in told["en"]
        assert html.escape(english) in told["en"]
        assert html.escape(korean) in told["ko"]
        assert html.escape(english) not in told["ko"]
        assert "were refused" not in (await RoutingHarness().get(f"{path}?lang=en", "central", "lead")).text


@pytest.mark.parametrize(
    ("organisation", "role", "links"),
    [
        ("jeju", "lead", (True, True)),
        ("jeju", "counsellor", (False, True)),
        ("jeju", "operator", (False, False)),
        ("central", "counsellor", (True, True)),
        ("ministry", "auditor", (False, True)),
    ],
)
async def test_the_bands_lead_on_to_what_one_may_see(organisation: str, role: str, links: tuple[bool, bool]) -> None:
    text = (await RoutingHarness().get("/", organisation, role)).text
    assert ('href="/live"' in text, 'action="/decisions"' in text) == links


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
    harness = RoutingHarness(events)
    answer = await harness.get(f"/api/v1/decisions/{report_id(1)}", organisation, role)
    assert answer.status_code == status, answer.text
    assert ("facts" in answer.text) == (status == 200)
    page = await harness.get(f"/decisions/{report_id(1)}", organisation, role)
    assert page.status_code == (303 if status == 401 else status)
    if status == 403:
        assert answer.json()["code"] == "not_allowed"


async def test_a_centre_without_the_report_learns_nothing_of_it_from_its_place_alone() -> None:
    harness = RoutingHarness(story()[:1])
    assert (await harness.get(f"/api/v1/decisions/{report_id(1)}", "jeju")).status_code == 403
    assert (await harness.get(f"/api/v1/decisions/{report_id(1)}", "ulsan")).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/decisions/", "/decisions/"])
async def test_a_centre_the_reporter_declined_reads_nothing_of_it_though_it_is_at_home_there(path: str) -> None:
    state = PartitionState()
    first = settle(state, run(state, received(1, "ulsan", declined_centers=["ulsan"])))
    assert first[0].decision.home_center_id == "ulsan"
    owner = first[0].decision.center_id
    answer = await RoutingHarness(first).get(f"{path}{report_id(1)}", "ulsan", "lead")
    assert answer.status_code == 403
    assert "facts" not in answer.text
    assert (await RoutingHarness(first).get(f"{path}{report_id(1)}", owner)).status_code == 200
    again = settle(state, run(state, amended("ulsan", declined_centers=[])))
    assert (await RoutingHarness([*first, *again]).get(f"{path}{report_id(1)}", "ulsan")).status_code == 403


async def test_whoever_sees_their_own_only_is_not_told_whether_a_report_exists() -> None:
    harness = RoutingHarness(story()[:1])
    for path in ("/api/v1/decisions/", "/decisions/"):
        theirs, nobodys = [await harness.get(f"{path}{report_id(number)}", "jeju", "lead") for number in (1, 2)]
        assert (theirs.status_code, nobodys.status_code) == (403, 403)
        if "api" in path:
            assert theirs.json() | {"trace_id": "", "instance": ""} == nobodys.json() | {"trace_id": "", "instance": ""}
        for organisation, role in (("central", "counsellor"), ("ministry", "auditor")):
            assert (await harness.get(f"{path}{report_id(2)}", organisation, role)).status_code == 404


async def test_the_overview_is_for_those_who_work_with_cases() -> None:
    harness = RoutingHarness()
    seen = {
        (org, role): (await harness.get("/api/v1/centers", org, role)).status_code
        for org, role in (("jeju", "operator"), ("jeju", "lead"), ("ministry", "auditor"), ("ministry", "analyst"))
    }
    assert list(seen.values()) == [200, 200, 200, 403]


async def test_a_session_that_was_ended_sees_nothing() -> None:
    harness = RoutingHarness(story())
    who = harness.staff.bearer("jeju", "lead", session="a-session-that-ends-soon")
    harness.staff.revoke("a-session-that-ends-soon")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(harness.app), base_url=WHERE) as client:
        assert (await client.get("/api/v1/centers", headers=who)).status_code == 401


def test_every_route_of_the_service_has_its_door() -> None:
    infrastructure = routes_without_one_action(create_app_alone())
    assert set(routes_without_one_action(RoutingHarness().app)) <= set(infrastructure)


def create_app_alone() -> Any:
    settings = RoutingSettings()
    return create_app(
        service="routing", documentation=Documentation(title="t", description="d"), settings=settings, health=Health()
    )


async def test_a_former_owner_the_reporter_declines_later_reads_nothing_more() -> None:
    state = PartitionState()
    first = settle(state, run(state, received(1, "ulsan")))
    assert (await RoutingHarness(first).get(f"/api/v1/decisions/{report_id(1)}", "ulsan")).status_code == 200
    moved = settle(state, run(state, amended("ulsan", declined_centers=["ulsan"])))
    assert isinstance(moved[0], ReportRerouted)
    harness = RoutingHarness([*first, *moved])
    assert (await harness.get(f"/api/v1/decisions/{report_id(1)}", "ulsan", "lead")).status_code == 403
    owner = moved[0].decision.center_id
    page = await harness.get(f"/decisions/{report_id(1)}?lang=en", owner)
    assert "The reporter added that they do not want Ulsan" in page.text
