"""A decision as people read it: sentences made at display from its codes and the figures that decided. Pure.

Events carry codes and numbers only, so that an old decision is explained in today's words and in the reader's language.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.routing.assignment import sentences
from services.routing.assignment.bands import normal_cases, percent_of
from services.routing.assignment.geography import NEAREST_FIRST, Distance, distance_of
from services.routing.assignment.rules import RULE, severity_of
from shared.centers import CENTRAL, PACKAGED, TABLES, Tables, center
from shared.events.reports import ReportFacts
from shared.events.routings import Candidate, Decision
from shared.events.vocabulary import PassedOver, RoutingReason
from shared.labels import CENTRAL_NAME, ROUTING_REASONS
from shared.severity import concerns_child
from shared.web.formats import exact_percent, number, percent, unbroken
from shared.web.language import Language

Translate = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLine:
    """One candidate as the page shows it."""

    candidate: Candidate
    name: str
    distance: str
    load: str
    """With the case, of what its staff can carry."""
    guests: str
    verdict: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a report is where one decision put it."""

    center_id: str
    why: str
    alarms: tuple[str, ...]
    """Findings that need action."""
    notes: tuple[str, ...]
    lines: tuple[CandidateLine, ...]
    """Chosen first, then by distance."""
    version: str
    """Rule and tables."""


class Explainer:
    """Explains decisions to readers of one language."""

    def __init__(self, language: Language, translate: Translate, known: Mapping[str, Tables] = PACKAGED.known) -> None:
        """``translate`` gives the language's text of an English message id; ``known`` are the tables by version."""
        self._known = known
        self._language = language
        self._translate = translate

    def explain(self, decision: Decision, facts: ReportFacts, day: date) -> Explanation:
        """One decision. ``day`` is the Seoul day whose tables counted for it."""
        weight = severity_of(facts).weight
        home, tables = decision.home_center_id, self._tables(decision)
        far = {c.center_id: distance_of(c.center_id, home, facts, day, tables) for c in decision.candidates()}
        by_distance = sorted(
            decision.candidates(),
            key=lambda c: (c.passed_over is not PassedOver.CHOSEN, NEAREST_FIRST[far[c.center_id]], c.center_id),
        )
        return Explanation(
            center_id=decision.center_id,
            why=self.why(decision, facts, day),
            alarms=self._alarms(decision, weight),
            notes=self._notes(decision, facts),
            lines=tuple(self._line(candidate, far[candidate.center_id], weight) for candidate in by_distance),
            version=self._say(
                sentences.VERSION, {"rule": number(decision.rule_version, "en"), "tables": decision.table_version}
            ),
        )

    def why(self, decision: Decision, facts: ReportFacts, day: date) -> str:
        """Explain the centre in one sentence, with the deciding figures if they were recorded."""
        values = self._values(decision, facts, day)
        wanted = _home_anyway(decision, facts) or sentences.WHY.get(decision.reason)
        if wanted is not None and sentences.holes(wanted) <= values.keys():
            return self._say(wanted, values)
        return self._translate(ROUTING_REASONS[decision.reason])

    def _tables(self, decision: Decision) -> Tables:
        """Those it names; of others nothing is known but what holds today."""
        return self._known.get(decision.table_version, TABLES)

    def name(self, center_id: str) -> str:
        """A centre within a sentence."""
        if center_id == CENTRAL:
            return self._translate(CENTRAL_NAME)
        known = center(center_id)
        # With this ending each Korean particle after it is the same whatever the place.
        return f"{known.short_ko}센터" if self._language == "ko" else known.short_en

    def say(self, message: str, **values: str) -> str:
        """A sentence with its holes filled."""
        return self._say(message, values)

    def weight(self, decision: Decision, facts: ReportFacts) -> str:
        """Return the case's weight."""
        cases = normal_cases(severity_of(facts).weight)
        return self._say(sentences.WEIGHT, {"cases": number(cases, self._language)})

    def _say(self, message: str, values: Mapping[str, str]) -> str:
        return unbroken(self._translate(message) % values) if values else self._translate(message)

    def _used(self, candidate: Candidate, weight: int) -> str | None:
        """To a tenth: 90.2 % is past a limit of 90 %, and a reader should see it."""
        if not candidate.capacity:
            return None
        return exact_percent((candidate.load + weight) / candidate.capacity, self._language)

    def _values(self, decision: Decision, facts: ReportFacts, day: date) -> dict[str, str]:
        """The figures that were recorded, by the names of the holes in the sentences."""
        weight = severity_of(facts).weight
        seen = {candidate.center_id: candidate for candidate in decision.candidates()}
        tables = self._tables(decision)
        far = distance_of(decision.center_id, decision.home_center_id, facts, day, tables)
        values = {
            "chosen": self.name(decision.center_id),
            "how": self._translate(sentences.HOWS[far]),
        }
        if decision.home_center_id is not None:
            values["home"] = self.name(decision.home_center_id)
        if decision.rule_version == RULE.version:
            values["limit"] = percent(RULE.threshold_percent / 100, self._language)
        for role, center_id in (("chosen", decision.center_id), ("home", decision.home_center_id)):
            candidate = seen.get(center_id or "")
            if candidate is None:
                continue
            values[f"{role}_staff"] = number(candidate.staff_on_duty, self._language)
            values[f"{role}_severe"] = number(candidate.severe, self._language)
            values[f"{role}_cap"] = number(candidate.severe_cap, self._language)
            if (used := self._used(candidate, weight)) is not None:
                values[f"{role}_used"] = used
        return values

    def _alarms(self, decision: Decision, weight: int) -> tuple[str, ...]:
        if not decision.over_capacity or decision.center_id == CENTRAL:
            return ()
        own = next((c for c in decision.candidates() if c.center_id == decision.center_id), None)
        used = self._used(own, weight) if own is not None else None
        name = self.name(decision.center_id)
        if used is None:
            return (self._say(sentences.OVER_CAPACITY, {"chosen": name}),)
        return (self._say(sentences.OVER_CAPACITY_USED, {"chosen": name, "used": used}),)

    def _notes(self, decision: Decision, facts: ReportFacts) -> tuple[str, ...]:
        told = []
        if decision.right_of_return and decision.home_center_id is not None:
            told.append(self._say(sentences.RETURN, {"home": self.name(decision.home_center_id)}))
        knows = decision.linked_center_id
        if knows is not None and knows != decision.center_id:
            verdict = next((c.passed_over for c in decision.candidates() if c.center_id == knows), None)
            if verdict is None:
                told.append(self._translate(sentences.KNOWS_CENTRAL))
            else:
                why = self._translate(sentences.VERDICTS[verdict])
                told.append(self._say(sentences.KNOWS, {"linked": self.name(knows), "why": why}))
        if decision.copy_central:
            told.append(self._translate(sentences.COPY[_why_copied(decision, facts)]))
        return tuple(told)

    def _line(self, candidate: Candidate, far: Distance, weight: int) -> CandidateLine:
        guests = percent_of(candidate.guests, candidate.capacity)
        return CandidateLine(
            candidate=candidate,
            name=center(candidate.center_id).short_name(self._language),
            distance=self._translate(sentences.DISTANCES[far]),
            load=self._used(candidate, weight) or "–",
            guests="–" if guests is None else percent(guests / 100, self._language),
            verdict=self._translate(sentences.VERDICTS[candidate.passed_over]),
            chosen=candidate.passed_over is PassedOver.CHOSEN,
        )


