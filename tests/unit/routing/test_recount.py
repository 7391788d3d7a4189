"""Adding the log up again: the same as the plainest way to do it, and compared with what workers tell."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given

from services.routing import recount as recount_module
from services.routing.assignment.rules import severity_of
from services.routing.models import CaseTotals
from services.routing.recount import recount
from services.routing.service import RoutingService
from services.routing.state.loads import LoadPublisher, LoadView
from services.routing.state.recount import Recount, difference
from services.routing.state.report_states import RoutingEvent
from shared.errors import TransientError
from shared.events.base import Record
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.kafka.decoding import RawRecord, decode_record
from shared.kafka.publisher import Publisher
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.unit.routing.builders import NOW, received
from tests.unit.routing.fake_log import Place, received_record
from tests.unit.routing.histories import any_history


def plainly(events: Sequence[RoutingEvent]) -> dict[str, CaseTotals]:
    """The newest record of each report that counts, one after the other, and what is open added up."""
    newest: dict[str, dict[str, Any]] = {}
    for event in events:
        before = newest.get(event.report_id, {"version": 0})
        if event.version != before["version"] + 1 or (event.version > 1 and isinstance(event, ReportRouted)):
            continue
        told = {**before, "version": event.version}
        match event:
            case ReportRouted() | ReportRerouted():
                decision = event.decision
                told |= {"owner": decision.center_id, "home": decision.home_center_id, "facts": event.facts}
                told["open"] = True
            case ReportUpdated():
                told |= {"facts": event.facts, "open": before["open"] or event.kind in {"reopened", "reinstated"}}
            case ReportEnded():
                told["open"] = False
        newest[event.report_id] = told
    case_totals: dict[str, CaseTotals] = {}
    for one in newest.values():
        weight = severity_of(one["facts"]).weight
        if one["open"] and weight:
            known = case_totals.get(one["owner"], CaseTotals())
            guest = weight if one["owner"] != one["home"] else 0
            severe = known.severe + severity_of(one["facts"]).severe
            case_totals[one["owner"]] = CaseTotals(
                known.open_cases + 1, known.weighted + weight, known.guests + guest, severe
            )
    return case_totals


@given(any_history())
def test_it_comes_to_the_same_as_the_plainest_way(events: list[RoutingEvent]) -> None:
    recount = Recount()
    for event in events:
        recount.take(event)
    assert recount.case_totals() == plainly(events)


async def test_a_job_of_its_own_finds_sums_that_were_told_and_are_not_in_the_log() -> None:
    place = Place()
    worker, _, view = await place.worker()
    await worker.handle([received_record(received(number), number) for number in range(5)])
    await worker.handle([received_record(received(9, "jeju"), 9)])
    told = await LoadsTold.of(worker, view, place)
    assert await recount(place.routings, told.summaries) == {}
    summary = told.summaries[0]
    wrong = {**summary.loads, "busan": summary.loads["busan"].model_copy(update={"severe": 4})}
    found = await recount(place.routings, {0: summary._replace(loads=wrong)})
    assert found == {0: {"busan": (CaseTotals(5, 50, 0, 4), CaseTotals(5, 50, 0, 0))}}


async def test_what_came_after_the_sums_were_told_is_not_counted() -> None:
    place = Place()
    worker, _, view = await place.worker()
    await worker.handle([received_record(received(1), 1)])
    told = await LoadsTold.of(worker, view, place)
    await worker.handle([received_record(received(2), 2)])
    assert await recount(place.routings, told.summaries) == {}


async def test_while_sums_differ_the_process_says_so_and_measures_it() -> None:
    found: list[recount_module.Differences] = [
        {2: {"busan": (CaseTotals(1), CaseTotals()), "jeju": (CaseTotals(), CaseTotals(1))}},
        {},
    ]

    async def count() -> recount_module.Differences:
        return found.pop(0)

    repeated = recount_module.RepeatedRecount(count, ManualClock(NOW))
    assert repeated.check() is None
    await repeated.run()
    assert repeated.check() == "degraded: sums of partitions [2] differ from the log; see `ieum recount`"
    assert REGISTRY.get_sample_value("ieum_routing_recount_differing_centers") == 2
    assert REGISTRY.get_sample_value("ieum_routing_recounted_timestamp_seconds") == NOW.timestamp()
    await repeated.run()
    assert repeated.check() is None
    assert REGISTRY.get_sample_value("ieum_routing_recount_differing_centers") == 0


async def test_what_was_found_stands_while_kafka_does_not_answer() -> None:
    answers = iter([{2: {"busan": (CaseTotals(1), CaseTotals())}}])

    async def count() -> recount_module.Differences:
        for one in answers:
            return one
        raise TransientError("kafka: no answer")

    repeated = recount_module.RepeatedRecount(count, ManualClock(NOW))
    await repeated.run()
    with pytest.raises(TransientError):
        await repeated.run()
    assert repeated.check() is not None


class LoadsTold:
    """What a worker tells, as a follower of `loads` hears it."""

    def __init__(self) -> None:
        self.view = LoadView(15)

    @classmethod
    async def of(cls, worker: RoutingService, view: LoadView, place: Place) -> LoadView:
        told = cls()
        load_publisher = LoadPublisher(
            cast("Publisher", told),
            worker.owned,
            view,
            place.clock,
            worker="w",
            partitions=1,
            suspect=lambda partitions: None,
        )
        await load_publisher.tell(worker.owned())
        return told.view

    async def publish(self, records: list[Record]) -> None:
        for record in records:
            raw = RawRecord("loads", 0, 0, 0, record.key.encode(), record.value, record.headers)
            self.view.apply(decode_record(raw, "loads"))


def test_only_what_differs_is_named_and_what_is_missing_is_nothing() -> None:
    one, two = (
        {"busan": CaseTotals(1, 10), "jeju": CaseTotals(2, 20)},
        {"busan": CaseTotals(1, 10), "ulsan": CaseTotals(1, 15)},
    )
    assert difference(one, two) == {
        "jeju": (CaseTotals(2, 20), CaseTotals()),
        "ulsan": (CaseTotals(), CaseTotals(1, 15)),
    }
    assert difference(one, dict(one)) == {}
