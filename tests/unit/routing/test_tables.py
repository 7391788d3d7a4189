"""Which tables routing takes at start, and what it says of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.routing import metrics, tables
from services.routing.assignment.geography import Distance, origin_of
from services.routing.assignment.sentences import DISTANCES
from services.routing.console.story import story_of
from services.routing.console.views import history_of
from services.routing.read_model.service import entry_of
from services.routing.settings import RoutingSettings
from services.routing.state.loads import LoadView
from services.routing.state.partition import PartitionState
from services.routing.transitions.rules import decide
from shared.centers import PACKAGED, TABLES, from_folder
from shared.errors import FatalError
from shared.events.vocabulary import RoutingReason
from tests.support.tables import center_row, home_row, joined, write
from tests.unit.routing.builders import DAY, MOMENT, center_loads, decision_for, facts, full, incoming, received
from tests.unit.routing.steps import settle


def refused() -> float:
    return float(metrics.TABLES_REFUSED._value.get())


def one_sided(file: dict[str, Any]) -> None:
    center_row(file, "busan")["land"].append("jeju")


def to_ulsan(file: dict[str, Any]) -> None:
    home_row(file, "busan")["center"] = "ulsan"
    home_row(file, "ulsan")["center"] = "busan"


def test_without_a_folder_the_packaged_tables_are_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables.take(None) is PACKAGED
    assert tables.word(PACKAGED) == f"version {TABLES.version}, as packaged"
    monkeypatch.setenv("ROUTING_TABLES_DIR", "")
    assert RoutingSettings().tables_dir is None


def test_a_faulty_folder_is_counted_and_said_and_the_packaged_tables_stay(tmp_path: Path) -> None:
    before = refused()
    sets = tables.take(write(tmp_path, centers=one_sided))
    assert sets.current is TABLES
    assert refused() == before + 1
    assert tables.word(sets).endswith("refused: busan reaches jeju by land, but not the other way round")


def test_a_sound_folder_decides_and_is_said(tmp_path: Path) -> None:
    before = refused()
    sets = tables.take(write(tmp_path, catchments=to_ulsan))
    assert (refused(), tables.word(sets)) == (before, "version 2027-01-01, from the folder given")
    decision = decision_for(facts("busan"), center_loads(), DAY, tables=sets.current)
    assert (decision.center_id, decision.table_version) == ("ulsan", "2027-01-01")
    assert decision_for(facts("busan"), center_loads(), DAY).center_id == "busan"


def test_unsound_packaged_tables_are_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "TABLES", replace(TABLES, catchments=()))
    with pytest.raises(FatalError, match="not sound: no place is home"):
        tables.take(None)


def test_the_staff_a_given_table_funds_is_what_counts_before_any_word(tmp_path: Path) -> None:
    def more_staff(file: dict[str, Any]) -> None:
        center_row(file, "jeju")["staff"] = 5

    given = from_folder(write(tmp_path, centers=more_staff)).current
    center_loads = LoadView(15, given).center_loads({}), LoadView(15).center_loads({})
    assert [(center_load["jeju"].staff_on_duty, center_load["jeju"].capacity) for center_load in center_loads] == [
        (5, 750),
        (3, 450),
    ]


def test_a_decision_is_shown_and_judged_by_the_tables_it_names(tmp_path: Path) -> None:
    sets = from_folder(write(tmp_path, centers=joined))
    state = PartitionState()
    full_round_jeju = center_loads(full("sejong", "ulsan"))
    moment = replace(MOMENT, tables=sets.current)
    (event,) = settle(state, decide([incoming(received(1, "jeju"))], state, full_round_jeju, moment, {}))
    assert (event.decision.center_id, event.decision.table_version) == ("ulsan", "2027-01-01")
    for known, judged, distance in ((sets.known, True, "sea_air"), (PACKAGED.known, None, "further")):
        assert history_of(event.report_id, [entry_of(event, 0, 0)], known).records[0].replays is judged
        story = story_of([event], "en", str, known)
        assert story.answer.replays is judged
        assert story.answer.decision is not None
        chosen = story.answer.decision.lines[0]
        assert (chosen.candidate.center_id, chosen.distance) == ("ulsan", DISTANCES[Distance(distance)])


def test_the_rings_of_a_place_with_two_homes_are_those_of_the_tables_given() -> None:
    islands = replace(TABLES, centers={c: replace(center, land=()) for c, center in TABLES.centers.items()})
    by_land = origin_of("jeonnam-gwangju", None, DAY, TABLES)
    alone = origin_of("jeonnam-gwangju", None, DAY, islands)
    assert by_land.reason is alone.reason is RoutingReason.NO_HOME_DISTRICT_UNKNOWN
    assert by_land.rings[0] == alone.rings[0] != ()
    assert (by_land.rings[1] != (), alone.rings[1]) == (True, ())
