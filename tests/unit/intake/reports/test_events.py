"""What goes onto the log: as coarse as its readers can do with, and nothing decided or counted by it changes."""

import ast
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from services.analytics.counting.models import Fact
from services.analytics.counting.project import advance
from services.intake.reports.events import amended, published, received
from services.intake.submissions.facts import facts_of
from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import triage
from services.routing.assignment.rules import severity_of
from shared.centers import TABLES, catchment_code, districts_of, home_candidates
from shared.events.reports import ReportFacts
from shared.events.vocabulary import AgeBand, HarmType, Role, UrgencyReason
from shared.severity import urgency_of

NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
REPORT = "3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"
INTAKE = Path(__file__).parents[4] / "services" / "intake"


def told(**fields: object) -> ReportFacts:
    report = Submission.model_validate({"role": Role.VICTIM, "harm_types": (HarmType.OTHER,), **fields})
    return facts_of(report, triage(report, NOW), NOW.date())


def test_which_language_stays_in_intake() -> None:
    assert published(told(language="ko")).language == "ko"
    assert {published(told(language=code)).language for code in ("mn", "en", "vi")} == {"und"}


def test_why_it_is_urgent_stays_in_intake_unless_it_concerns_a_child() -> None:
    threatened = told(threatened=True, money_demanded=True, age_band=AgeBand.FROM_14_TO_18)
    assert {UrgencyReason.EXTORTION, UrgencyReason.MINOR} < set(threatened.urgency_reasons)
    assert published(threatened).urgency_reasons == (UrgencyReason.NONE_OF_THESE,)
    child = told(threatened=True, harm_types=(HarmType.CHILD_MATERIAL,))
    assert published(child).urgency_reasons == (UrgencyReason.CHILD_MATERIAL,)


def test_which_harm_was_named_first_stays_in_intake() -> None:
    harms = (HarmType.OTHER, HarmType.ILLEGAL_FILMING, HarmType.DISTRIBUTION)
    assert published(told(harm_types=harms)) == published(told(harm_types=harms[::-1]))


def test_the_log_knows_the_catchment_and_not_the_district() -> None:
    codes = [district.code for district in districts_of("jeonnam-gwangju")]
    on_log = {code: published(told(division="jeonnam-gwangju", district=code)).district for code in codes}
    assert len(set(on_log.values())) == 2 < len(codes)
    assert published(told(division="jeonnam-gwangju")).district is None


@pytest.mark.parametrize("division", [d for d in TABLES.divisions if districts_of(d)])
def test_a_catchments_code_has_the_home_of_every_district_it_stands_for_on_any_day(division: str) -> None:
    turns = {day for c in TABLES.catchments for day in (c.valid_from, c.valid_to) if day is not None}
    days = {day + timedelta(days=by) for day, by in product(turns | {date(2020, 1, 1)}, (-1, 0, 1))}
    for district, day in product(districts_of(division), days):
        code = catchment_code(division, district.code)
        assert home_candidates(division, code, day) == home_candidates(division, district.code, day)


@pytest.mark.parametrize("age", AgeBand)
@pytest.mark.parametrize("threatened", [True, False])
def test_nothing_is_decided_or_counted_otherwise(age: AgeBand, threatened: bool) -> None:
    for harm in HarmType:
        facts = told(age_band=age, threatened=threatened, harm_types=(harm,), language="mn", division="busan")
        event = received(REPORT, NOW, facts)
        assert severity_of(event.facts) == severity_of(facts)
        assert urgency_of(event.facts) is urgency_of(facts)
        precise = event.model_copy(update={"facts": facts})
        coarse, fine = Fact(REPORT, 0), Fact(REPORT, 0)
        assert advance(coarse, event)
        assert advance(fine, precise)
        assert coarse == fine


def test_an_addition_is_as_coarse_as_the_report() -> None:
    facts = told(language="mn", threatened=True, division="jeonnam-gwangju", district="12240")
    assert amended(REPORT, 2, NOW, facts).facts == received(REPORT, NOW, facts).facts == published(facts) != facts


def test_no_other_module_makes_an_event_with_facts() -> None:
    makers = set()
    for path in INTAKE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"ReportReceived", "ReportAmended"}:
                makers.add(str(path.relative_to(INTAKE)))
    assert makers == {"reports/events.py"}
