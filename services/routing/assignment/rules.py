"""The assignment rule: which center gets a report. Pure: the same report and loads always give the same assignment.

Read ``assign`` first: an ordered list of steps, of which the first that names a center decides. Each step records why
it excludes a center, so that the explanation is what the steps leave behind. ``RULE`` holds every number.

A center is *available* unless it is closed or the reporter declined it. A report *overflows* to a *receiving center*
when its home center is not available or cannot take it, or when it has no home.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from services.routing.assignment.geography import NEIGHBOUR_RINGS, Origin, Ring, origin_of
from services.routing.assignment.models import (
    Assignment,
    CenterLoad,
    CenterLoads,
    Overflow,
    OverflowLimits,
    OverflowStep,
    Rule,
    Severity,
)
from shared.centers import CENTRAL, TABLES, Tables
from shared.events.reports import ReportFacts
from shared.events.routings import Decision
from shared.events.vocabulary import (
    AgeBand,
    CenterState,
    HarmType,
    PassedOver,
    RoutingReason,
    Urgency,
    UrgencyReason,
)
from shared.severity import SEVERE_HARMS, SEVERE_PER_PERSON, concerns_child, known_urgency

# --- the numbers


RULE: Final = Rule(
    version=2,
    weights={Urgency.NORMAL: 10, Urgency.HIGH: 15, Urgency.CRITICAL: 20},
    harm_extras={
        HarmType.CHILD_MATERIAL: 10,
        HarmType.DISTRIBUTION: 5,
        HarmType.SYNTHESIS: 5,
        HarmType.DISTRIBUTION_THREAT: 5,
        HarmType.ONLINE_GROOMING: 5,
        HarmType.BODY_CAM_PHISHING: 5,
    },
    severe_harms=SEVERE_HARMS,
    severe_per_person=SEVERE_PER_PERSON,
    threshold_percent=90,
    margin_points=20,
    overload_percent=100,
    overflow=Overflow(
        normal=OverflowLimits(load_percent=80, guests_percent=50),
        waiting=OverflowLimits(load_percent=80, guests_percent=50, unstaffed_too=True),
        reserve=OverflowLimits(load_percent=95, guests_percent=75),
    ),
)
RULE_VERSION: Final = RULE.version

NO_HOME_STEPS: Final = (OverflowStep("normal", None), OverflowStep("waiting", None), OverflowStep("reserve", None))
UNSTAFFED_STEPS: Final = (
    OverflowStep("normal", RoutingReason.HOME_UNSTAFFED),
    OverflowStep("reserve", RoutingReason.HOME_UNSTAFFED),
)
SEVERE_FULL_STEPS: Final = (OverflowStep("normal", RoutingReason.HOME_SEVERE_FULL),)
BUSY_STEPS: Final = (OverflowStep("normal", RoutingReason.HOME_FULL_NEIGHBOUR, clearly_better=True),)
OVERLOADED_STEPS: Final = (
    OverflowStep("waiting", RoutingReason.HOME_FULL_NEIGHBOUR),
    OverflowStep("reserve", RoutingReason.HOME_OVERLOADED),
)

# --- the report


def severity_of(facts: ReportFacts, rule: Rule = RULE) -> Severity:
    """Return the rule's input about a report besides its place."""
    # Few combinations are common: looked up, not judged again.
    return _severity(facts.urgency, facts.harm_types, facts.age_band, facts.urgency_reasons, facts.synthetic, rule)


def _judged(
    urgency: Urgency,
    harms: tuple[HarmType, ...],
    age_band: AgeBand,
    reasons: tuple[UrgencyReason, ...],
    synthetic: bool,  # a key of the cache, not a switch
    rule: Rule,
) -> Severity:
    child = concerns_child(age_band, harms, reasons)
    critical = child or known_urgency(urgency) is Urgency.CRITICAL
    if synthetic:
        return Severity(0, severe=False, critical=critical, child=child)
    # The heaviest harm counts and not their number, or a long list would outweigh a grave one.
    weight = rule.weights[Urgency.CRITICAL if critical else urgency] + max(rule.harm_extras.get(h, 0) for h in harms)
    severe = critical or not rule.severe_harms.isdisjoint(harms)
    return Severity(weight, severe=severe, critical=critical, child=child)


