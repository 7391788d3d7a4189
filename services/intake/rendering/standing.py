"""Where a report stands, in sentences. Every step says what happens next and what a person can do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.intake.model.report import State, StatusAnswer
from shared.web.translations import gettext_noop as n

TITLES: Final = {
    State.RECEIVED: n("Your report has been received."),
    State.ASSIGNED: n("A support centre has your report."),
    State.SEEN: n("A person at the centre has seen your report."),
    State.IN_CONTACT: n("The centre has been in contact."),
    State.SUPPORTED: n("The centre is supporting you."),
    State.CLOSED: n("The report is closed."),
    State.WITHDRAWN: n("The report was withdrawn."),
    State.ERASED: n("The report was erased."),
}
NEXT: Final = {
    State.RECEIVED: n("A support centre is being chosen. This usually takes seconds."),
    State.ASSIGNED: n("Its staff have been alerted. The alert is repeated until someone answers."),
    State.SEEN: n("They read it and prepare the next step. They contact you only in the ways you chose."),
    State.IN_CONTACT: n("You decide together what happens next. You can stop at any time."),
    State.SUPPORTED: n("You decide together what happens next. You can stop at any time."),
    State.CLOSED: n("If it starts again or something is missing, call 1366 or make a new report."),
    State.WITHDRAWN: n("Nobody will contact you about it. You can make a new report at any time."),
    State.ERASED: n("What you wrote can no longer be read by anybody. You can make a new report at any time."),
}
STEPS: Final = (
    ("received_at", n("Received")),
    ("assigned_at", n("Given to a centre")),
    ("seen_at", n("Seen by a person")),
    ("contacted_at", n("In contact")),
    ("closed_at", n("Closed")),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way; ``at`` is none while it has not happened."""

    label: str
    at: datetime | None


def steps_of(answer: StatusAnswer) -> list[Step]:
    """The way of a report so far and what is still ahead."""
    return [Step(label, getattr(answer, name)) for name, label in STEPS]
