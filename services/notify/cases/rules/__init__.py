"""What may happen when staff do something. Pure; ``now`` is an argument.

``care`` is who has a case and how its work begins and ends, ``contact`` being in touch with the reporter, ``support``
what was given, ``joining`` linked cases under one person, ``transfers`` the way to another centre, ``details`` who may
open what is sealed, ``duty`` who is there, ``severity`` what weighs so much that it is capped; ``common`` says who acts
and how an act becomes a state and an event. ``table`` is all of it to read at a glance.
"""

from services.notify.cases.rules.care import acknowledge, assign, close, refer, reopen
from services.notify.cases.rules.common import Answer, Refusal, Who
from services.notify.cases.rules.contact import contact, opened, ways
from services.notify.cases.rules.details import may_open
from services.notify.cases.rules.duty import agreed, set_duty
from services.notify.cases.rules.joining import join, part
from services.notify.cases.rules.severity import is_severe, severe_of
from services.notify.cases.rules.support import move_deletion, request_deletion, support
from services.notify.cases.rules.transfers import accept, decline, expire, offer, recall

__all__ = [
    "Answer",
    "Refusal",
    "Who",
    "accept",
    "acknowledge",
    "agreed",
    "assign",
    "close",
    "contact",
    "decline",
    "expire",
    "is_severe",
    "join",
    "may_open",
    "move_deletion",
    "offer",
    "opened",
    "part",
    "recall",
    "refer",
    "reopen",
    "request_deletion",
    "set_duty",
    "severe_of",
    "support",
    "ways",
]
