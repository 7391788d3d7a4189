"""Decisions in sentences: each reason with the figures that decided, in both languages, and never with a hole in it."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.assignment import sentences
from services.routing.assignment.bands import Band, band_of, normal_cases, percent_of
from services.routing.assignment.explain import Explainer
from services.routing.assignment.geography import Distance, distance_of
from services.routing.assignment.models import CenterLoad, CenterLoads
from services.routing.assignment.rules import RULE
from services.routing.console import words
from services.routing.main import HERE
from services.routing.settings import RoutingSettings
from shared.centers import TABLES
from shared.events.reports import ReportFacts
from shared.events.routings import Candidate, Decision
from shared.events.vocabulary import (
    CauseKind,
    CenterState,
    EndReason,
    PassedOver,
    RoutingReason,
    UpdateKind,
)
from shared.labels import ROUTING_REASONS
from shared.web.language import LANGUAGES, Language
from shared.web.pages import Pages
from tests.unit.routing.builders import DAY, any_board, any_facts, compared_of, decision_for, facts

PAGES = Pages(HERE / "templates", HERE / "locale", RoutingSettings(), "routing")
EXPLAINERS = {language: Explainer(language, PAGES.translator(language).gettext) for language in LANGUAGES}


def seen(center_id: str, load: int, verdict: PassedOver = PassedOver.BUSIER, **more: Any) -> Candidate:
    given: dict[str, Any] = {
        "center_id": center_id,
        "state": CenterState.OPEN,
        "staff_on_duty": 3,
        "load": load,
        "capacity": 450,
        "passed_over": verdict,
    }
    return Candidate.model_validate(given | more)


def decided(reason: RoutingReason, **more: Any) -> Decision:
    """Busan's report went to Gyeongnam."""
    given: dict[str, Any] = {
        "center_id": "gyeongnam",
        "home_center_id": "busan",
        "reason": reason,
        "compared": compared_of(
            seen("busan", 422, PassedOver.FULL, severe=12, severe_cap=12),
            seen("gyeongnam", 265, PassedOver.CHOSEN, severe=3, severe_cap=12),
        ),
        "rule_version": 2,
        "table_version": "2026-07-01",
    }
    return Decision.model_validate(given | more)


def why(decision: Decision, language: Language = "en", about: ReportFacts | None = None) -> str:
    return EXPLAINERS[language].why(decision, about or facts("busan"), DAY)


def test_every_code_has_its_words() -> None:
    assert set(sentences.WHY) == set(RoutingReason) - {RoutingReason.ALL_CLOSED}
    assert set(sentences.VERDICTS) == {*PassedOver, "unknown"}
    assert set(words.BANDS) == set(Band)
    assert set(sentences.HOWS) == set(sentences.DISTANCES) == set(Distance)
    assert set(sentences.UPDATED) == set(UpdateKind)
    assert set(sentences.ENDED) == set(EndReason)
    assert set(sentences.MOVED) == set(CauseKind)
    assert {how for _, how in sentences.CAME_BACK} == set(EndReason)


def test_a_full_home_and_a_neighbour_are_said_with_the_figures_that_decided() -> None:
    decision = decided(RoutingReason.HOME_FULL_NEIGHBOUR)
    assert (
        why(decision)
        == "Home Busan was at 96% with this case (limit 90%); Gyeongnam, across the land border, at 61.1%."
    )
    assert (
        why(decision, "ko")
        == "관할인 부산센터는 이 사례를 더하면 96%\u2060로 기준 90%\u2060를 넘었고, 육지로 맞닿은 경남센터는 "
        "61.1%\u2060였습니다."
    )


def test_the_weight_of_the_case_is_in_the_figures() -> None:
    decision = decided(RoutingReason.HOME_FULL_NEIGHBOUR)
    assert "at 98.2% with" in why(decision, about=facts("busan", urgency="critical"))
    assert "at 93.8% with" in why(decision, about=facts("busan", synthetic=True))


