"""The log decides: two workers on one partition, and each hole of the design by itself."""

from typing import Any

import pytest

from services.routing.service import RoutingService
from services.routing.state.changelog import Changelog
from services.routing.state.loads import LoadView
from shared.errors import FatalError, TransientError
from shared.events.base import Record, encode
from shared.events.cases import CaseAcknowledged, CaseClosed, CaseTransferAccepted
from shared.events.centers import CenterChanged
from shared.events.reports import ReportAmended, ReportWithdrawn
from shared.events.routings import ReportEnded
from shared.events.vocabulary import CenterState, RoutingReason
from shared.kafka.router import Blocked
from shared.metrics import REGISTRY
from tests.unit.routing.builders import NOW, TRACE, facts, received, report_id, weighed
from tests.unit.routing.fake_log import Place, agrees, received_record, refolded


def case(cls: type[Any], ownership: int = 1, version: int = 1, **more: Any) -> Any:
    return cls(report_id=report_id(1), case_version=version, ownership=ownership, center_id="busan", at=NOW, **more)


def transfer(to: str, ownership: int = 1) -> Any:
    return case(CaseTransferAccepted, ownership, version=ownership, offer_id="o", to_center_id=to)


def set_state(view: LoadView, center: str, state: CenterState) -> None:
    version = view.duties[center].version + 1
    event = CenterChanged(
        center_id=center, center_version=version, state=state, staff_on_duty=3, cases_per_person=15, changed_at=NOW
    )
    view.apply(received_record(event))


def prefer(view: LoadView, center: str) -> None:
    """Make this worker's board send a report without a home to one centre."""
    for other in view.duties:
        if other != center:
            view.duties[other] = view.duties[other]._replace(capacity=0)


async def test_two_workers_route_one_report_once() -> None:
    place = Place()
    a, log_a, view_a = await place.worker()
    b, log_b, view_b = await place.worker()
    prefer(view_a, "busan")
    prefer(view_b, "jeju")
    await a.handle([received_record(received(division="overseas"))])
    await b.handle([received_record(received(division="overseas"))])
    assert [e.decision.center_id for e in place.routings.events()] == ["busan", "jeju"]
    assert log_b.states[0].report_states[report_id(1)].center_id == "busan"
    assert log_b.states[0].ignored == 1
    assert agrees(log_b.states[0], place.routings)
    assert not agrees(log_a.states[0], place.routings), "the first writer has not looked again yet"
    await log_a.read_on([0])
    assert agrees(log_a.states[0], place.routings)


async def test_what_may_change_the_sums_says_so() -> None:
    place = Place()
    service, _, view = await place.worker()
    assert service.changed.is_set(), "another worker may have told them last"
    service.changed.clear()
    await service.handle([received_record(received(division="busan"))])
    assert service.changed.is_set()
    assert not view.any_closed.is_set()
    set_state(view, "busan", CenterState.CLOSED)
    assert view.any_closed.is_set()
    service.changed.clear()
    await service.move_from_closed()
    assert service.changed.is_set()
    set_state(view, "busan", CenterState.OPEN)
    assert not view.any_closed.is_set()


async def test_a_second_first_record_makes_no_false_move_when_its_centre_closes() -> None:
    place = Place()
    a, _, view_a = await place.worker()
    b, log_b, view_b = await place.worker()
    prefer(view_a, "busan")
    prefer(view_b, "jeju")
    await a.handle([received_record(received(division="overseas"))])
    await b.handle([received_record(received(division="overseas"))])
    set_state(view_b, "jeju", CenterState.CLOSED)
    await b.move_from_closed()
    assert len(place.routings.events()) == 2, "jeju never owned it, so nothing moves"
    assert weighed(log_b.states[0]) == {"busan": 10}


async def test_a_case_before_its_report_is_judged_by_the_log() -> None:
    place = Place()
    b, log_b, _ = await place.worker()
    a, _, _ = await place.worker()
    await a.handle([received_record(received())])
    rejected = await b.handle([received_record(transfer("jeju"))])
    await b.handle([received_record(received())])
    assert rejected == []
    assert log_b.states[0].report_states[report_id(1)].center_id == "jeju"
    assert agrees(log_b.states[0], place.routings)


async def test_a_case_about_a_report_in_the_same_batch_is_judged_by_the_log_too() -> None:
    place = Place()
    b, log_b, view_b = await place.worker()
    a, _, view_a = await place.worker()
    prefer(view_a, "busan")
    prefer(view_b, "ulsan")
    await a.handle([received_record(received(division="overseas"))])
    await b.handle([received_record(transfer("jeju")), received_record(received(division="overseas"))])
    moved = place.routings.events()[-1]
    assert (moved.version, moved.previous_center_id, moved.decision.center_id) == (2, "busan", "jeju")
    assert agrees(log_b.states[0], place.routings)


async def test_a_case_nobody_knows_is_refused() -> None:
    worker, _, _ = await Place().worker()
    (rejected,) = await worker.handle([received_record(case(CaseClosed, outcome="supported"))])
    assert rejected.reason == "unknown_report"