_severity = lru_cache(maxsize=8192)(_judged)  # no decorator: mutation testing leaves out what is decorated

# --- one center


PER_PERCENT: Final = 10_000
"""Utilisation is counted in millionths, rounded down, so that no machine rounds differently."""
_NO_CAPACITY: Final = 1_000_000 * PER_PERCENT
"""Utilisation of a center without any staff: behind every other."""
# Asked of up to 16 centers per report: reading a member through its enum class costs as much as comparing it.
_CLOSED, _UNSTAFFED = CenterState.CLOSED, CenterState.UNSTAFFED
_BECAUSE_CLOSED, _BECAUSE_UNSTAFFED, _SEVERE_FULL = PassedOver.CLOSED, PassedOver.UNSTAFFED, PassedOver.SEVERE_FULL
_FULL, _RESERVED, _NOT_BETTER = PassedOver.FULL, PassedOver.RESERVED, PassedOver.NOT_CLEARLY_BETTER
_CHOSEN, _KEPT, _OUT_OF_REACH = PassedOver.CHOSEN, PassedOver.KEPT_AT_HOME, PassedOver.OUT_OF_REACH
_DECLINED, _BUSIER = PassedOver.DECLINED, PassedOver.BUSIER


def utilisation(load: CenterLoad, weight: int) -> int:
    """Load with one more report of this weight over capacity, in millionths rounded down."""
    return (load.load + weight) * 100 * PER_PERCENT // load.capacity if load.capacity else _NO_CAPACITY


def is_full(load: CenterLoad, weight: int) -> bool:
    """Return whether one more report of this weight would pass what the staff can carry."""
    return load.load + weight > load.capacity


# --- the rule


class _Found(NamedTuple):
    center_id: str
    reason: RoutingReason
    ring: Ring = ()
    """The ring a receiving center was found in."""


class _Search:
    """One report looking for a center: what the steps look at, and what they record for the steps after them."""

    def __init__(
        self, severity: Severity, origin: Origin, declined: Collection[str], linked: str | None, loads: CenterLoads
    ) -> None:
        self.severity, self.origin, self.linked, self.loads = severity, origin, linked, loads
        self.unavailable = {c: _BECAUSE_CLOSED for c, load in loads.items() if load.state is _CLOSED}
        self.unavailable.update((c, _DECLINED) for c in declined if c in loads)
        self.excluded: Mapping[str, PassedOver] = self.unavailable
        """Why each center was excluded by the step that asked last."""
        self.home = loads[origin.home] if origin.home is not None and self.available(origin.home) else None
        self.home_used = 0 if self.home is None else utilisation(self.home, severity.weight)
        self.without_room = dict(self.unavailable)
        """Why centers are excluded whatever the limits: they need not be asked again on others."""
        self.steps: tuple[OverflowStep, ...] = ()
        """How it overflows; set by the step of the home center."""

    def available(self, center_id: str) -> bool:
        return center_id in self.loads and center_id not in self.unavailable

    def on_duty(self) -> list[str]:
        return [c for c, load in self.loads.items() if load.state is not _UNSTAFFED and c not in self.unavailable]

    def least_used(self, among: Collection[str]) -> str:
        """The least utilised with the report added; of equals the first by id."""
        loads, weight = self.loads, self.severity.weight
        return min([(utilisation(loads[c], weight), c) for c in among])[1]

    def without_home(self) -> RoutingReason:
        """Return why the report is not at home, if no home center is available."""
        if self.severity.critical and not self.on_duty():
            return RoutingReason.NOBODY_ON_DUTY
        if self.origin.home is None:
            return self.origin.reason
        declined = self.unavailable.get(self.origin.home) is _DECLINED
        return RoutingReason.HOME_DECLINED if declined else RoutingReason.HOME_CLOSED