def test_severe_cases_are_said_as_counts() -> None:
    said = why(decided(RoutingReason.HOME_SEVERE_FULL))
    assert "had 12 severe cases of at most 12; Gyeongnam, across the land border, had 3 of 12." in said


@pytest.mark.parametrize(
    ("load", "said"), [(395, "had room: 90% with this case"), (396, "past the limit of 90%, but no centre")]
)
def test_a_home_past_the_limit_says_that_nobody_was_clearly_better(load: int, said: str) -> None:
    compared = compared_of(seen("busan", load, PassedOver.CHOSEN))
    assert said in why(decided(RoutingReason.HOME, center_id="busan", compared=compared))


def test_a_home_with_all_the_severe_cases_it_may_have_says_that_nobody_took_another() -> None:
    own = seen("busan", 100, PassedOver.CHOSEN, severe=12, severe_cap=12)
    asked = decided(
        RoutingReason.HOME,
        center_id="busan",
        compared=compared_of(own, seen("ulsan", 0, PassedOver.SEVERE_FULL)),
    )
    assert "have 12 severe cases of at most 12, but no other centre could take another" in why(asked)
    spared = compared_of(own, seen("ulsan", 0, PassedOver.KEPT_AT_HOME), seen("jeju", 0, PassedOver.DECLINED))
    assert "had room" in why(asked.model_copy(update={"compared": spared}))


@given(st.sampled_from(["normal", "critical"]), any_board())
def test_the_sentence_of_a_home_that_keeps_it_fits_what_the_rule_saw(urgency: str, center_loads: CenterLoads) -> None:
    about = facts("busan", urgency=urgency)
    center_loads["busan"] = center_loads["busan"]._replace(
        state=CenterState.OPEN, staff_on_duty=3, capacity=450, load=300
    )
    decision = decision_for(about, center_loads, DAY)
    if decision.reason is not RoutingReason.HOME:
        assert decision.center_id != "busan"
        return
    said, own = why(decision, about=about), center_loads[decision.center_id]
    if "severe cases of at most" in said:
        assert own.severe >= own.severe_cap
    if "had room" in said:
        assert all(c.passed_over in {"chosen", "kept_at_home", "closed", "declined"} for c in decision.candidates())


@pytest.mark.parametrize("reason", RoutingReason)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_is_said_with_its_figures_and_plainly_without_them(
    reason: RoutingReason, language: Language
) -> None:
    full, bare = why(decided(reason), language), why(decided(reason, compared={}), language)
    assert "%(" not in full + bare
    needs = sentences.holes(sentences.WHY.get(reason, ""))
    translate = PAGES.translator(language).gettext
    assert (bare == translate(ROUTING_REASONS[reason])) == (not needs or needs - {"chosen", "home", "how"} != set())
    if needs - {"chosen", "home", "how"}:
        assert re.search(r"\d", full), full


def test_what_a_rule_of_another_build_decided_is_said_without_its_limit() -> None:
    said = why(decided(RoutingReason.HOME_FULL_NEIGHBOUR, rule_version=99))
    assert said == ROUTING_REASONS[RoutingReason.HOME_FULL_NEIGHBOUR]


@given(any_facts(), any_board())
def test_every_decision_of_the_rule_is_explained(about: ReportFacts, center_loads: CenterLoads) -> None:
    decision = decision_for(about, center_loads, DAY)
    for explainer in EXPLAINERS.values():
        told = explainer.explain(decision, about, DAY)
        assert told.why
        assert "%(" not in "".join([told.why, *told.alarms, *told.notes, told.version])
        assert len(told.lines) == 16
        assert [line.chosen for line in told.lines].count(True) == (decision.center_id != "central")
        assert told.lines[0].chosen or decision.center_id == "central"
        assert bool(told.alarms) == (decision.over_capacity and decision.center_id != "central")
        assert decision.copy_central == any(
            note.startswith(
                ("The central centre is on copy", "아동", "관할 센터가 없어", "근무자가 없어", "여유가 있는")
            )
            for note in told.notes
        )


