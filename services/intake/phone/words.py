"""Texts of the pages of calls, for operators, as English message ids."""

from collections.abc import Mapping
from typing import Final

from services.intake.phone.rules import CallRefusal
from shared.web.translations import gettext_noop as n

REFUSALS: Final[Mapping[CallRefusal, tuple[int, str]]] = {
    CallRefusal.UNKNOWN: (404, n("There is no such call here.")),
    CallRefusal.TAKEN: (
        409,
        n("Another operator has this call now. What you sent just now was not kept; tell them directly."),
    ),
    CallRefusal.NOT_OFFERED: (409, n("This call is not offered any more. Somebody took it, or it was taken back.")),
    CallRefusal.SENT: (409, n("This call was sent already, and the report is safe. Nothing more can be changed here.")),
    CallRefusal.ENDED: (410, n("This call has ended. What was said in it is not kept here any more.")),
}
"""Status and words of each reason why something is not possible with a call."""
AWAY: Final = n("Calls cannot be kept just now. Please try again in a moment.")
NO_ROOM: Final = n(
    "No new calls can be kept just now, because the store's disk is nearly full. Use the report form on one page and "
    "read it out: reports are still taken."
)
NOT_KEPT: Final = n("What you typed could not be kept just now. It is still on this page. Press the button again.")
NOT_SENT: Final = n(
    "The report was not received yet. Everything is kept and cannot be changed now. Press the button again in a moment."
)
RENEWED: Final = n("Your sign-in was renewed meanwhile. Everything was kept. Press the button once more.")
GONE: Final = n("This call had not been looked at for 30 minutes. What is on this page was kept anew.")
ADDED: Final = n("It was added to the report, and the centre that has it is told.")
READ_IN: Final[Mapping[str, str]] = {"ko": n("Read aloud in Korean"), "en": n("Read aloud in English")}
MISSING: Final[Mapping[str, str]] = {
    "receipt": n("Enter the 16 digits of the caller's receipt number."),
    "word": n("Enter the word the caller says. Without one nothing can be added here."),
}
