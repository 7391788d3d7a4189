"""Texts of the page of erasures, as English message ids."""

from typing import Final

from services.intake.reports.lifecycle import Category, ErasureCause, Reason, Special
from shared.events.vocabulary import HarmType
from shared.labels import HARMS
from shared.web import audit_labels
from shared.web.translations import gettext_noop as n

SPECIALS: Final = {
    Special.CHILD_MATERIAL: HARMS[HarmType.CHILD_MATERIAL],
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
REASONS: Final = {reason: audit_labels.REASONS[reason] for reason in Reason}
CAUSES: Final = {cause: audit_labels.REASONS[cause] for cause in ErasureCause}
"""As the auditor reads them."""
ALARMS: Final = {
    "unread": n("Its time is passing and nobody ever acknowledged it. It is not destroyed."),
    "unfinished": n("Its time has passed and the case is not closed. It is not destroyed."),
}
DECIDED: Final = {
    "destroy": n("Your decision was recorded: it is destroyed. When, the list “Will be destroyed” says."),
    "keep": n("Your decision was recorded: it is kept. The list “Kept after a withdrawal” says until when."),
    "again": n("Your decision was recorded: the case is taken up again."),
}
"""Said once above the lists, with the report's id, to whoever has just decided."""
WAYS: Final = (
    ("phone", n("By phone, on a number of their own")),
    ("email", n("By e-mail, from an address of their own")),
    ("in_person", n("In person")),
)
"""How the person harmed confirmed: by a way of their own, not through whoever reported."""
