"""Texts of the receipt's pages, as English message ids."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.intake.reports.models import State, StatusAnswer
from shared.web.translations import gettext_noop as n

NO_SUCH_PAGE: Final = n("There is nothing at this address.")
NO_NUMBER: Final = n("Enter the 16 digits of your receipt number.")


class ActionWords(NamedTuple):
    """One action's page."""

    title: str
    lead: str
    button: str


PAGES: Final[Mapping[str, ActionWords]] = {
    "answers": ActionWords(
        n("Read the centre's answers"),
        n("Make sure nobody is looking at your screen. The centre sees that you have read them, and no more."),
        n("Show the answers"),
    ),
    "message": ActionWords(
        n("Leave a message for the centre"),
        n(
            "Only staff of the centre that has your report can read it. They are alerted, again and again until "
            "someone answers. At night, alerts about what is not urgent may wait until morning."
        ),
        n("Leave the message"),
    ),
    "add": ActionWords(
        n("Add to your report"),
        n("What you wrote before stays. What you add here is sent to the centre that has your report."),
        n("Add this"),
    ),
    "contact": ActionWords(
        n("Change how the centre reaches you"),
        n(
            "What you choose here takes the place of all you chose before, from now on. What was there before is not "
            "shown here. If you choose no way, nobody contacts you."
        ),
        n("Change it"),
    ),
    "word": ActionWords(
        n("Set or change your word"),
        n(
            "If somebody else could see your receipt number, a word only you know keeps them from writing in your name "
            "or withdrawing your report. How far your report is can still be seen with the number alone, unless you "
            "choose otherwise below. A first word counts 24 hours after it is set: else whoever finds the number could "
            "lock you out. Until then it can be made void on the status page."
        ),
        n("Set the word"),
    ),
    "void-word": ActionWords(
        n("Make the word void"),
        n(
            "The word that was set with the receipt number does not count then. If it was not you who set it, somebody "
            "else knows your receipt number: please tell 1366, or leave the centre a message."
        ),
        n("Make it void"),
    ),
    "withdraw": ActionWords(
        n("Withdraw your report"),
        n("You may do this at any time, and need not say why."),
        n("Withdraw my report"),
    ),
    "undo": ActionWords(
        n("Undo the withdrawal"),
        n("The centre can read your report again and helps you as before."),
        n("Undo it"),
    ),
    "destroy": ActionWords(
        n("Destroy your report sooner"),
        n("Please read this before you decide. You need not do anything: without it the report is destroyed later."),
        n("Destroy it for ever"),
    ),
    "hand-over": ActionWords(
        n("Hand the report over to the person it is about"),
        n(
            "You get a code for one use. With it that person takes the report over, and gets a receipt number that "
            "only they know."
        ),
        n("Make the code"),
    ),
    "keep": ActionWords(
        n("Make the code void"),
        n("Nobody can take the report over with it any more. You can make a new one at any time."),
        n("Make it void"),
    ),
}

DONE: Final[Mapping[str, str]] = {
    "message": n("Your message is with the centre."),
    "add": n("What you added is with the centre."),
    "contact": n("From now on the centre uses only what you chose just now."),
    "word": n("Your word is set. Please remember it: we do not know it and cannot find it again."),
    "withdraw": n("Your report was withdrawn. From now on nobody contacts you and nobody can open it."),
    "undo": n("Your report is open again."),
    "keep": n("The code no longer counts."),
    "void-word": n("The word does not count."),
    "destroy": n("As you asked, your report was destroyed for ever."),
}
WORD_LATER: Final = n(
    "Your word is set and counts from the time shown below. Please remember it: we do not know it and cannot find it "
    "again."
)
DESTROY_LATER: Final = n("Your report will be destroyed at the time shown below. Until then you can undo it.")


SENT_BEFORE: Final = n(
    "What you sent from this page before has arrived. If you want to send what stands here as well, press the button "
    "again."
)
TYPED: Final = frozenset({"message", "add", "contact", "word"})
"""Pages with something to type. The other language sends their form along, to be shown again; that of the others only
asks for the page, so that a build that does not know the button yet never does what they are about."""
FIRST: Final[Mapping[str, str]] = {"message": "text", "add": "narrative", "contact": "contact_channels"}
"""The first control of each page that is sent with a key."""


def done(action: str, answer: StatusAnswer | None) -> str:
    """Return the confirmation of a change."""
    if action == "word" and answer is not None and answer.word_from is not None:
        return WORD_LATER
    if action == "destroy" and answer is not None and answer.state is not State.ERASED:
        return DESTROY_LATER
    return DONE[action]


PLACES: Final[Mapping[str, str]] = {
    "empty": "narrative",
    "not_understood": "understood",
    "too_many_messages": "text",
    "too_many_amendments": "narrative",
    "word_changed": "word",
    "word_waits": "new_word",
    "unknown_code": "code",
    "code_used": "code",
    "code_void": "code",
    "code_expired": "code",
    "not_the_person": "i_am_the_person",
}
"""The control a refusal is about; the receipt otherwise."""
