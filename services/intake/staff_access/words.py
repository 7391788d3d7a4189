"""Labels of the details for staff: terms, where the public reads sentences. Shared ones are in ``shared.labels``."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.intake.reports.models import LimitedBecause
from services.intake.webform import words
from shared.web.translations import gettext_noop as n

RELATIONS: Final[dict[str, str]] = dict(words.RELATIONS)
CONSENTS: Final[dict[str, str]] = {
    "personal": n("Personal data"),
    "sensitive": n("Sensitive data"),
    "share_with_center": n("Passing on to the centre"),
    "other_centers": n("Telling another centre without asking first"),
}
ANSWERS: Final[dict[str, str]] = {
    "still_spreading": n("Still spreading"),
    "threatened": n("Threatened"),
    "money_demanded": n("Money demanded"),
}
TOLD: Final[dict[str, str]] = {
    "police": n("The police"),
    "hotline": n("1366 or another centre"),
    "platform": n("The platform"),
    "nobody": n("Nobody"),
}
MAY_SAY: Final[dict[str, str]] = {
    "nothing": n("Hang up without a word"),
    "private": n("Only that it is a private call"),
    "center": n("The centre may be named"),
}
TONGUES: Final[dict[str, str]] = {
    "ko": n("Korean"),
    "en": n("English"),
    "vi": n("Vietnamese"),
    "zh": n("Chinese"),
    "tl": n("Tagalog"),
    "mn": n("Mongolian"),
    "ru": n("Russian"),
    "th": n("Thai"),
    "km": n("Khmer"),
    "ja": n("Japanese"),
    "uz": n("Uzbek"),
    "lo": n("Lao"),
    "ne": n("Nepali"),
}
"""The languages of ``webform.words.TONGUES`` in the reader's."""
REFUSALS: Final[dict[str, tuple[int, str]]] = {
    "ticket_invalid": (403, n("This ticket does not count. Open the details again from the case.")),
    "ticket_expired": (410, n("This ticket ran out: it is good for 60 seconds. Open the details again from the case.")),
    "ticket_used": (410, n("This ticket was used before: it opens once. Open the details again from the case.")),
    "ticket_of_another": (
        403,
        n("This ticket was made for somebody else. Open the details from the case yourself."),
    ),
    "not_allowed": (403, n("Only counsellors and leads of the centre that owns the report may open its details.")),
    "unknown_report": (404, n("There is no such report here.")),
    "withdrawn": (410, n("The reporter withdrew this report. Its details are sealed, and nobody may contact them.")),
    "erased": (410, n("This report was destroyed. Its details are gone for good.")),
    "owner_changed": (409, n("Another centre owns this report now. Only that centre may open its details.")),
    "owner_not_known_yet": (
        503,
        n("It is not known here yet that your centre owns this report. Please try again in a moment, from the case."),
    ),
    "not_opened": (
        500,
        n("The details could not be opened, and that was recorded. Please call the central desk."),
    ),
}
"""Status and words of each reason why details stay closed."""
AGAIN: Final = n("Details are shown once for each ticket. Open them again from the case.")
AWAY: Final = n("The details cannot be opened just now, since the access could not be written down. Please try again.")
STORE_AWAY: Final = n(
    "The store does not answer. If you were changing something, we do not know whether it was kept; look before you"
    " send it again."
)
OTHER_SESSION: Final = n(
    "It is still on this page, and nowhere else. It cannot be sent again: the details were opened in the session that"
    " ended. Copy it, sign in in a new tab, open the details again from the case and paste it there."
)
NOT_WRITTEN: Final[dict[str, tuple[int, str]]] = {
    "leave_over": (
        409,
        n(
            "Half an hour has passed since you opened the details, or you have signed in again since."
            " Open them again from the case. Nothing was kept."
        ),
    ),
    "withdrawn": (410, n("The reporter has withdrawn this report. All contact has stopped. Nothing was kept.")),
    "erased": (410, n("This report was destroyed. Nothing was kept.")),
    "owner_changed": (409, n("Another centre owns this report now. Nothing was kept.")),
    "not_marked": (
        422,
        n("Tick for whom this answer is. The receipt shows no other answer. Nothing was kept."),
    ),
    "reader_changed": (
        409,
        n("Somebody else reads the answer now than when you opened the details. Open them again. Nothing was kept."),
    ),
    "not_agreed": (409, n("The reporter did not agree to messages here and left none. Nothing was kept.")),
    "too_many": (409, n("There are too many already. Nothing was kept.")),
    "idempotency_conflict": (
        409,
        n(
            "Another text that you sent from this form before was kept; this one was not."
            " If this one is to be kept as well, press the button again."
        ),
    ),
}


class AnswerTo(NamedTuple):
    """Texts about an answer that somebody else than the person harmed reads."""

    warning: str
    """Before it is written."""
    mark: str
    """What its writer ticks."""
    left: str
    """After it was written."""
    label: str
    """Beside the answer."""


ANSWER_TO: Final[Mapping[str, AnswerTo]] = {
    LimitedBecause.NOT_CONFIRMED: AnswerTo(
        n(
            "The receipt belongs to the person who reported. The person harmed has not confirmed the report and does"
            " not see the answer. Whoever reported may be the offender: write nothing about the person harmed, and"
            " nothing of what the centre does."
        ),
        n("This answer is for the person who reported"),
        n(
            "The person who reported finds it with the receipt number; the person harmed does not. Nobody was alerted."
            " Note the contact in the case."
        ),
        n("for the person who reported"),
    ),
    LimitedBecause.TIP: AnswerTo(
        n(
            "The receipt belongs to the person who gave the tip. The person harmed does not see the answer. Whoever"
            " gave the tip may be the offender: write nothing about the person harmed, and nothing of what the centre"
            " does."
        ),
        n("This answer is for the person who gave the tip"),
        n(
            "The person who gave the tip finds it with the receipt number; the person harmed does not. Nobody was"
            " alerted. Note the contact in the case."
        ),
        n("for the person who gave the tip"),
    ),
    LimitedBecause.TAKEN_OVER: AnswerTo(
        n(
            "Nobody knows yet whether whoever took the report over is the person harmed. It may be whoever reported,"
            " and so the offender: write nothing about the person harmed, and nothing of what the centre does. You may"
            " ask how the person can be reached."
        ),
        n("This answer is for whoever took the report over"),
        n(
            "Whoever took the report over finds it with the receipt number. Nobody was alerted. Note the contact in"
            " the case."
        ),
        n("for whoever took the report over"),
    ),
}
"""By why the receipt shows less."""
