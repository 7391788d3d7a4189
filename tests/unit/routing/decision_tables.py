"""Reads the decision tables, whose README says how one is written; refuses what it does not know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from services.routing.assignment.models import CenterLoad, CenterLoads
from services.routing.console.rule_page import CASES
from shared.centers import CENTER_IDS, CENTRAL, Ambiguous, UnknownDivision, resolve
from shared.events.reports import ReportFacts
from shared.events.routings import Decision
from shared.events.vocabulary import AgeBand, CenterState, HarmType, PassedOver, RoutingReason, Urgency, UrgencyReason
from tests.unit.routing.builders import decision_for
from tests.unit.routing.later import decided_later

FOLDER = CASES
DAY = date(2026, 11, 24)
STAFF, CASES_PER_PERSON, SEVERE_PER_PERSON = 5, 20, 4
"""A centre of the tables carries 100 normal cases, so that a percent of its capacity is one case."""
TENTHS = 10

LATER = ("added", "added_after_closing", "reopened", "reinstated", "centre_closed")
REPORT = ("place", "district", "received", "urgency", "harms", "age", "reasons", "declined", "known_by", "drill")
SEAT = ("state", "on_duty", "load", "guests", "severe")
EXPECT = ("owner", "why", "over_capacity", "central_on_copy", "may_come_back", "passed_over")
CASE = ("case", "report", "owned_by", "then", "centres", "expect")
STAYS = "stays"
"""Why, where the owner keeps the report and nothing is decided."""
ALL = "all"
MARKS = {
    "over_capacity": "over_capacity",
    "central_on_copy": "copy_central",
    "may_come_back": "right_of_return",
}


class BadTable(Exception):  # noqa: N818  # read as a statement where it is caught
    """A table that cannot be read as it was meant; the message is for whoever wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a table."""

    name: str
    facts: ReportFacts
    day: date
    known_by: str | None
    center_loads: CenterLoads
    expected: Mapping[str, Any]
    owned_by: str | None = None
    """The centre that has the report already, if it does, and what happens ``then``."""
    then: str | None = None
    passed_over: Mapping[str, str] = field(default_factory=dict)

    def differences(self) -> list[str]:
        """What the rule decides otherwise; empty where it decides as the table says."""
        answers, verdicts = self._decided()
        found = [
            f"{name} is {got}, not {self.expected[name]}"
            for name, got in answers.items()
            if name in self.expected and got != self.expected[name]
        ]
        return found + [
            f"{center} is passed over because {verdicts[center]}, not {word}"
            for center, word in self.passed_over.items()
            if verdicts[center] != word
        ]

    def _decided(self) -> tuple[dict[str, Any], dict[str, str]]:
        if self.owned_by is None or self.then is None:
            decision: Decision | None = decision_for(self.facts, self.center_loads, self.day, linked=self.known_by)
        else:
            decision = decided_later(self.facts, self.center_loads, self.day, self.owned_by, self.then, self.known_by)
        if decision is None:
            return {"owner": self.owned_by, "why": STAYS}, {}
        return _answers(decision), {c.center_id: str(c.passed_over) for c in decision.candidates()}


def _answers(decision: Decision) -> dict[str, Any]:
    marks = {name: getattr(decision, attribute) for name, attribute in MARKS.items()}
    return {"owner": decision.center_id, "why": str(decision.reason), **marks}


def read(path: Path) -> list[Case]:
    """All cases of one file. Raises ``BadTable``."""
    told = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    if not isinstance(told, list):
        raise BadTable(f"{path.name}: a table is a list of cases, each beginning with '- case: ...'")
    return [parse(one, f"{path.name}, case {number}") for number, one in enumerate(told, 1)]


def parse(told: Any, where: str) -> Case:
    """One case as it is written. Raises ``BadTable``."""
    one = _fields(told, CASE, where)
    where = f"{where} ({one.get('case', 'without a name')})"
    report = _fields(one.get("report", {}), REPORT, f"{where}, report")
    day = report.get("received", DAY)
    expected = _fields(one.get("expect", {}), EXPECT, f"{where}, expect")
    for name in ("owner", "why"):
        if name not in expected:
            raise BadTable(f"{where}, expect: {name} is missing")
    _known(expected["owner"], (*CENTER_IDS, CENTRAL), f"{where}, owner")
    later = {name: one[name] for name in ("owned_by", "then") if name in one}
    if len(later) == 1:
        raise BadTable(f"{where}: owned_by and then are written both or not at all")
    if later:
        _known(later["owned_by"], (*CENTER_IDS, CENTRAL), f"{where}, owned_by")
        _known(later["then"], LATER, f"{where}, then")
    _known(expected["why"], (*RoutingReason, *([STAYS] if later else [])), f"{where}, why")
    for name in MARKS:
        if not isinstance(expected.get(name, True), bool):
            raise BadTable(f"{where}, {name}: write yes or no, not {expected[name]!r}")
    passed_over = _centres(expected.pop("passed_over", {}), f"{where}, passed_over")
    for center, word in passed_over.items():
        _known(word, tuple(PassedOver), f"{where}, passed_over, {center}")
    return Case(
        name=str(one.get("case", where)),
        facts=_facts(report, day, f"{where}, report"),
        day=day,
        known_by=_known(report["known_by"], (*CENTER_IDS, CENTRAL), where) if "known_by" in report else None,
        center_loads=_board(one.get("centres", {}), f"{where}, centres"),
        expected=expected,
        **later,
        passed_over=passed_over,
    )


def _facts(report: Mapping[str, Any], day: date, where: str) -> ReportFacts:
    try:
        place = resolve(str(report.get("place", "unknown")), day)
    except (UnknownDivision, Ambiguous) as error:
        raise BadTable(f"{where}, place {report.get('place')!r}: {error}") from error
    harms = [_known(harm, tuple(HarmType), f"{where}, harms") for harm in report.get("harms", ["other"])]
    reasons = report.get("reasons", ["none_of_these"])
    return ReportFacts.model_validate(
        {
            "role": "victim",
            "harm_types": harms,
            "urgency": _known(report.get("urgency", "normal"), tuple(Urgency), f"{where}, urgency"),
            "urgency_reasons": [_known(reason, tuple(UrgencyReason), f"{where}, reasons") for reason in reasons],
            "age_band": _known(report.get("age", "unknown"), tuple(AgeBand), f"{where}, age"),
            "division": place,
            "district": report.get("district"),
            "declined_centers": [_known(c, CENTER_IDS, f"{where}, declined") for c in report.get("declined", [])],
            "channel": "web",
            "language": "ko",
            "synthetic": report.get("drill", False),
            "triage_version": 1,
        }
    )


def _board(told: Any, where: str) -> CenterLoads:
    common = told.get(ALL, {}) if isinstance(told, dict) else {}
    own = _centres(
        {c: center_load for c, center_load in told.items() if c != ALL} if isinstance(told, dict) else told, where
    )
    return {center: _seat(center, common, own.get(center, {}), where) for center in CENTER_IDS}


def _seat(center: str, common: Any, own: Any, where: str) -> CenterLoad:
    told = {**_fields(common, SEAT, f"{where}, {ALL}"), **_fields(own, SEAT, f"{where}, {center}")}
    where = f"{where}, {center}"
    on_duty = told.get("on_duty", STAFF)
    state = CenterState(_known(told.get("state", "open"), ("open", "short_staffed", "closed"), f"{where}, state"))
    if state is not CenterState.CLOSED and on_duty == 0:
        state = CenterState.UNSTAFFED
    measured = on_duty or STAFF
    capacity = measured * CASES_PER_PERSON * TENTHS
    return CenterLoad(
        center_id=center,
        state=state,
        staff_on_duty=on_duty,
        load=_part(told.get("load", "0%"), capacity, f"{where}, load"),
        capacity=capacity,
        guests=_part(told.get("guests", "0%"), capacity, f"{where}, guests"),
        severe=told.get("severe", 0),
        severe_cap=measured * SEVERE_PER_PERSON,
    )


def _part(told: Any, capacity: int, where: str) -> int:
    digits = str(told).removesuffix("%")
    if not digits.isdecimal() or not str(told).endswith("%"):
        raise BadTable(f"{where}: write a whole number of percent such as 92%, not {told!r}")
    return int(digits) * capacity // 100


def _centres(told: Any, where: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise BadTable(f"{where}: write a centre and what is said of it, not {told!r}")
    return {_known(center, CENTER_IDS, where): said for center, said in told.items()}


def _fields(told: Any, known: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise BadTable(f"{where}: write 'name: value' pairs, not {told!r}")
    return {_known(name, known, where): said for name, said in told.items()}


def _known(word: Any, known: tuple[str, ...], where: str) -> str:
    if word in known:
        return str(word)
    near = get_close_matches(str(word), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known)}"
    raise BadTable(f"{where}: unknown word {word!r}; {hint}")
