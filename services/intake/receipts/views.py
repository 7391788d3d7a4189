"""Where a report stands, in sentences. Every step says what happens next and what a person can do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.intake.reports.lifecycle import ErasureStatus
from services.intake.reports.models import CenterName, CenterStay, LimitedBecause, State, StatusAnswer
from shared.web.translations import gettext_noop as n

TITLES: Final = {
    State.RECEIVED: n("Your report has been received."),
    State.ASSIGNED: n("A support centre has your report."),
    State.SEEN: n("A person at the centre has seen that your report is there."),
    State.OPENED: n("A person at the centre has opened what you wrote."),
    State.IN_CONTACT: n("The centre has been in contact."),
    State.SUPPORTED: n("The centre is supporting you."),
    State.CLOSED: n("The report is closed."),
    State.WITHDRAWN: n("The report was withdrawn."),
    State.ERASED: n("The report was destroyed."),
    State.HANDED_OVER: n("The report was handed over."),
    State.MOVED: n("Your report has moved to another centre."),
}
NEXT: Final = {
    State.RECEIVED: n("A support centre is being chosen. This usually takes seconds."),
    State.ASSIGNED: n(
        "Its staff are alerted, again and again until someone answers. At night, alerts about what is not urgent may "
        "wait until morning."
    ),
    State.SEEN: n("They have taken on your report. They have not opened what you wrote yet."),
    State.OPENED: n("They prepare the next step. They contact you only in the ways you chose."),
    State.MOVED: n(
        "Its staff are alerted, again and again until someone answers. At night, alerts about what is not urgent may "
        "wait until morning. What happened before is kept below."
    ),
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
ERASURE_WORDS: Final = {
    ErasureStatus.PLANNED: n("Nobody contacts you about it, and nobody can open it. It will be destroyed."),
    ErasureStatus.DECISION: n(
        "Nobody contacts you about it, and nobody can open it. The law may ask that such a report be kept; the lead of "
        "the centre decides, and writes down why."
    ),
    ErasureStatus.KEPT: n(
        "Nobody contacts you about it, and nobody can open it. The law asks that it be kept for a time. 1366 can tell "
        "you more."
    ),
    ErasureStatus.ERASED: n("What you wrote can no longer be read by anybody. You can make a new report at any time."),
}
MOVED_SEEN: Final = n("A person there has put their name to it. They have not opened what you wrote yet.")
MOVED_OPENED: Final = n("A person there has opened what you wrote and prepares the next step.")
LIMITED_NEXT: Final = {
    State.RECEIVED: n(
        "Staff of a support centre are alerted, again and again until someone answers. At night, alerts about what is "
        "not urgent may wait until morning."
    ),
    State.SEEN: n("They have taken on your report. What is done from here on is not shown, except an answer to you."),
}
LIMITED: Final = {
    LimitedBecause.NOT_CONFIRMED: n(
        "Someone else made this report for a person. Until that person has confirmed it themselves, this page shows "
        "only whether somebody has seen it, whether it is closed, and answers that the centre leaves for you. This "
        "protects them."
    ),
    LimitedBecause.TIP: n(
        "This is a tip. To protect the people it is about, this page shows only whether somebody has seen it, whether "
        "it is closed, and answers that the centre leaves for you. Nobody has to confirm it, and you need do nothing "
        "more."
    ),
    LimitedBecause.TAKEN_OVER: n(
        "You took this report over. Until the centre has heard from you in a way of your own, and knows that it is "
        "you, this page shows only whether somebody has seen it, whether it is closed, and answers that the centre "
        "leaves for you. Say how it may reach you, or leave a message. You can also call 1366."
    ),
}
UNNAMED: Final = n("For everyone's safety, this centre is named here only once it has been in contact.")
_RECEIVED: Final = n("Received")
_GIVEN: Final = n("Given to a centre")
_MOVED: Final = n("Moved to another centre")
_SEEN: Final = n("Seen by a person")
_DONE: Final = (
    ("seen_at", _SEEN),
    ("opened_at", n("What you wrote was opened")),
    ("contacted_at", n("In contact")),
)
_CLOSED: Final = n("Support ended")
_WITHDRAWN: Final = n("Withdrawn")
_ERASED: Final = n("Destroyed")
_HANDED_OVER: Final = n("Handed over")


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """One step of the way; ``at`` is none while it has not happened."""

    label: str
    at: datetime | None
    center: CenterName | None = None
    """The centre, if there was more than one."""


def next_of(answer: StatusAnswer) -> str:
    """Return what happens next."""
    if answer.state is State.WITHDRAWN and answer.erasure is not None:
        return ERASURE_WORDS[answer.erasure]
    if answer.limited and answer.state in LIMITED_NEXT:
        return LIMITED_NEXT[answer.state]
    if answer.state is State.MOVED and answer.centers:
        now = answer.centers[-1]
        if now.seen_at is not None:
            return MOVED_OPENED if now.opened_at is not None else MOVED_SEEN
    return NEXT[answer.state]


def limits_of(answer: StatusAnswer) -> str | None:
    """Return why less is shown, while that matters."""
    because = answer.limited_because if answer.state in LIMITED_NEXT else None
    return LIMITED[because] if because is not None else None


def unnamed_of(answer: StatusAnswer) -> str | None:
    """Return why the centre is not named, while it is at work."""
    at_work = answer.state in {State.ASSIGNED, State.SEEN, State.OPENED, State.MOVED}
    return UNNAMED if answer.center_unnamed and at_work else None


def steps_of(answer: StatusAnswer) -> list[ProgressStep]:
    """The way of a report so far and what is still ahead. What happened at an earlier centre stays in it."""
    received = ProgressStep(_RECEIVED, answer.received_at)
    if answer.state is State.HANDED_OVER:
        return [received, ProgressStep(_HANDED_OVER, answer.since)]
    if answer.state in {State.WITHDRAWN, State.ERASED}:
        return [received, ProgressStep(_WITHDRAWN, answer.withdrawn_at), ProgressStep(_ERASED, answer.erased_at)]
    closed = ProgressStep(_CLOSED, answer.closed_at)
    if answer.limited:
        return [received, ProgressStep(_SEEN, answer.seen_at), closed]
    way = [received]
    if answer.centers:
        for number, stay in enumerate(answer.centers):
            way.append(ProgressStep(_MOVED if number else _GIVEN, stay.assigned_at, stay))
            way += _done(stay, over=stay is not answer.centers[-1] or answer.closed_at is not None)
    else:
        way.append(ProgressStep(_GIVEN, answer.assigned_at))
        way += _done(answer, over=answer.closed_at is not None)
    return [*way, closed]


def _done(stay: CenterStay | StatusAnswer, *, over: bool) -> list[ProgressStep]:
    """Return the steps a centre has done. Steps passed over, or that come no more, are not shown as still ahead."""
    times = [getattr(stay, name) for name, _ in _DONE]
    return [
        ProgressStep(label, at)
        for number, ((_, label), at) in enumerate(zip(_DONE, times, strict=True))
        if at is not None or not (over or any(times[number + 1 :]))
    ]
