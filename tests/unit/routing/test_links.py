"""The worker asks who owns linked reports of other partitions wherever an owner is chosen, not only the first one."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from services.routing.service import OWNERS_AWAY_S
from shared.events.cases import CaseClosed, CaseReopened
from shared.events.reports import ReportAmended, ReportReinstated, ReportWithdrawn
from shared.events.vocabulary import CenterState, RoutingReason
from tests.unit.routing.builders import NOW, facts, received, report_id
from tests.unit.routing.fake_log import Owners, Place, received_record
from tests.unit.routing.steps import case
from tests.unit.routing.test_service import set_state

ELSEWHERE = report_id(77)
LINKED: dict[str, Any] = {"linked_reports": [ELSEWHERE]}


async def test_what_leaves_a_closed_centre_follows_a_report_of_another_partition() -> None:
    place, owners = Place(), Owners()
    worker, _, view = await place.worker(owners=owners)
    await worker.handle([received_record(received(1, **LINKED)), received_record(received(2))])
    owners.asked.clear()
    owners.own(ELSEWHERE, "jeju")
    set_state(view, "busan", CenterState.CLOSED)
    await worker.move_from_closed()
    moved = {e.report_id: e.decision for e in place.routings.events()[2:]}
    assert owners.asked == [ELSEWHERE]
    assert (moved[report_id(1)].center_id, moved[report_id(1)].reason) == ("jeju", RoutingReason.LINKED)
    assert moved[report_id(2)].reason is RoutingReason.HOME_CLOSED


async def test_what_comes_back_or_is_declined_follows_it_too() -> None:
    place, owners = Place(), Owners()
    worker, _, _ = await place.worker(owners=owners)
    declined = facts("busan", declined_centers=["busan"], **LINKED)
    for number in (1, 2, 3):
        await worker.handle([received_record(received(number, **LINKED))])
    owners.own(ELSEWHERE, "jeju")
    added = {n: ReportAmended(report_id=report_id(n), intake_version=3, amended_at=NOW, facts=declined) for n in (1, 2)}
    for event in (
        ReportWithdrawn(report_id=report_id(1), intake_version=2, withdrawn_at=NOW),
        added[1],
        ReportReinstated(report_id=report_id(1), intake_version=4, reinstated_at=NOW),
        case(CaseClosed, 1, number=2, outcome="supported"),
        added[2],
        case(CaseReopened, 2, number=2),
        ReportAmended(report_id=report_id(3), intake_version=2, amended_at=NOW, facts=declined),
    ):
        await worker.handle([received_record(event)])
    moved = [e for e in place.routings.events() if e.TYPE == "report.rerouted.v1"]
    assert [e.report_id for e in moved] == [report_id(n) for n in (1, 2, 3)]
    assert {(e.decision.center_id, e.decision.reason) for e in moved} == {("jeju", RoutingReason.LINKED)}


async def test_a_read_model_that_does_not_answer_is_waited_for_once_and_asked_again_later() -> None:
    place, owners = Place(), Away()
    worker, _, _ = await place.worker(owners=owners)
    worker._linked_lookup_s = 0.01
    for number in (1, 2, 3):
        await worker.handle([received_record(received(number, **LINKED))])
    assert len(place.routings.events()) == 3, "decided without the link"
    assert owners.asked == [ELSEWHERE]
    await place.clock.advance(OWNERS_AWAY_S)
    owners.away = False
    owners.own(ELSEWHERE, "jeju")
    await worker.handle([received_record(received(4, **LINKED))])
    assert place.routings.events()[-1].decision.reason is RoutingReason.LINKED


@pytest.mark.parametrize("told", ['jeju","center_id":"jeju', "nowhere", 5, ["jeju"]])
async def test_who_writes_to_the_read_model_neither_gives_a_report_to_a_centre_nor_stops_deciding(told: Any) -> None:
    place, owners = Place(), Owners()
    worker, changelog, _ = await place.worker(owners=owners)
    owners.own(ELSEWHERE, told)
    await worker.handle([received_record(received(1, **LINKED))])
    [routed] = place.routings.events()
    assert (routed.decision.center_id, routed.decision.linked_center_id) == ("busan", None)
    assert changelog.states[0].report_states[report_id(1)].center_id == "busan", "what the log says"


async def test_a_read_model_that_cannot_be_read_stops_no_decision() -> None:
    place, owners = Place(), Garbled()
    worker, _, _ = await place.worker(owners=owners)
    for number in (1, 2):
        await worker.handle([received_record(received(number, **LINKED))])
    assert [event.decision.center_id for event in place.routings.events()] == ["busan", "busan"]
    assert owners.asked == [ELSEWHERE], "and is left alone for a while"


async def test_own_reports_are_asked_of_nobody() -> None:
    place, owners = Place(), Owners()
    worker, _, _ = await place.worker(0, 1, owners=owners)
    await worker.handle([received_record(received(77, "jeju"), 0, 1)])
    await worker.handle([received_record(received(1, **LINKED))])
    assert place.routings.events()[-1].decision.reason is RoutingReason.LINKED
    assert owners.asked == []


class Garbled(Owners):
    """A store in which somebody has written what no build writes."""

    async def owners_of(self, report_ids: Sequence[str]) -> dict[str, str]:
        self.asked += report_ids
        raise KeyError("report_id")


class Away(Owners):
    """A read model that takes questions and never answers, until it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.away = True

    async def owners_of(self, report_ids: Sequence[str]) -> dict[str, str]:
        found = await super().owners_of(report_ids)
        if self.away:
            await asyncio.Event().wait()
        return found
