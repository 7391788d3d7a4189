"""The one table of permissions: role x own or other organisation x action. What is not listed is denied."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.centers import CENTER_IDS, CENTRAL

MINISTRY: Final = "ministry"
ORGANISATIONS: Final = (*CENTER_IDS, CENTRAL, MINISTRY)
NOBODY: Final = "nobody"
"""Stands for the owner of something that does not exist, so that it is denied like another organisation's."""


class StaffRole(StrEnum):
    """A role of an account. An account may have several that do not conflict."""

    OPERATOR = "operator"
    """Takes reports by phone."""
    COUNSELLOR = "counsellor"
    LEAD = "lead"
    """Responsible for a centre."""
    ANALYST = "analyst"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    """Manages accounts and front ends; never sees a report."""


class Scope(StrEnum):
    """An OAuth-style scope of a front end's credential."""

    REPORTS_SUBMIT = "reports:submit"
    RECEIPTS_READ = "receipts:read"
    RECEIPTS_WRITE = "receipts:write"
    """Messages, amendments and withdrawals with a receipt."""
    REPORTS_DRILL = "reports:drill"
    """All of the above, of drills alone that this credential made; stands alone."""


REAL_SCOPES: Final = (Scope.REPORTS_SUBMIT, Scope.RECEIPTS_READ, Scope.RECEIPTS_WRITE)
"""What a front end for people may do; a credential confined to drills may do each to its own drills."""


class Reach(StrEnum):
    """Whose data an action may touch."""

    OWN = "own"
    OVERSIGHT = "oversight"
    """Their own organisation's; for staff of ``central`` and the ministry, every organisation's."""
    ANY = "any"


class Action(StrEnum):
    """The action of a route. Every route of every service names exactly one."""

    OPEN = "open"
    """Public: the public form, receipts, sign-in, health, published keys."""
    FRONT_END = "front_end"
    """For front ends: the scopes of the credential decide, not this table."""
    SERVICE = "service"
    """For another service of this system: the key they share decides, not this table."""
    OWN_ACCOUNT = "own_account"
    """For any signed-in user, about their own account."""

    CASES_LIST = "cases.list"
    CASES_READ = "cases.read"
    CASES_ACKNOWLEDGE = "cases.acknowledge"
    CASES_ASSIGN = "cases.assign"
    CASES_RECORD = "cases.record"
    """Contact, support given, referral."""
    CASES_CLOSE = "cases.close"
    CASES_REOPEN = "cases.reopen"
    TRANSFERS_OFFER = "transfers.offer"
    """And recall; of the owning centre."""
    TRANSFERS_ANSWER = "transfers.answer"
    """Accept or decline; of the centre that was asked."""

    CALLS_TAKE = "calls.take"
    """Take reports by phone, hand calls over, add to a report with its receipt and passphrase."""

    DETAILS_OPEN = "details.open"
    DETAILS_CONFIRM = "details.confirm"
    """Record that the victim has confirmed a report made by another person."""
    DETAILS_WRITE = "details.write"
    """Answer the reporter's messages and write notes, both encrypted with the report."""
    ERASURES_READ = "erasures.read"
    ERASURES_DECIDE = "erasures.decide"

    CENTERS_READ = "centers.read"
    """The load of centres, in bands."""
    CENTERS_COUNTS = "centers.counts"
    """Exact numbers of cases by state, of one centre."""
    CENTERS_LIVE = "centers.live"
    """Exact loads of all centres; they belong to ``central``."""
    CENTERS_DUTY = "centers.duty"
    CENTERS_CLOSE = "centers.close"
    CENTERS_TEAM = "centers.team"
    """See who is on duty, the cases of each person, and the hand-over list for the next shift."""
    CENTERS_ROTA = "centers.rota"
    """Edit the rota."""
    DECISIONS_READ = "decisions.read"
    DEAD_READ = "dead.read"
    DEAD_REDRIVE = "dead.redrive"
    """Redrive dead letters to their original topics."""
    DRILLS_RUN = "drills.run"
    """Start a drill and see its result."""

    TABLES_READ = "tables.read"
    OPERATIONS_READ = "operations.read"

    AUDIT_READ = "audit.read"
    AUDIT_CHECK = "audit.check"
    ACCOUNTS_MANAGE = "accounts.manage"
    ACCOUNTS_RELEASE = "accounts.release"
    """Release accounts that an administrator created or reset."""
    CLIENTS_MANAGE = "clients.manage"


_O, _S, _A = Reach.OWN, Reach.OVERSIGHT, Reach.ANY
_OPERATOR, _COUNSELLOR, _LEAD = StaffRole.OPERATOR, StaffRole.COUNSELLOR, StaffRole.LEAD
_ANALYST, _AUDITOR, _ADMIN = StaffRole.ANALYST, StaffRole.AUDITOR, StaffRole.ADMINISTRATOR

