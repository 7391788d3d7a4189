"""Every decision again: 0 differences, the first of them where there are some."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.routing.assignment.cli import result_lines, span_of
from services.routing.assignment.replay import MOST_DIFFERENCES, Decided, Replay, Span
from services.routing.assignment.rules import RULE_VERSION
from services.routing.state.partition import PartitionState
from services.routing.transitions.rules import moves
from shared.centers import PACKAGED, TABLES
from shared.clock import SEOUL
from shared.events.routings import ReportRerouted
from shared.events.vocabulary import PassedOver
from tests.unit.routing.builders import (
    MOMENT,
    NOW,
    TRACE,
    center_loads,
    compared_of,
    decision_for,
    facts,
    full,
    received,
)
from tests.unit.routing.steps import accepted, run, settle
from tools.command import main

KNOWN = PACKAGED.known
JEJU_WITHOUT_FLIGHTS = replace(
    TABLES,
    version="no-flights",
    centers={c: replace(center, sea_air=()) for c, center in TABLES.centers.items()},
)


def decisions() -> list[Decided]:
    """At home, without one, past a full or closed one, moved by agreement and back, moved from a closed centre."""
    state = PartitionState()
    found = settle(state, run(state, received(1), received(2, "seoul"), received(3, "overseas", urgency="critical")))
    found += settle(state, run(state, received(4, "jeju"), received(5, "gangwon"), loads=full("ulsan", "busan")))
    found += settle(state, run(state, received(6, "daegu"), closed=("daegu",)))
    found += settle(state, run(state, accepted("jeju")))
    found += settle(state, run(state, accepted("busan", 2, 2)))
    closing = moves(state, center_loads(closed=("busan",)), MOMENT, TRACE, limit=9, owners={})
    assert closing
    outcome = run(state)
    outcome.drafts.extend(closing)
    return [event for event in found + settle(state, outcome) if isinstance(event, Decided)]


def replayed(events: list[Decided]) -> Replay:
    found = Replay(known=KNOWN)
    for number, event in enumerate(events):
        found.take(event, f"routings/0/{number}")
    return found


def tampered(event: Decided, **fields: Any) -> Decided:
    return event.model_copy(update={"decision": event.decision.model_copy(update=fields)})


def lines(found: Replay) -> list[str]:
    return list(result_lines(Span(), found))


def test_what_was_decided_is_decided_again() -> None:
    events = decisions()
    found = replayed(events)
    assert (found.differences, found.not_comparable) == (0, {})
    assert found.by_rule == {RULE_VERSION: len(events)}
    assert found.decisions[ReportRerouted.TYPE] >= 3
    assert lines(found)[-1] == "differences: 0"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"center_id": "jeju"}, "center_id: jeju recorded, busan decided"),
        ({"reason": "linked"}, "reason: "),
        ({"over_capacity": True}, "over_capacity: True recorded, False decided"),
        ({"copy_central": True}, "copy_central: "),
        ({"home_center_id": "ulsan"}, "home_center_id: ulsan recorded, busan decided"),
        ({"compared": {}}, "reason: home recorded, all_closed decided"),
    ],
)
def test_a_changed_record_is_found_and_named(fields: dict[str, Any], said: str) -> None:
    events = decisions()
    events[0] = tampered(events[0], **fields)
    found = replayed(events)
    (difference,) = found.first_differences
    assert found.differences == 1
    assert (difference.place, difference.report_id, difference.version) == ("routings/0/0", events[0].report_id, 1)
    assert said in difference.why
    assert lines(found)[-2] == "differences: 1"
    assert events[0].report_id in lines(found)[-1]


def test_all_that_differs_is_said_and_of_the_candidates_only_how_many() -> None:
    event = decisions()[0]
    *others, last = event.decision.candidates()
    changed = compared_of(*others, last.model_copy(update={"passed_over": PassedOver.DECLINED}))
    (difference,) = replayed([tampered(event, copy_central=True, center_id="jeju", compared=changed)]).first_differences
    assert difference.why == (
        "center_id: jeju recorded, busan decided; copy_central: True recorded, False decided; candidates: 1 of them"
    )


def test_a_changed_load_is_found_where_it_would_have_changed_the_answer() -> None:
    event = next(event for event in decisions() if event.report_id.endswith("4"))
    assert event.decision.center_id == "busan"
    seen = event.decision.candidates()
    center_loads = tuple(c.model_copy(update={"load": 0}) if c.center_id == "jeju" else c for c in seen)
    assert replayed([tampered(event, compared=compared_of(*center_loads))]).differences == 1


def test_what_cannot_be_decided_at_all_is_a_difference_and_no_end() -> None:
    found = Replay(known={TABLES.version: replace(TABLES, centers={})})
    for event in decisions()[:2]:
        found.take(event, "here")
    assert [difference.why for difference in found.first_differences] == ["cannot be decided again: KeyError"] * 2


def test_at_most_twenty_differences_are_kept_and_all_are_counted() -> None:
    found = replayed([tampered(decisions()[0], center_id="jeju")] * 50)
    assert (found.differences, len(found.first_differences)) == (50, MOST_DIFFERENCES)
    assert lines(found)[-1] == "  and 30 more"


def test_what_this_build_does_not_know_is_named_and_no_difference() -> None:
    event = decisions()[0]
    old, other = tampered(event, rule_version=9), tampered(event, table_version="2031-01-01")
    found = replayed([old, other, old, event])
    assert found.not_comparable == {"rule 9": 2, "tables 2031-01-01": 1}
    assert found.decisions == {event.TYPE: 4}
    assert found.differences == 0
    assert "  not comparable, tables 2031-01-01: 1" in lines(found)


def test_a_decision_is_judged_by_the_tables_it_names() -> None:
    report = facts("jeju")
    loads = full("busan", "incheon")
    event = decisions()[0]
    by_air = event.model_copy(
        update={"facts": report, "decision": decision_for(report, center_loads(loads), date(2026, 11, 24))}
    )
    by_land = decision_for(report, center_loads(loads), date(2026, 11, 24), tables=JEJU_WITHOUT_FLIGHTS)
    apart = event.model_copy(update={"facts": report, "decision": by_land})
    assert by_air.decision.reason != by_land.reason
    found = Replay(known={**KNOWN, "no-flights": JEJU_WITHOUT_FLIGHTS})
    found.take(by_air, "a")
    found.take(apart, "b")
    assert (found.differences, found.not_comparable) == (0, {})
    mistaken = Replay(known={**KNOWN, "no-flights": TABLES})
    mistaken.take(apart, "b")
    assert mistaken.differences == 1


def test_the_day_that_counts_is_the_one_the_report_came_on() -> None:
    before, after = datetime(2026, 6, 30, 14, tzinfo=UTC), datetime(2026, 7, 1, 14, tzinfo=UTC)
    event = decisions()[0].model_copy(update={"received_at": before, "decided_at": after})
    place = facts("jeonnam-gwangju", district="12210")
    decision = decision_for(place, center_loads(), date(2026, 6, 30))
    assert decision.home_center_id is None
    assert replayed([event.model_copy(update={"facts": place, "decision": decision})]).differences == 0


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        ("2026-11-24", "2026-11-24", "2026-11-24T00:00+09:00", "2026-11-25T00:00+09:00"),
        ("2026-11-24T09:30", "2026-11-24T10:00", "2026-11-24T09:30+09:00", "2026-11-24T10:00+09:00"),
        ("2026-11-24T00:30Z", "2026-11-25", "2026-11-24T09:30+09:00", "2026-11-26T00:00+09:00"),
        ("20261124", "", "2026-11-24T00:00+09:00", None),
        ("", "", None, None),
    ],
)
def test_days_and_moments_are_seoul_time_and_the_last_day_is_whole(
    since: str, until: str, first: str | None, last: str | None
) -> None:
    span = span_of(since, until)
    assert span == tuple(None if text is None else datetime.fromisoformat(text) for text in (first, last))


def test_a_span_holds_its_beginning_and_not_its_end() -> None:
    span = span_of("2026-11-24", "2026-11-24")
    begin = datetime(2026, 11, 24, tzinfo=SEOUL)
    moments = (begin - timedelta(seconds=1), begin, begin + timedelta(hours=23, minutes=59), begin + timedelta(days=1))
    assert [span.holds(moment) for moment in moments] == [False, True, True, False]
    assert Span().holds(NOW)


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("yesterday", "", "--from yesterday is neither a day nor a moment; write 2026-11-24"),
        ("", "2026-13-01", "--to 2026-13-01 is neither"),
        ("", "9999-12-31", "--to 9999-12-31 is neither"),
        ("2026-11-25", "2026-11-24", "--from 2026-11-25 is not before --to 2026-11-24"),
    ],
)
def test_a_span_that_says_nothing_is_refused_with_an_example(
    since: str, until: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=r"--from|--to"):
        span_of(since, until)
    assert main(["replay", "decisions", "--from", since, "--to", until]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_refused_is_said_and_kafka_away_says_to_run_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setenv("KAFKA_CALL_TIMEOUT_S", "1")
    assert main(["replay", "decisions", "--tables", str(tmp_path)]) == 75
    said = capsys.readouterr().err
    assert "the folder of tables was refused: divisions.json: cannot be read" in said
    assert "kafka" in said
