"""What may happen when staff do something. Pure; ``now`` is an argument.

``care`` is the owning centre's work on a case, ``transfers`` the way to another centre, ``details`` who may open what
is sealed, ``duty`` who is there; ``common`` says who acts and how an act becomes a state and an event.
"""

from services.notify.decisions.care import acknowledge, assign, close, contact, refer, reopen, support
from services.notify.decisions.common import Answer, Refusal, Who
from services.notify.decisions.details import may_open
from services.notify.decisions.duty import agreed, set_duty
from services.notify.decisions.transfers import accept, decline, expire, offer, recall

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
    "may_open",
    "offer",
    "recall",
    "refer",
    "reopen",
    "set_duty",
    "support",
]