def assign(
    facts: ReportFacts,
    loads: CenterLoads,
    day: date,
    *,
    linked: str | None = None,
    rule: Rule = RULE,
    tables: Tables = TABLES,
) -> Assignment:
    """Decide about one report received on that Seoul day; candidates stand in the order of ``loads``.

    ``linked`` is the center that knows a linked report or the reporter.
    """
    severity, origin = severity_of(facts, rule), origin_of(facts.division, facts.district, day, tables)
    search = _Search(severity, origin, facts.declined_centers, linked, loads)
    found = (
        _linked_center(search)  # the center that knows the reporter keeps the report
        or _home_center(search, rule)  # else its home center has it, unless it is too busy or nobody can look in time
        or _overflow(search, rule)  # else the nearest center with room for it, in widening rings
        or _last_resort(search)  # else home, or the least busy of all; central where all are closed or declined
    )
    owner = loads.get(found.center_id)
    return Assignment(
        found.center_id,
        origin.home,
        found.reason,
        owner is None or is_full(owner, severity.weight),
        _copies_central(found.center_id, found.reason, origin, severity),
        tuple(loads.values()),
        _explained(search, found),
        _is_away(found.center_id, origin, facts),
        linked,
    )


def _linked_center(search: _Search) -> _Found | None:
    known = search.linked
    return _Found(known, RoutingReason.LINKED) if known is not None and search.available(known) else None


def _home_center(search: _Search, rule: Rule) -> _Found | None:
    """Keep the report at home, or record why not and how it overflows."""
    home, severity = search.home, search.severity
    if home is None:
        search.steps = NO_HOME_STEPS
        return None
    because: PassedOver | None = None
    if severity.critical and home.state is _UNSTAFFED:
        because, search.steps = _BECAUSE_UNSTAFFED, UNSTAFFED_STEPS
    else:
        if severity.severe and home.severe >= home.severe_cap:
            because, search.steps = _SEVERE_FULL, SEVERE_FULL_STEPS
        if search.home_used > rule.threshold_percent * PER_PERCENT:
            because = because or (_FULL if is_full(home, severity.weight) else _BUSIER)
            search.steps += BUSY_STEPS
        if search.home_used > rule.overload_percent * PER_PERCENT:
            search.steps += OVERLOADED_STEPS
    if because is None:
        return _Found(home.center_id, RoutingReason.HOME)
    search.without_room[home.center_id] = because
    return None


def _overflow(search: _Search, rule: Rule) -> _Found | None:
    """Ask for a receiving center: the least busy of the nearest ring that has one."""
    for step in search.steps:
        limits: OverflowLimits = getattr(rule.overflow, step.limits)
        # What cannot wait does not, as long as anybody is on duty anywhere.
        if limits.unstaffed_too and search.severity.critical and search.on_duty():
            continue
        most = search.home_used - rule.margin_points * PER_PERCENT if step.clearly_better else None
        search.excluded = _excluded(search, limits, most)
        if len(search.excluded) == len(search.loads):
            continue
        for number, ring in enumerate(search.origin.rings):
            if receiving := [c for c in ring if c not in search.excluded]:
                reason = step.reason or search.without_home()
                if reason is RoutingReason.HOME_FULL_NEIGHBOUR and number >= NEIGHBOUR_RINGS:
                    reason = RoutingReason.HOME_FULL_WIDER
                return _Found(search.least_used(receiving), reason, ring)
    return None


def _excluded(search: _Search, limits: OverflowLimits, most: int | None) -> Mapping[str, PassedOver]:
    """Return why each center does not receive the report on these limits, the most telling reason first.

    ``most`` is the utilisation it may come to with it.
    """
    without_room = search.without_room
    if len(without_room) == len(search.loads):
        return without_room
    # Unpacked at once: reading one field after the other takes half as long again, 16 times per report.
    weight, is_severe, _, _ = search.severity
    load_percent, guests_percent, unstaffed_too = limits
    excluded = dict(without_room)
    for center, load in search.loads.items():
        if center in without_room:
            continue
        _, state, _, carried, capacity, guests, severe, severe_cap = load
        if state is _UNSTAFFED and not unstaffed_too:
            excluded[center] = _BECAUSE_UNSTAFFED
        elif is_severe and severe >= severe_cap:
            excluded[center] = without_room[center] = _SEVERE_FULL
        elif carried + weight > capacity or not capacity:
            excluded[center] = without_room[center] = _FULL
        elif (carried + weight) * 100 > capacity * load_percent or (guests + weight) * 100 > capacity * guests_percent:
            excluded[center] = _RESERVED
        elif most is not None and utilisation(load, weight) > most:
            excluded[center] = _NOT_BETTER
    return excluded


