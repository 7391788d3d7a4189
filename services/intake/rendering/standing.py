"""Where a report stands, in sentences. Every step says what happens next and what a person can do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.intake.model.life import Fate
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
    State.HANDED_OVER: n("The report was handed over."),
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
    State.HANDED_OVER: n(
        "The person it is about has it now. This receipt number shows nothing more and changes nothing more. Thank you "
        "for having been there."
    ),
}
FATES: Final = {
    Fate.PLANNED: n("Nobody contacts you about it, and nobody can open it. It will be destroyed."),
    Fate.DECISION: n(
        "Nobody contacts you about it, and nobody can open it. The law may ask that such a report be kept; the lead of "
        "the centre decides, and writes down why."
    ),
    Fate.KEPT: n(
        "Nobody contacts you about it, and nobody can open it. The law asks that it be kept for a time. 1366 can tell "
        "you more."
    ),
    Fate.ERASED: n("What you wrote can no longer be read by anybody. You can make a new report at any time."),
}
LIMITED: Final = n(
    "Someone else made this report for a person. To protect that person, no more is shown here until they have "
    "confirmed it themselves."
)
TAKEN_OVER: Final = n(
    "You took this report over. Until the centre has heard from you in a way of your own, and knows that it is you, "
    "only received and closed are shown here. Say how it may reach you, or leave a message. You can also call 1366."
)
STEPS: Final = (
    ("received_at", n("Received")),
    ("assigned_at", n("Given to a centre")),
    ("seen_at", n("Seen by a person")),
    ("contacted_at", n("In contact")),
    ("closed_at", n("Closed")),
)


_WITHDRAWN: Final = n("Taken back")
_ERASED: Final = n("Erased")
_HANDED_OVER: Final = n("Handed over")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way; ``at`` is none while it has not happened."""

    label: str
    at: datetime | None


def steps_of(answer: StatusAnswer) -> list[Step]:
    """The way of a report so far and what is still ahead."""
    if answer.state is State.HANDED_OVER:
        return [Step(STEPS[0][1], answer.received_at), Step(_HANDED_OVER, answer.since)]
    if answer.state in {State.WITHDRAWN, State.ERASED}:
        steps = [Step(STEPS[0][1], answer.received_at), Step(_WITHDRAWN, answer.withdrawn_at)]
        return [*steps, Step(_ERASED, answer.erased_at)]
    shown = (STEPS[0], STEPS[-1]) if answer.limited else STEPS
    return [Step(label, getattr(answer, name)) for name, label in shown]