async def test_a_late_first_record_after_a_transfer_changes_nothing() -> None:
    place = Place()
    a, log_a, view_a = await place.worker()
    b, log_b, _ = await place.worker()
    prefer(view_a, "ulsan")
    await b.handle([received_record(received(division="overseas"))])
    await b.handle([received_record(transfer("jeju"))])
    await a.handle([received_record(received(division="overseas"))])
    assert place.routings.events()[-1].version == 1
    assert log_a.states[0].report_states[report_id(1)].center_id == "jeju"
    assert agrees(log_a.states[0], place.routings)
    await log_b.read_on([0])
    assert agrees(log_b.states[0], place.routings)


async def test_transfer_and_closing_race_and_one_of_them_wins_for_all() -> None:
    place = Place()
    a, log_a, view_a = await place.worker()
    await a.handle([received_record(received())])
    b, log_b, _ = await place.worker()
    set_state(view_a, "busan", CenterState.CLOSED)
    await b.handle([received_record(transfer("jeju"))])
    await a.move_from_closed()
    assert log_a.states[0].report_states[report_id(1)].center_id == "jeju"
    assert agrees(log_a.states[0], place.routings)
    set_state(view_a, "jeju", CenterState.CLOSED)
    await a.move_from_closed()
    before = len(place.routings.events())
    await b.handle([received_record(transfer("sejong", ownership=2))])
    events = place.routings.events()
    assert len(events) == before + 1, "its record came second"
    assert log_b.states[0].report_states[report_id(1)].center_id != "sejong"
    assert events[before - 1].decision.reason is RoutingReason.HOME_CLOSED
    assert agrees(log_b.states[0], place.routings)


async def overtaken() -> tuple[Place, RoutingService, Changelog]:
    """A log whose report another worker has moved from a closed centre, and one that has not read of it yet."""
    place = Place()
    a, _, view_a = await place.worker()
    await a.handle([received_record(received())])
    b, log_b, _ = await place.worker()
    set_state(view_a, "busan", CenterState.CLOSED)
    await a.move_from_closed()
    return place, b, log_b


async def test_an_amendment_whose_version_was_taken_is_passed_on_with_the_next() -> None:
    place, b, log_b = await overtaken()
    amended = ReportAmended(report_id=report_id(1), intake_version=2, amended_at=NOW, facts=facts("busan"))
    withdrawn = ReportWithdrawn(report_id=report_id(1), intake_version=3, withdrawn_at=NOW)
    await b.handle([received_record(amended, 1), received_record(withdrawn, 2)])
    report_state = log_b.states[0].report_states[report_id(1)]
    assert (report_state.version, report_state.intake_version, report_state.ended) == (4, 3, "withdrawn")
    assert agrees(log_b.states[0], place.routings)


async def test_nothing_rests_on_a_record_that_may_come_second() -> None:
    place, b, log_b = await overtaken()
    amended = ReportAmended(report_id=report_id(1), intake_version=2, amended_at=NOW, facts=facts("busan"))
    await b.handle([received_record(amended, 1), received_record(transfer("jeju"), 0)])
    accepted = refolded(place.routings).report_states[report_id(1)]
    assert accepted.center_id != "jeju", "the transfer was accepted under an ownership that was over"
    assert (accepted.ownership, accepted.version, accepted.intake_version) == (2, 3, 2)
    assert agrees(log_b.states[0], place.routings)


async def test_an_answer_that_got_lost_is_found_in_the_log() -> None:
    place = Place()
    worker, changelog, _ = await place.worker()
    place.routings.lose_answer = 1
    with pytest.raises(TransientError):
        await worker.handle([received_record(received(1))])
    await worker.handle([received_record(received(1)), received_record(received(2), 1)])
    assert agrees(changelog.states[0], place.routings)
    owners = {e.report_id for e in place.routings.events()}
    assert owners == {report_id(1), report_id(2)}


async def test_an_acknowledgement_without_an_offset_is_looked_up() -> None:
    place = Place()
    place.routings.unsure = True
    worker, changelog, _ = await place.worker()
    await worker.handle([received_record(received(1)), received_record(received(2), 1)])
    assert len(place.routings.events()) == 2
    assert agrees(changelog.states[0], place.routings)


async def test_how_long_a_report_waited_for_its_centre_is_measured() -> None:
    """By it somebody is called who must see that reports have a centre within seconds."""

    def measured() -> list[float]:
        name = "ieum_routing_decision_latency_seconds"
        count, in_time = (f"{name}_count", dict[str, str]()), (f"{name}_bucket", {"le": "5.0"})
        return [REGISTRY.get_sample_value(metric, labels) or 0 for metric, labels in (count, in_time)]

    place = Place()
    worker, _, _ = await place.worker()
    count, in_time = measured()
    await worker.handle([received_record(received(1))])
    assert measured() == [count + 1, in_time + 1]
    await place.clock.advance(6)
    await worker.handle([received_record(received(2), 1)])
    assert measured() == [count + 2, in_time + 1]


