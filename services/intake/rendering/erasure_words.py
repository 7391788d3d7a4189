"""What the page of erasures says, as English message ids."""

from typing import Final

from services.intake.model.life import Category, Cause, Reason, Special
from shared.events.vocabulary import Role
from shared.web.case_words import HARM_WORDS
from shared.web.translations import gettext_noop as n

SPECIALS: Final = {
    Special.CHILD_MATERIAL: n("Child sexual exploitation material"),
    Special.UNDER_14: n("Person under 14"),
    Special.REPRESENTATIVE: n("Made by a representative"),
    Special.THIRD_PARTY: n("Made by a third party"),
}
CATEGORIES: Final = {
    Category.PERMANENT: n("For ever"),
    Category.TEN_YEARS: n("10 years"),
    Category.FIVE_YEARS: n("5 years"),
    Category.AT_ONCE: n("Destroy when asked"),
}
REASONS: Final = {
    Reason.REQUESTER_ASKS: n("The person asks for it, and nothing in law keeps it"),
    Reason.VICTIM_AGREES: n("The person harmed was reached and agrees"),
    Reason.VICTIM_OBJECTS: n("The person harmed was reached and objects: the report is taken up again"),
    Reason.INVESTIGATION: n("An investigating agency asked for it to be kept"),
    Reason.CHILD_MATERIAL_LAW: n("It concerns child sexual exploitation material"),
    Reason.NOT_CREDIBLE_REQUEST: n("There is doubt that the person harmed wants it destroyed"),
}
CAUSES: Final = {
    Cause.WITHDRAWN: n("Withdrawn by the reporter"),
    Cause.AT_ONCE: n("Withdrawn, and confirmed twice"),
    Cause.DECIDED: n("Decided by a lead"),
    Cause.RETENTION: n("The time of keeping has passed"),
}
ALARMS: Final = {
    "unread": n("Its time is passing and nobody ever acknowledged it. It is not destroyed."),
    "unfinished": n("Its time has passed and the case is not closed. It is not destroyed."),
}
ROLES: Final = {
    Role.VICTIM: n("The person harmed"),
    Role.REPRESENTATIVE: n("A representative"),
    Role.THIRD_PARTY: n("A third party"),
}
WAYS: Final = (
    ("phone", n("By phone, on a number of their own")),
    ("email", n("By e-mail, from an address of their own")),
    ("in_person", n("In person")),
)
"""How the person harmed confirmed: by a way of their own, not through whoever reported."""

HARMS: Final = HARM_WORDS