TABLE: Final[Mapping[Action, Mapping[StaffRole, Reach]]] = {
    Action.OWN_ACCOUNT: dict.fromkeys(StaffRole, _O),
    Action.CASES_LIST: {_COUNSELLOR: _S, _LEAD: _S},
    Action.CASES_READ: {_COUNSELLOR: _S, _LEAD: _S, _AUDITOR: _A},
    Action.CASES_ACKNOWLEDGE: {_COUNSELLOR: _O, _LEAD: _O},
    Action.CASES_ASSIGN: {_COUNSELLOR: _O, _LEAD: _O},
    Action.CASES_RECORD: {_COUNSELLOR: _O, _LEAD: _O},
    Action.CASES_CLOSE: {_COUNSELLOR: _O, _LEAD: _O},
    Action.CASES_REOPEN: {_LEAD: _O},
    Action.TRANSFERS_OFFER: {_COUNSELLOR: _O, _LEAD: _O},
    Action.TRANSFERS_ANSWER: {_COUNSELLOR: _O, _LEAD: _O},
    Action.CALLS_TAKE: {_OPERATOR: _O},
    Action.DETAILS_OPEN: {_COUNSELLOR: _O, _LEAD: _O},
    Action.DETAILS_CONFIRM: {_COUNSELLOR: _O, _LEAD: _O},
    Action.DETAILS_WRITE: {_COUNSELLOR: _O, _LEAD: _O},
    Action.ERASURES_READ: {_LEAD: _O, _AUDITOR: _A},
    Action.ERASURES_DECIDE: {_LEAD: _O},
    Action.CENTERS_READ: {_OPERATOR: _A, _COUNSELLOR: _A, _LEAD: _A, _AUDITOR: _A},
    Action.CENTERS_COUNTS: {_COUNSELLOR: _S, _LEAD: _S},
    # A lead must know which centre has room before offering a transfer; a counsellor needs only the bands.
    Action.CENTERS_LIVE: {_COUNSELLOR: _S, _LEAD: _A},
    Action.CENTERS_DUTY: {_COUNSELLOR: _O, _LEAD: _O},
    Action.CENTERS_CLOSE: {_LEAD: _S},
    Action.CENTERS_TEAM: {_COUNSELLOR: _O, _LEAD: _O},
    Action.CENTERS_ROTA: {_LEAD: _O},
    Action.DECISIONS_READ: {_COUNSELLOR: _S, _LEAD: _S, _AUDITOR: _A},
    Action.DEAD_READ: {_COUNSELLOR: _S, _LEAD: _S, _ADMIN: _S},
    Action.DEAD_REDRIVE: {_LEAD: _S, _ADMIN: _S},
    Action.DRILLS_RUN: {_LEAD: _S, _ADMIN: _S},
    Action.TABLES_READ: {_ANALYST: _A, _LEAD: _A, _AUDITOR: _A},
    Action.OPERATIONS_READ: {_LEAD: _S, _ADMIN: _S, _AUDITOR: _A},
    Action.AUDIT_READ: {_AUDITOR: _A},
    Action.AUDIT_CHECK: {_AUDITOR: _A},
    Action.ACCOUNTS_MANAGE: {_ADMIN: _S},
    Action.ACCOUNTS_RELEASE: {_LEAD: _O, _ADMIN: _S},
    Action.CLIENTS_MANAGE: {_ADMIN: _S},
}

_CONFLICTS: Final = (
    # An administrator could assign themselves a case; an auditor must not audit their own actions.
    frozenset({_ADMIN, _COUNSELLOR}),
    frozenset({_ADMIN, _LEAD}),
    *(frozenset({_AUDITOR, role}) for role in StaffRole if role is not _AUDITOR),
)


def roles_at(organisation: str) -> frozenset[StaffRole]:
    """The roles an organisation can grant. Raises ``ValueError`` for an unknown organisation."""
    if organisation == MINISTRY:
        return frozenset({_ANALYST, _AUDITOR, _ADMIN})
    if organisation == CENTRAL:
        return frozenset({_OPERATOR, _COUNSELLOR, _LEAD, _AUDITOR, _ADMIN})
    if organisation in CENTER_IDS:
        return frozenset({_OPERATOR, _COUNSELLOR, _LEAD, _ADMIN})
    raise ValueError(f"there is no organisation {organisation[:40]!r}")


def conflict(roles: frozenset[StaffRole]) -> frozenset[StaffRole] | None:
    """Return two of the roles that one person must not have together, or None."""
    return next((pair for pair in _CONFLICTS if pair <= roles), None)


def allowed(role: StaffRole, own: str, action: Action, organisation: str | None = None) -> bool:
    """Return whether a role at organisation ``own`` may do an action on data of ``organisation``.

    Without an organisation: whether the role allows the action anywhere; the caller checks again for the object.
    """
    reach = TABLE.get(action, {}).get(role)
    if reach is None or role not in roles_at(own):
        return False
    if organisation is None or organisation == own or reach is Reach.ANY:
        return True
    return reach is Reach.OVERSIGHT and own in {CENTRAL, MINISTRY}
