"""By when somebody looks, in words: before anything is typed, and on the receipt. English message ids."""

from collections.abc import Mapping
from typing import Final

from services.intake.receipts.promise import DutyCoverage, PartOfDay
from shared.events.vocabulary import Urgency
from shared.web.translations import gettext_noop as n

PARTS: Final[Mapping[PartOfDay, str]] = {
    PartOfDay.NIGHT: n("It is night in Korea now (%(time)s)."),
    PartOfDay.MORNING: n("It is morning in Korea now (%(time)s)."),
    PartOfDay.AFTERNOON: n("It is afternoon in Korea now (%(time)s)."),
    PartOfDay.EVENING: n("It is evening in Korea now (%(time)s)."),
}
DUTY: Final[Mapping[DutyCoverage, str]] = {
    DutyCoverage.EVERYWHERE: n("People are on duty at every centre."),
    DutyCoverage.SOMEWHERE: n(
        "Not every centre has somebody on duty at this hour; alerts about urgent reports go on all the same."
    ),
    DutyCoverage.UNKNOWN: n("Perhaps nobody is on duty at this hour; alerts about urgent reports go on all the same."),
}
FOR: Final[Mapping[Urgency, str]] = {
    Urgency.CRITICAL: n(
        "A threat with a deadline within three days; a child under 14; or a person under 19 who is threatened or "
        "approached sexually, or whose images are spreading:"
    ),
    Urgency.HIGH: n("Another threat, a demand for money, it is spreading now, or another person under 19 is harmed:"),
    Urgency.NORMAL: n("Everything else:"),
}
"""In the order of ``submissions.urgency.triage``, without its details."""