_NOT_ASKED: Final = frozenset({PassedOver.CHOSEN, PassedOver.KEPT_AT_HOME, PassedOver.CLOSED, PassedOver.DECLINED})


def _home_anyway(decision: Decision, facts: ReportFacts) -> str | None:
    """Explain why home keeps it though others were asked: past the limit, or as many severe cases as it may have."""
    own = next((c for c in decision.candidates() if c.center_id == decision.center_id), None)
    known = decision.rule_version == RULE.version
    if decision.reason is not RoutingReason.HOME or not known or own is None or not own.capacity:
        return None
    with_it = own.load + severity_of(facts).weight
    if with_it * 100 > own.capacity * RULE.threshold_percent:
        return sentences.HOME_ANYWAY
    # Within the limit others are asked only where home may have no severe case more.
    asked = any(c.passed_over not in _NOT_ASKED for c in decision.candidates())
    return sentences.SEVERE_ANYWAY if asked else None


_TOLD_BECAUSE: Final = {RoutingReason.NOBODY_ON_DUTY: "nobody", RoutingReason.ALL_FULL: "full"}


def _why_copied(decision: Decision, facts: ReportFacts) -> str:
    if decision.reason in _TOLD_BECAUSE:
        return _TOLD_BECAUSE[decision.reason]
    if concerns_child(facts.age_band, facts.harm_types, facts.urgency_reasons):
        return "child"
    return "no_home" if decision.home_center_id is None else "other"