async def test_a_record_that_does_not_follow_stops_its_partition_alone() -> None:
    place = Place()
    worker, changelog, _ = await place.worker(0, 1)
    await worker.handle([received_record(received(1))])
    ended = ReportEnded(
        report_id=report_id(1),
        version=9,
        ownership=1,
        center_id="busan",
        reason="closed",
        decided_at=NOW,
        intake_version=1,
        cause={"kind": "report", "event_id": "x"},
        facts=facts(),
        received_at=NOW,
    )
    place.routings.append(0, encode(ended, source="routing", time=NOW, traceparent=TRACE))
    why = f"report {report_id(1)}: version 9 does not follow 1"
    for again in (2, 3):  # the same at every attempt, and after a restart
        batch = [received_record(received(again), 1), received_record(received(again + 2), 1, partition=1)]
        assert await worker.handle(batch) == [Blocked("reports", 0, 1, why)]
        assert worker.check() == f"stopped at routings/0: {why} (offset 1)"
        await worker.move_from_closed()
        await worker.on_revoked(frozenset({("reports", 0), ("cases", 0)}))
        assert worker.check() is None, "another process has it now, and says so"
        worker, changelog, _ = await place.worker(0, 1)
    assert set(changelog.states[1].report_states) == {report_id(4), report_id(5)}
    worker, changelog, _ = await place.worker(0, 1, given_up={report_id(1)})
    assert await worker.handle([received_record(received(2), 1)]) == []
    assert worker.check() is None
    assert set(changelog.states[0].report_states) == {report_id(1), report_id(2)}


async def test_a_log_that_got_shorter_ends_the_process() -> None:
    place = Place()
    worker, _, _ = await place.worker()
    await worker.handle([received_record(received(1))])
    place.routings.records[0].clear()
    with pytest.raises(FatalError, match="routings/0 is shorter than before: expected 1, found 0"):
        await worker.handle([received_record(received(2), 1)])


async def test_garbage_in_the_log_is_passed_over() -> None:
    place = Place()
    place.routings.append(0, Record(topic="routings", key="x", headers=(), value=b"garbage"))
    worker, changelog, _ = await place.worker()
    await worker.handle([received_record(received(1))])
    assert changelog.states[0].position == 2
    place.routings.append(0, Record(topic="routings", key="x", headers=(), value=b"garbage"))
    await worker.handle([received_record(received(2), 1)])
    assert changelog.states[0].position == 4
    assert set(changelog.states[0].report_states) == {report_id(1), report_id(2)}


async def test_a_large_batch_is_published_in_pieces_the_broker_takes() -> None:
    place = Place()
    worker, changelog, _ = await place.worker()
    sizes: list[int] = []
    write = place.routings.send

    async def measured(name: str, partition: int, messages: Any, *, one_batch: bool) -> int:
        sizes.append(sum(len(value) + 500 for _, value, _ in messages))
        return await write(name, partition, messages, one_batch=one_batch)

    place.routings.send = measured  # type: ignore[method-assign]  # to look on
    many = [f"00000000-0000-4000-8000-{n:012x}" for n in range(100)]
    await worker.handle([received_record(received(n, linked_reports=many), n) for n in range(600)])
    assert max(sizes) <= 900_000
    assert len(changelog.states[0].report_states) == 600


async def test_partitions_that_do_not_match_end_the_process() -> None:
    worker, _, _ = await Place().worker()
    with pytest.raises(FatalError, match=r"assigned reports \[0\] but cases \[1\]"):
        await worker.on_assigned(frozenset({("reports", 0), ("cases", 1)}))


async def test_a_partition_never_taken_over_is_not_decided() -> None:
    worker, _, _ = await Place().worker()
    with pytest.raises(FatalError, match=r"partition 1 .* was never restored"):
        await worker.handle([received_record(received(), partition=1)])


async def test_acknowledgements_are_known_again_after_a_restart() -> None:
    place = Place()
    worker, _, _ = await place.worker()
    await worker.handle([received_record(received(1)), received_record(received(2), 1)])
    record = encode(case(CaseAcknowledged), source="notify", time=NOW, traceparent="")
    place.cases.append(0, record)
    again, changelog, view = await place.worker()
    set_state(view, "busan", CenterState.CLOSED)
    await again.move_from_closed()
    moved = [e.report_id for e in place.routings.events() if e.version == 2]
    assert moved == [report_id(2)]
    assert changelog.states[0].cases_position == 1


async def test_what_is_remembered_is_continued_when_a_partition_comes_back() -> None:
    place = Place()
    worker, changelog, _ = await place.worker()
    await worker.handle([received_record(received(1))])
    await worker.on_revoked(frozenset({("reports", 0), ("cases", 0)}))
    other, _, _ = await place.worker()
    await other.handle([received_record(received(2), 1)])
    asked: list[dict[int, tuple[int, int]]] = []
    read = place.routings.read

    def watched(wanted: Any) -> Any:
        asked.append(dict(wanted))
        return read(wanted)

    place.routings.read = watched  # type: ignore[method-assign]  # to look on
    await worker.on_assigned(frozenset({("reports", 0), ("cases", 0)}))
    assert asked == [{0: (1, 2)}]
    assert agrees(changelog.states[0], place.routings)
