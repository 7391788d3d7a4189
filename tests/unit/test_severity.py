"""Child, critical and severe mean the same in triage, assignment, escalation and the cap on severe cases."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.intake.submissions.facts import facts_of
from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import triage
from services.notify.auditor.rules import Watched, conclude, note
from services.notify.cases.projection import fold
from services.notify.cases.rules import is_severe as counts_as_severe
from services.notify.escalation.rules import Rules
from services.routing.assignment import rules
from shared.events.reports import ReportFacts
from shared.events.routings import ReportRouted
from shared.events.vocabulary import AgeBand, HarmType, Role, Suspicion, Urgency, UrgencyReason
from shared.severity import SEVERE_HARMS, SEVERE_PER_PERSON, concerns_child, is_severe, urgency_of
from tests.unit.notify.samples import NOW, TRACE, event

AT = datetime(2026, 11, 24, tzinfo=UTC)
submissions = st.builds(
    Submission,
    role=st.sampled_from(Role),
    harm_types=st.lists(st.sampled_from(HarmType), min_size=1, max_size=3).map(tuple),
    age_band=st.sampled_from(AgeBand),
    still_spreading=st.sampled_from([None, True]),
    threatened=st.sampled_from([None, True]),
    synthetic=st.booleans(),
)
suspicions = st.lists(st.sampled_from(Suspicion), max_size=2, unique=True).map(tuple)
any_facts = st.builds(
    lambda urgency, reasons, age, harms, synthetic: routed().facts.model_copy(
        update={
            "urgency": urgency,
            "urgency_reasons": reasons,
            "age_band": age,
            "harm_types": harms,
            "synthetic": synthetic,
        }
    ),
    st.sampled_from(Urgency),
    st.lists(st.sampled_from(UrgencyReason), min_size=1, max_size=2, unique=True).map(tuple),
    st.sampled_from(AgeBand),
    st.lists(st.sampled_from(HarmType), min_size=1, max_size=3, unique=True).map(tuple),
    st.booleans(),
)
"""Also facts that triage does not make today: the log keeps those of every version of it."""


def routed(facts: ReportFacts | None = None) -> ReportRouted:
    first = event("report.routed")
    assert isinstance(first, ReportRouted)
    return first if facts is None else first.model_copy(update={"facts": facts})


@given(submissions, suspicions)
def test_what_triage_calls_critical_is_what_routing_calls_critical(
    submission: Submission, suspicion: tuple[Suspicion, ...]
) -> None:
    facts = facts_of(submission, triage(submission, AT), AT.date(), suspicion)
    assert (facts.urgency is Urgency.CRITICAL) == rules.severity_of(facts).critical
    child = concerns_child(submission.age_band, submission.harm_types)
    assert child == concerns_child(facts.age_band, facts.harm_types, facts.urgency_reasons)
    assert facts.urgency is Urgency.CRITICAL or not child


@given(any_facts)
def test_the_alerts_climb_as_fast_as_routing_judged_and_the_auditor_expects(facts: ReportFacts) -> None:
    first = routed(facts)
    case = fold(None, first, TRACE, Rules(), NOW)
    assert case is not None
    seen = Watched(first.report_id)
    note(seen, first)
    conclude(seen, None)
    assert seen.promise is not None
    assert case.urgency is seen.promise.urgency is urgency_of(facts)
    assert (case.urgency is Urgency.CRITICAL) == rules.severity_of(facts).critical


@given(any_facts)
def test_a_case_is_severe_to_a_person_if_it_is_to_its_centre(facts: ReportFacts) -> None:
    case = fold(None, routed(facts), TRACE, Rules(), NOW)
    assert case is not None
    assert counts_as_severe(case) == rules.severity_of(facts).severe
    assert rules.severity_of(facts).severe == is_severe(urgency_of(facts), facts.harm_types, synthetic=facts.synthetic)


def test_the_second_rule_is_made_with_these_numbers() -> None:
    """Another number is another version of the rule: decisions in the log replay under the old ones."""
    assert rules.RULE.version == 2
    assert (rules.RULE.severe_per_person, SEVERE_PER_PERSON) == (4, 4)
    assert rules.RULE.severe_harms == SEVERE_HARMS == {HarmType.CHILD_MATERIAL, HarmType.ONLINE_GROOMING}
