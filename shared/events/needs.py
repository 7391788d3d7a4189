"""Why each part of the `reports` events is on a log that is kept for ever: who reads it, for what, and how finely.

A test compares readers with the code, and `make docs` writes the table for front ends and data protection officers. A
new field without an entry here fails `make check`: what nobody needs does not go onto the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.events.reports import (
    ReportAmended,
    ReportFacts,
    ReportMessageLeft,
    ReportReceived,
    ReportReinstated,
    ReportWithdrawn,
)


@dataclass(frozen=True, slots=True)
class Need:
    """What one field is needed for."""

    readers: tuple[str, ...]
    """Services that read it from the log; none for what only keeps the contract."""
    why: str
    grain: str
    """How finely it stands on the log, compared with what the reporter told intake."""


_AS_TOLD: Final = "as told"
EVENTS: Final = (ReportReceived, ReportAmended, ReportMessageLeft, ReportWithdrawn, ReportReinstated)
FACTS: Final[Mapping[str, Need]] = {
    "role": Need(("analytics",), "table of reports by role and channel", "three values"),
    "harm_types": Need(
        ("routing", "notify", "analytics"),
        "weight of the case and whether it is severe; shown on the work list; table by harm type",
        "a set, in the vocabulary's order: which was named first stays in intake",
    ),
    "urgency": Need(
        ("routing", "notify", "analytics"), "weight, escalation policy, waiting times by urgency", "three values"
    ),
    "urgency_reasons": Need(
        ("routing", "notify"),
        "whether the report concerns a child (`shared.severity`)",
        "only `under_14` and `child_material`; `none_of_these` stands for all others, which stay in intake",
    ),
    "division": Need(("routing", "analytics"), "home centre; count by division", "one of 17, or elsewhere"),
    "district": Need(
        ("routing",),
        "home centre where a division has two catchments",
        "the code that stands for the catchment: one value for each of the two; the district stays in intake",
    ),
    "age_band": Need(
        ("routing", "notify", "analytics"),
        "whether the report concerns a child; table by age and gender",
        "eight bands, never an age",
    ),
    "gender": Need(("analytics",), "table by age and gender", "four values"),
    "relationship": Need(("analytics",), "table by relationship, of the yearly statistics", "six values"),
    "platform_kind": Need(("analytics",), "table by platform", "eight kinds, never a name"),
    "channel": Need(("notify", "analytics"), "shown on the work list; table by role and channel", "three values"),
    "language": Need(
        ("notify",),
        "whether whoever takes the case needs an interpreter",
        "`ko`, or `und` for any other; which one stands with the details",
    ),
    "declined_centers": Need(
        ("routing", "notify"), "a centre the reporter does not want never gets the case", _AS_TOLD
    ),
    "linked_reports": Need(
        ("routing", "notify"),
        "reports of the same material stay at one centre",
        "ids of at most ten reports; what links them is never told",
    ),
    "other_centers": Need(("notify",), "whether another centre may be told without asking first", "yes or no"),
    "contact_channels": Need(
        ("notify",), "whether and how staff may contact the reporter, before they open the details", "kinds, no address"
    ),
    "threat_deadline": Need(("notify",), "countdown on the work list (decision 24)", "to the hour"),
    "suspicion": Need(("notify",), "marked on the work list as perhaps not meant", "two values"),
    "synthetic": Need(("routing", "notify", "analytics"), "a drill is in no count and no load", "yes or no"),
    "sandbox": Need(("notify",), "nobody is alerted of a drill of a front end that is being tried out", "yes or no"),
    "triage_version": Need(
        (), "required by the schema since 0.1.0; the same for every report of a build", "a number, says nothing"
    ),
}
"""Fields of `ReportFacts`."""
_MOMENT: Final = (
    "to the millisecond: every record of the bus has its own time, and a coarser one hides nobody (decision 27)"
)
ENVELOPE: Final[Mapping[str, Need]] = {
    "report_id": Need(
        ("routing", "notify", "analytics", "intake"),
        "what every record about a report is found and ordered by",
        "random, or keyed from front end and idempotency key; says nothing without intake",
    ),
    "intake_version": Need(("routing", "notify", "analytics"), "repeats and gaps are seen by it", "a number"),
    "received_at": Need(
        ("routing", "notify", "analytics"), "day of the catchment, order of waiting, waiting times, promises", _MOMENT
    ),
    "amended_at": Need((), "required by the schema since 0.1.0; the record has the same time as `ce_time`", _MOMENT),
    "left_at": Need((), "required by the schema since 0.1.0; the record has the same time as `ce_time`", _MOMENT),
    "withdrawn_at": Need((), "required by the schema since 0.1.0; the record has the same time as `ce_time`", _MOMENT),
    "reinstated_at": Need((), "required by the schema since 0.1.0; the record has the same time as `ce_time`", _MOMENT),
    "facts": Need(("routing", "notify", "analytics"), "the fields below", "as finely as each is needed"),
}
"""Fields of the events themselves."""


def unexplained() -> list[str]:
    """Fields of the events without an entry, and entries without a field; empty where all is well."""
    facts = set(ReportFacts.model_fields)
    fields = {name for event in EVENTS for name in event.model_fields}
    return [
        f"{where}: {name}: {wrong}"
        for where, has, told in (("ReportFacts", facts, set(FACTS)), ("reports events", fields, set(ENVELOPE)))
        for names, wrong in (
            (has - told, "has no entry in shared/events/needs.py: say who reads it and why, or leave it out"),
            (told - has, "is in shared/events/needs.py and in no event"),
        )
        for name in sorted(names)
    ]