def _last_resort(search: _Search) -> _Found:
    """Assign without room anywhere: home keeps it, else the least busy, on duty if it cannot wait and any is."""
    home, severity = search.home, search.severity
    if home is not None and search.without_room[home.center_id] is not _BECAUSE_UNSTAFFED:
        reason = RoutingReason.ALL_FULL if is_full(home, severity.weight) else RoutingReason.HOME
        return _Found(home.center_id, reason)
    on_duty = search.on_duty()
    if home is not None:
        if on_duty:
            return _Found(search.least_used(on_duty), RoutingReason.HOME_UNSTAFFED)
        return _Found(home.center_id, RoutingReason.NOBODY_ON_DUTY)
    available = [c for c in search.loads if c not in search.unavailable]
    if not available:
        return _Found(CENTRAL, RoutingReason.ALL_CLOSED)
    least = search.least_used(on_duty if severity.critical and on_duty else available)
    reason = search.without_home()
    if reason is not RoutingReason.NOBODY_ON_DUTY and is_full(search.loads[least], severity.weight):
        reason = RoutingReason.ALL_FULL
    return _Found(least, reason)


def _explained(search: _Search, found: _Found) -> tuple[PassedOver, ...]:
    """Why each center was not chosen; who was not excluded was busier, farther away, or never needed."""
    because = dict.fromkeys(search.loads, _OUT_OF_REACH if found.ring else _KEPT)
    because.update(dict.fromkeys(found.ring, _BUSIER))
    because.update(search.excluded)
    because[found.center_id] = _CHOSEN
    return tuple(map(because.__getitem__, search.loads))


def _is_away(owner: str, origin: Origin, facts: ReportFacts) -> bool:
    """Return whether it has a home the reporter did not decline, and another center owns it."""
    return owner != origin.home and origin.home is not None and origin.home not in facts.declined_centers


_CENTRAL_IS_TOLD: Final = frozenset({RoutingReason.ALL_FULL, RoutingReason.NOBODY_ON_DUTY})


def _copies_central(owner: str, reason: RoutingReason, origin: Origin, severity: Severity) -> bool:
    """Return whether ``central`` is on copy: a child, no home, or no center could take it; not if it owns anyway."""
    return owner != CENTRAL and (severity.child or origin.home is None or reason in _CENTRAL_IS_TOLD)


def linked_center(owners: Sequence[str]) -> str | None:
    """The center to keep linked reports together at: most often the owner, ties by id."""
    counted = Counter(owners)
    return min(counted, key=lambda c: (-counted[c], c)) if counted else None


# --- transfers and events


def transferred(
    to_center_id: str,
    facts: ReportFacts,
    loads: CenterLoads,
    day: date,
    *,
    may_return: bool,
    rule: Rule = RULE,
    tables: Tables = TABLES,
) -> Assignment:
    """Record that people agreed on another center: the rule looks at nothing else and may find it full.

    ``may_return`` says whether the report's home had the right of return until now. An agreement never gives that
    right, it only leaves it, or uses it up: whoever gave a report away from home did not have it while it was there.
    """
    severity, load = severity_of(facts, rule), loads.get(to_center_id)
    origin = origin_of(facts.division, facts.district, day, tables)
    returned = may_return and to_center_id == origin.home
    reason = RoutingReason.RETURNED_HOME if returned else RoutingReason.TRANSFER_ACCEPTED
    return Assignment(
        center_id=to_center_id,
        home_center_id=origin.home,
        reason=reason,
        over_capacity=load is not None and is_full(load, severity.weight),
        copy_central=_copies_central(to_center_id, reason, origin, severity),
        loads=() if load is None else (load,),
        passed_over=() if load is None else (_CHOSEN,),
        right_of_return=may_return and _is_away(to_center_id, origin, facts),
    )


def decision_of(assignment: Assignment, tables: Tables = TABLES) -> Decision:
    """The assignment as it stands in an event."""
    return Decision(
        center_id=assignment.center_id,
        home_center_id=assignment.home_center_id,
        reason=assignment.reason,
        over_capacity=assignment.over_capacity,
        copy_central=assignment.copy_central,
        compared=assignment.compared(),
        right_of_return=assignment.right_of_return,
        linked_center_id=assignment.linked_center_id,
        rule_version=RULE_VERSION,
        table_version=tables.version,
    )
