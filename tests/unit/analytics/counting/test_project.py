"""The fold ends in the same facts and cells however the topics are interleaved and whatever is repeated."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.counting.aggregate import ACK_BOUNDS, ack_bucket, daily, monthly
from services.analytics.counting.models import CenterFact, Fact
from services.analytics.counting.project import (
    OF_CENTERS,
    CellKey,
    advance,
    fold,
    fold_centers,
    newer_center,
    time_on_duty,
)
from shared.errors import FatalError, OutOfSequenceError
from shared.events.base import ReportEvent
from shared.events.centers import CenterChanged
from shared.events.loads import LoadSummarized
from shared.events.vocabulary import CenterState, EndReason, HarmType, UpdateKind
from tests.unit.analytics import events as make
from tests.unit.analytics.histories import history

R = make.report_id(7)


def folded(*events: ReportEvent) -> Fact:
    fact = Fact(R, 0)
    for event in events:
        advance(fact, event)
    return fact


def cells(fact: Fact) -> set[str]:
    return {cell for _, cell in daily(fact)}


def test_a_report_is_counted_once_in_each_harm_type_and_once_in_all() -> None:
    body = make.facts((HarmType.SYNTHESIS, HarmType.DISTRIBUTION, HarmType.SYNTHESIS))
    fact = folded(make.received(R, body), make.routed(R))
    assert cells(fact) == {
        "reports|busan|all",
        "reports|busan|synthesis",
        "reports|busan|distribution",
        "stage|accepted",
        "stage|routed",
        "stage|counted",
    }


def test_the_day_is_the_day_in_seoul() -> None:
    at = make.START.replace(hour=15, minute=0)
    assert {day for day, _ in daily(folded(make.received(R, at=at)))} == {"2026-11-25"}


def test_routed_before_received_counts_as_routed_and_in_no_centre_yet() -> None:
    fact = folded(make.routed(R))
    assert cells(fact) == {"stage|routed"}
    assert fact.standing == "ahead"


def test_an_acceptance_sent_back_from_the_dead_letters_counts_and_changes_nothing_newer() -> None:
    newest = make.facts((HarmType.DISTRIBUTION,))
    later = (make.amended(R, newest), make.withdrawn(R, 3), make.routed(R))
    fact = folded(*later, make.received(R))
    assert fact == folded(make.received(R), *later)
    assert "reports|busan|distribution" in cells(fact)
    untold = folded(make.withdrawn(R), make.received(R), make.routed(R))
    assert untold == folded(make.received(R), make.withdrawn(R), make.routed(R)), "nothing newer says what it is"
    assert not advance(fact, make.received(R)), "once"


def test_accepted_without_owner_is_in_flight() -> None:
    fact = folded(make.received(R))
    assert fact.standing == "in_flight"
    assert "reports|none|all" in cells(fact)


def test_an_acknowledgement_before_anything_else_is_kept() -> None:
    fact = folded(make.acknowledged(R), make.routed(R), make.received(R))
    assert {"stage|acknowledged", f"ack|{ack_bucket(90)}"} <= cells(fact)


def test_an_acknowledgement_under_a_superseded_ownership_is_void_in_both_orders() -> None:
    late = folded(make.received(R), make.routed(R), make.rerouted(R, "daegu"), make.acknowledged(R))
    early = folded(make.acknowledged(R), make.received(R), make.routed(R), make.rerouted(R, "daegu"))
    assert daily(late) == daily(early)
    assert late.acknowledged == early.acknowledged == {}
    assert "stage|acknowledged" not in cells(late)


def test_the_new_owners_acknowledgement_counts_even_when_read_before_the_reroute() -> None:
    fact = folded(make.received(R), make.routed(R), make.acknowledged(R, 2, 2), make.rerouted(R, "daegu"))
    assert {"stage|acknowledged", "reports|daegu|all"} <= cells(fact)


def test_the_first_record_of_a_version_wins() -> None:
    fact = folded(make.received(R), make.routed(R, "busan"), make.routed(R, "daegu"))
    assert fact.owner == "busan"


def test_the_first_acknowledgement_of_an_ownership_gives_the_time() -> None:
    fact = folded(make.received(R), make.routed(R), make.acknowledged(R, 1, 1, 40), make.acknowledged(R, 2, 1, 4000))
    assert f"ack|{ack_bucket(40)}" in cells(fact)


@pytest.mark.parametrize(
    ("reason", "kind"), [(EndReason.WITHDRAWN, UpdateKind.REINSTATED), (EndReason.CLOSED, UpdateKind.REOPENED)]
)
def test_what_came_back_waits_anew_in_either_order_and_keeps_its_first_time(
    reason: EndReason, kind: UpdateKind
) -> None:
    came_back = make.updated(R, 3, kind=kind).model_copy(update={"decided_at": make.START + timedelta(seconds=500)})
    routings = [make.routed(R), make.ended(R, 2, reason=reason), came_back]
    first, anew = make.acknowledged(R, 1, 1, 40), make.acknowledged(R, 2, 1, 900)
    for early in ([first, *routings], [*routings, first]):
        assert folded(make.received(R), *early).unseen_at == "busan"
    for told in ([first, *routings, anew], [first, anew, *routings]):
        fact = folded(make.received(R), *told)
        assert fact.unseen_at is None
        assert f"ack|{ack_bucket(40)}" in cells(fact)
    moved = folded(make.received(R), first, *routings, make.rerouted(R, "daegu", version=4))
    assert (moved.unseen_at, moved.back) == ("daegu", None)


def test_a_report_that_was_given_up_is_counted_as_it_was_before_its_hole() -> None:
    whole = [make.received(R), make.routed(R)]
    events = [(0, event) for event in (*whole, make.updated(R, 4), make.rerouted(R, "daegu", version=5))]
    with pytest.raises(OutOfSequenceError):
        fold({}, events)
    given_up = fold({}, events, {R})
    assert given_up.facts == fold({}, [(0, event) for event in whole]).facts


def test_a_hole_in_the_routing_versions_is_fatal() -> None:
    with pytest.raises(OutOfSequenceError):
        folded(make.received(R), make.rerouted(R, "daegu"))


def test_an_event_of_no_report_topic_is_fatal() -> None:
    load = LoadSummarized(partition=0, upto=1, loads={}, summarized_at=make.START, worker="w")
    with pytest.raises(FatalError):
        advance(Fact(R, 0), load)  # type: ignore[arg-type]  # the point of the test


def test_a_drill_is_counted_nowhere_and_is_not_in_flight() -> None:
    drill = make.facts(synthetic=True)
    fact = folded(make.received(R, drill), make.routed(R, body=drill), make.alert_sent(R), make.acknowledged(R))
    assert daily(fact) == {}
    assert folded(make.received(R, drill)).standing is None


def test_an_amendment_moves_the_report_to_its_new_harm_types() -> None:
    before = folded(make.received(R), make.routed(R))
    changes = fold({R: before}, [(0, make.amended(R, make.facts((HarmType.OTHER,))))])
    day = "2026-11-24"
    assert changes.cells == Counter({(0, day, "reports|busan|other"): 1, (0, day, "reports|busan|synthesis"): -1})


def test_ended_is_kept_and_reopening_lifts_it() -> None:
    assert folded(make.received(R), make.routed(R), make.ended(R, 2)).ended == "closed"
    assert folded(make.routed(R), make.ended(R, 2), make.updated(R, 3, kind=UpdateKind.REOPENED)).ended is None


def cells_of(*events: ReportEvent) -> set[str]:
    return {cell for _, cell in daily(folded(*events))}


def test_a_withdrawn_report_stays_counted_as_withdrawn_wherever_it_counted() -> None:
    until_then = (make.received(R), make.routed(R), make.acknowledged(R))
    before = cells_of(*until_then)
    away = (make.withdrawn(R), make.ended(R, 2, reason=EndReason.WITHDRAWN))
    assert cells_of(*until_then, *away) == before | {"end|withdrawn"}


@pytest.mark.parametrize(
    ("reason", "back"), [(EndReason.WITHDRAWN, UpdateKind.REINSTATED), (EndReason.CLOSED, UpdateKind.REOPENED)]
)
def test_what_came_back_is_no_longer_counted_as_ended(reason: EndReason, back: UpdateKind) -> None:
    known = folded(make.received(R), make.routed(R), make.ended(R, 2, reason=reason))
    changes = fold({R: known}, [(0, make.updated(R, 3, kind=back)), (0, make.reinstated(R))])
    assert changes.cells == Counter({(0, "2026-11-24", f"end|{reason}"): -1})


@pytest.mark.parametrize("kind", [UpdateKind.AMENDED, UpdateKind.MESSAGE_LEFT, UpdateKind.TRANSFER_VOID])
def test_nothing_else_brings_a_report_back(kind: UpdateKind) -> None:
    gone = (make.received(R), make.routed(R), make.ended(R, 2, reason=EndReason.WITHDRAWN))
    assert folded(*gone, make.updated(R, 3, kind=kind)).ended == "withdrawn"


def test_a_transferred_report_counts_at_its_new_owner_and_what_the_old_one_says_late_does_not_count() -> None:
    cells = cells_of(make.received(R), make.routed(R), make.rerouted(R, "ulsan"), make.acknowledged(R, 1, 1))
    assert "reports|ulsan|all" in cells
    assert not {c for c in cells if c.startswith("reports|busan") or c == "stage|acknowledged"}


def test_the_document_form_loses_nothing() -> None:
    for seed in range(60):
        fact = Fact(R, 0)
        for sequence in history(7, seed).values():
            for event in sequence:
                assert Fact.from_document(fact.to_document()) == fact
                advance(fact, event)
        assert Fact.from_document(fact.to_document()) == fact


@pytest.mark.parametrize(("seconds", "bucket"), [(-5, 0), (1, 0), (1.001, 1), (300, 8), (604800, 20), (604801, 21)])
def test_buckets_include_their_upper_bound(seconds: float, bucket: int) -> None:
    assert ack_bucket(seconds) == bucket
    assert len(ACK_BOUNDS) == 21


def test_a_centre_keeps_its_newest_state() -> None:
    def changed(version: int, state: CenterState) -> CenterChanged:
        return make.center_changed("busan", version, 2).model_copy(update={"state": state})

    known = newer_center(None, changed(3, CenterState.CLOSED))
    assert known == CenterFact("busan", 3, "closed", 2, make.START)
    assert newer_center(known, changed(3, CenterState.OPEN)) is None
    assert newer_center(known, changed(4, CenterState.OPEN)) == CenterFact("busan", 4, "open", 2, make.START)


def test_time_on_duty_is_split_at_the_month_in_seoul_and_counted_once_however_often_it_is_read() -> None:
    turn = datetime(2026, 11, 30, 15, tzinfo=UTC)  # midnight in Seoul
    events = [
        make.center_changed("busan", 1, 2, turn - timedelta(hours=3)),
        make.center_changed("busan", 2, 0, turn + timedelta(hours=1)),
        make.center_changed("busan", 3, 1, turn + timedelta(hours=9)),
        make.center_changed("busan", 4, 3, turn + timedelta(hours=8)),  # a clock that went back
    ]
    hour = 3_600_000
    cells = {(OF_CENTERS, "2026-11", "staff|busan"): 6 * hour, (OF_CENTERS, "2026-12", "staff|busan"): 2 * hour}
    centers, once = fold_centers({}, events)
    assert {key: n for key, n in once.items() if n} == cells
    known = {center.center_id: center for center in centers}
    assert fold_centers(known, events) == ([], Counter())
    for cut in range(5):
        first, before = fold_centers({}, events[:cut])
        _, after = fold_centers({center.center_id: center for center in first}, events)
        before.update(after)
        assert {key: n for key, n in before.items() if n} == cells
    lasting = time_on_duty(known["busan"], turn + timedelta(hours=10))
    assert lasting == {("2026-12", "staff|busan"): 3 * hour}
    assert time_on_duty(known["busan"], turn) == {}


# --- any order of reading, any repeats ---------------------------------------------------------------------------


_READ_AGAIN = 128
"""From this byte on, every second, some of what was read of a topic is read again."""


@st.composite
def readings(draw: st.DrawFn) -> tuple[list[ReportEvent], list[list[ReportEvent]]]:
    """The events topic by topic, and a reading of them: interleaved, with old records again, cut into batches."""
    seeds = draw(st.lists(st.integers(0, 59), min_size=1, max_size=4))
    topics: dict[str, list[ReportEvent]] = {"reports": [], "routings": [], "cases": [], "alerts": []}
    for number, seed in enumerate(seeds):
        for name, sequence in history(number, seed).items():
            topics[name] += sequence
    straight = [event for sequence in topics.values() for event in sequence]
    position = dict.fromkeys(topics, 0)
    reading: list[ReportEvent] = []
    # Two bytes a step, drawn at once: a draw of its own for every topic and repeat took most of the test's time.
    steps = draw(st.binary(min_size=2 * len(straight), max_size=2 * len(straight)))
    for step, back in zip(steps[::2], steps[1::2], strict=True):
        open_topics = [name for name in topics if position[name] < len(topics[name])]
        name = open_topics[step % len(open_topics)]
        reading.append(topics[name][position[name]])
        position[name] += 1
        if step >= _READ_AGAIN:
            again = topics[name][: position[name]]
            reading += again[back % len(again) :]
    cuts = sorted(draw(st.lists(st.integers(0, len(reading)), max_size=5)))
    edges = [0, *cuts, len(reading)]
    return straight, [reading[a:b] for a, b in pairwise(edges)]


Result = tuple[dict[str, Fact], dict[CellKey, int]]


def result(batches: Sequence[Sequence[ReportEvent]], partition: int = 0) -> Result:
    """Facts and cells after these batches, each fact read back from its stored form in between."""
    known: dict[str, Fact] = {}
    total: Counter[CellKey] = Counter()
    for batch in batches:
        changes = fold(known, [(partition, event) for event in batch])
        known |= {rid: Fact.from_document(fact.to_document()) for rid, fact in changes.facts.items()}
        for cells in (changes.cells, changes.months):
            for key, by in cells.items():
                total[key] += by
    return known, {key: n for key, n in total.items() if n}


@settings(max_examples=300, deadline=None)
@given(readings())
def test_every_reading_ends_in_the_same_numbers(case: tuple[list[ReportEvent], list[list[ReportEvent]]]) -> None:
    straight, batches = case
    facts, total = result(batches)
    assert (facts, total) == result([straight])
    recount: Counter[CellKey] = Counter()
    for fact in facts.values():
        for counted in (daily(fact), monthly(fact)):
            recount.update({(0, span, cell): n for (span, cell), n in counted.items()})
    assert total == dict(recount)


@settings(max_examples=100, deadline=None)
@given(readings(), st.data())
def test_partitions_merge_to_the_same_numbers_wherever_reports_lie(
    case: tuple[list[ReportEvent], list[list[ReportEvent]]], data: st.DataObject
) -> None:
    straight, batches = case
    place = {event.report_id: data.draw(st.integers(0, 2)) for event in straight}
    merged: Counter[tuple[str, str]] = Counter()
    for partition in data.draw(st.permutations(range(3))):
        own = [[event for event in batch if place[event.report_id] == partition] for batch in batches]
        merged.update({(span, cell): n for (_, span, cell), n in result(own, partition)[1].items()})
    assert merged == Counter({(span, cell): n for (_, span, cell), n in result([straight])[1].items()})