def test_what_else_a_reader_must_know_is_said() -> None:
    about = facts("busan", age_band="under_14")
    decision = decided(
        RoutingReason.HOME_FULL_NEIGHBOUR,
        right_of_return=True,
        copy_central=True,
        over_capacity=True,
        linked_center_id="jeju",
        compared=compared_of(seen("gyeongnam", 445, PassedOver.CHOSEN), seen("jeju", 0, PassedOver.CLOSED)),
    )
    told = EXPLAINERS["en"].explain(decision, about, DAY)
    assert told.notes == (
        "Busan may ask for it back.",
        "Jeju knows a linked report and could not take this one: Closed.",
        "The central centre is on copy, because it concerns a child.",
    )
    assert told.alarms == ("Gyeongnam is past what its staff can carry: 103.3% with this case.",)
    known = decision.model_copy(update={"linked_center_id": "central"})
    assert "The central centre knows a linked report" in EXPLAINERS["en"].explain(known, about, DAY).notes[1]
    calm = EXPLAINERS["en"].explain(decided(RoutingReason.HOME_FULL_NEIGHBOUR), facts("busan"), DAY)
    assert (calm.notes, calm.alarms) == ((), ())


@pytest.mark.parametrize(
    ("center_id", "home", "division", "far"),
    [
        ("busan", "busan", "busan", Distance.HOME),
        ("ulsan", "busan", "busan", Distance.LAND),
        ("jeju", "busan", "busan", Distance.SEA_AIR),
        ("gyeongbuk", "busan", "busan", Distance.TWO_STEPS),
        ("gangwon", "busan", "busan", Distance.FURTHER),
        ("gyeonggi", None, "seoul", Distance.FIRST),
        ("gangwon", None, "seoul", Distance.LAND),
        ("jeju", None, "seoul", Distance.FURTHER),
        ("jeju", None, "overseas", Distance.FURTHER),
        ("gwangju", None, "jeonnam-gwangju", Distance.FIRST),
    ],
)
def test_distances(center_id: str, home: str | None, division: str, far: Distance) -> None:
    assert distance_of(center_id, home, facts(division), DAY) is far


def test_distances_go_by_the_home_and_the_tables_of_the_decision() -> None:
    """A place may have got another home since, or one where it had none."""
    assert distance_of("jeju", "busan", facts("jeju"), DAY) is Distance.SEA_AIR
    seoul = next(row for row in TABLES.catchments if row.division == "seoul")
    others = tuple(row for row in TABLES.catchments if row is not seoul)
    given = replace(TABLES, version="later", catchments=(*others, replace(seoul, near=("gangwon",))))
    assert distance_of("gangwon", None, facts("seoul"), DAY, given) is Distance.FIRST
    assert distance_of("busan", None, facts("jeonnam-gwangju", district="12240"), DAY) is Distance.FURTHER


@pytest.mark.parametrize(
    ("state", "load", "band"),
    [
        (CenterState.OPEN, 224, Band.FREE),
        (CenterState.OPEN, 225, Band.BUSY),
        (CenterState.SHORT_STAFFED, RULE.threshold_percent * 45 // 10, Band.BUSY),
        (CenterState.OPEN, RULE.threshold_percent * 45 // 10 + 1, Band.NEARLY_FULL),
        (CenterState.OPEN, 450, Band.FULL),
        (CenterState.CLOSED, 0, Band.CLOSED),
        (CenterState.UNSTAFFED, 450, Band.UNSTAFFED),
    ],
)
def test_bands(state: CenterState, load: int, band: Band) -> None:
    assert band_of(CenterLoad("busan", state, 3, load, 450)) is band


def test_figures() -> None:
    assert (percent_of(449, 450), percent_of(0, 450), percent_of(1, 0)) == (99, 0, None)
    assert normal_cases(425) == 42.5
