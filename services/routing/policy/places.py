"""Whether the tables know the place an event names. Pure.

Intake resolves every place before it tells of a report, so a place nobody knows is not a person's mistake: somebody
else writes to the bus, or intake knows tables that routing does not. Such an event is refused, never guessed at: the
dead topic keeps it, the central desk is alarmed, and once the tables know the place it is sent again.
"""

from shared.centers import Tables, belongs
from shared.events.reports import ReportFacts

UNKNOWN_DIVISION = "unknown_division"
"""The reason in the dead topic and in the metrics."""


def place_fault(facts: ReportFacts, tables: Tables) -> str | None:
    """What is wrong with the place, without naming it; none where it can be routed.

    Old divisions count for ever. A district only has to be one of the division's by its code: lists of districts are
    known only where they decide, and a code of a predecessor's is as good.
    """
    if facts.division in tables.divisions:
        if facts.district is None or belongs(facts.district, facts.division, tables=tables):
            return None
        return "the district is not one of the division's"
    if facts.division not in tables.elsewhere:
        return "no table knows the division"
    return None if facts.district is None else "a district of a place that has none"
