"""Whether a ticket opens a report's details now. Pure; that it is used once is the store's to see to."""

from enum import StrEnum

from services.intake.reports.lifecycle import Access
from services.intake.reports.models import Ownership
from shared.identity.roles import Action, allowed
from shared.identity.tokens import Ticket


class AccessRefusal(StrEnum):
    """Why details stay closed. Part of the API and of the audit: never rename one."""

    INVALID = "ticket_invalid"
    """Forged, changed, of another kind, or signed with a key that does not count."""
    EXPIRED = "ticket_expired"
    USED = "ticket_used"
    OTHER_PERSON = "ticket_of_another"
    """Somebody else is signed in where it was used."""
    NOT_ALLOWED = "not_allowed"
    UNKNOWN = "unknown_report"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"
    OWNER_CHANGED = "owner_changed"
    BEHIND = "owner_not_known_yet"
    """The ticket stands on an ownership that intake has not heard of yet."""
    NOT_OPENED = "not_opened"
    """The sealed parts do not open: changed, moved, or the master key is gone."""


def judge(ticket: Ticket, access: Access, owned: Ownership | None) -> AccessRefusal | None:
    """None: it opens. The report's own end comes before all; then who owns it by intake's own reading."""
    if not any(allowed(role, ticket.organisation, Action.DETAILS_OPEN, ticket.organisation) for role in ticket.roles):
        return AccessRefusal.NOT_ALLOWED
    if access is Access.ERASED:
        return AccessRefusal.ERASED
    if access is Access.SEALED:
        return AccessRefusal.WITHDRAWN
    if owned is None or owned.ownership < ticket.ownership:
        return AccessRefusal.BEHIND
    if owned.ownership > ticket.ownership or owned.center_id != ticket.organisation:
        return AccessRefusal.OWNER_CHANGED
    return None
