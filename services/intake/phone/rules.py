"""Decide which operator may do what with a call, and how long it is kept. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.intake.phone.models import Assent, Call, CallEnding, CallState, Notes

KEPT: Final = timedelta(minutes=30)
"""From the last look or answer, as drafts of the form; a call that goes on is looked at by its page."""
FINISHED_AFTER: Final = timedelta(seconds=60)
"""A call found half sent for so long is sent by whoever finds it: its operator's process may be gone."""
UNSENT_KEPT: Final = timedelta(days=1)
"""Answers meant to be a report outlive a day without any process; one that cannot send them keeps them for longer."""
REMEMBERED: Final = timedelta(hours=12)
"""How long an ended call is remembered, without its answers, for an operator who comes back in the same shift."""
CODE_SPACE: Final = 10_000
"""Codes of four digits by which two operators name a call to each other. They open nothing."""


class Act(StrEnum):
    """Requests of an operator on a call."""

    LOOK = "look"
    SAVE = "save"
    """One answer."""
    SAVE_ALL = "save_all"
    """The whole page."""
    SEND = "send"
    OFFER = "offer"
    RECALL = "recall"
    TAKE = "take"
    END = "end"


class CallRefusal(StrEnum):
    """Why it is not possible. Part of the pages' answers: never rename one."""

    UNKNOWN = "unknown_call"
    TAKEN = "call_taken"
    """Another operator has it."""
    NOT_OFFERED = "call_not_offered"
    SENT = "call_sent"
    ENDED = "call_ended"


_POSSIBLE: Final[Mapping[Act, frozenset[CallState]]] = {
    Act.LOOK: frozenset(CallState),
    Act.SAVE: frozenset({CallState.OPEN}),
    Act.SAVE_ALL: frozenset({CallState.OPEN}),
    Act.SEND: frozenset({CallState.OPEN}),
    Act.OFFER: frozenset({CallState.OPEN}),
    Act.RECALL: frozenset({CallState.OPEN}),
    Act.TAKE: frozenset({CallState.OPEN}),
    Act.END: frozenset({CallState.OPEN, CallState.SENT}),
}


def judge(call: Call | None, act: Act, who: str, organisation: str) -> CallRefusal | None:
    """None: it may be done. A call of another organisation is answered as one that is not there."""
    if call is None or call.organisation != organisation:
        return CallRefusal.UNKNOWN
    if act is Act.TAKE:
        if call.holder != who and (call.offered_at is None or call.state is not CallState.OPEN):
            return CallRefusal.NOT_OFFERED
    elif call.holder != who:
        return CallRefusal.TAKEN
    if call.state in _POSSIBLE[act] or _comes_back(call, act):
        return None
    return CallRefusal.ENDED if call.state is CallState.ENDED else CallRefusal.SENT


def _comes_back(call: Call, act: Act) -> bool:
    """A page left open for longer than its draft was kept has everything on it: all of it together revives the call."""
    return call.ending is CallEnding.ABANDONED and act is Act.SAVE_ALL


def saved(call: Call, now: datetime) -> Call:
    """After an answer was kept."""
    return call.after(state=CallState.OPEN, ending=None, saved_at=now, until=now + KEPT)


def looked(call: Call, now: datetime) -> Call:
    """After somebody looked at it; only what is still open lives longer for that."""
    return call.after(until=now + KEPT) if call.state is CallState.OPEN else call


def offered(call: Call, now: datetime) -> Call:
    """After its holder offered it to other operators."""
    return call.after(offered_at=call.offered_at or now, until=now + KEPT)


def recalled(call: Call, now: datetime) -> Call:
    """After its holder took the offer back."""
    return call.after(offered_at=None, until=now + KEPT)


def taken(call: Call, who: str, now: datetime) -> Call:
    """After another operator took it: in one change, so that it is never nobody's and never two people's."""
    if call.holder == who:
        return recalled(call, now)
    return call.after(holder=who, offered_at=None, taken=call.taken + 1, until=now + KEPT)


def sending(call: Call, now: datetime) -> Call:
    """After its operator said that it is to be sent; from here on nothing said in it changes."""
    return call.after(
        state=CallState.SENDING, ending=None, offered_at=None, sending_at=now, saved_at=now, until=now + UNSENT_KEPT
    )


def reopened(call: Call, now: datetime) -> Call:
    """After it turned out that it cannot be sent as it is."""
    return call.after(state=CallState.OPEN, sending_at=None, until=now + KEPT)


def sent(call: Call, now: datetime) -> Call:
    """After it became a report. What was said in it goes."""
    return call.after(state=CallState.SENT, until=now + KEPT)


def ended(call: Call, how: CallEnding, now: datetime) -> Call:
    """After it ended. What was said in it goes."""
    return call.after(state=CallState.ENDED, ending=how, offered_at=None, until=now + REMEMBERED)


def overdue(call: Call, now: datetime) -> CallEnding | None:
    """Return the end of a call whose time is over."""
    if call.until > now or call.state is CallState.SENDING:
        return None
    return CallEnding.SENT if call.state is CallState.SENT else CallEnding.ABANDONED


def assented(before: Notes, answers: Mapping[str, tuple[str, ...]], said: str, by: str, now: datetime) -> Assent | None:
    """Return the consents read aloud, after these answers; ``said`` names language and wording.

    It is stamped anew whenever the wording that was read or anything agreed to changed.
    """
    language, _, version = said.partition(":")
    if not version:
        return None
    known = before.assent
    same = before.answers.get("consents", ()) == answers.get("consents", ())
    if known is not None and same and (known.language, known.version) == (language, version):
        return known
    return Assent(version=version, language=language, by=by, at=now)


def counted(call: Call, now: datetime) -> Call:
    """The call as it counts at a moment: one whose time is over has ended, whether or not anybody has swept since."""
    how = None if call.state is CallState.ENDED else overdue(call, now)
    return call if how is None else replace(call, state=CallState.ENDED, ending=how, offered_at=None)
