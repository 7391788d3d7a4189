"""The one table of permissions: role x own or other organisation x action. Whatever it does not name is refused."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.centers import CENTER_IDS, CENTRAL

MINISTRY: Final = "ministry"
ORGANISATIONS: Final = (*CENTER_IDS, CENTRAL, MINISTRY)
NOBODY: Final = "nobody"
"""Whose a thing is that is not there: who may see only their own's is told the same as of another organisation's."""


class StaffRole(StrEnum):
    """What somebody works as. An account may have several that do not conflict."""

    OPERATOR = "operator"
    """Takes reports by phone."""
    COUNSELLOR = "counsellor"
    LEAD = "lead"
    """Answers for a centre."""
    ANALYST = "analyst"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    """Manages accounts and front ends; never sees a report."""


class Scope(StrEnum):
    """What a front end may do with its credential."""

    REPORTS_SUBMIT = "reports:submit"
    RECEIPTS_READ = "receipts:read"
    RECEIPTS_WRITE = "receipts:write"
    """Messages, amendments and withdrawals with a receipt."""


class Reach(StrEnum):
    """Whose things an action may touch."""

    OWN = "own"
    OVERSIGHT = "oversight"
    """Their own; for people of ``central`` and the ministry, everybody's."""
    ANY = "any"


class Action(StrEnum):
    """What a route does. Every route of every service names exactly one."""

    OPEN = "open"
    """Nobody need be known: the public form, receipts, sign-in, health, published keys."""
    FRONT_END = "front_end"
    """What a front end does with its credential; its scopes decide, not this table."""
    OWN_ACCOUNT = "own_account"
    """Whoever is signed in, about themselves."""

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
    """Take reports by phone, hand calls over and take them, add to a report with its receipt and word."""

    DETAILS_OPEN = "details.open"
    DETAILS_CONFIRM = "details.confirm"
    """Record that the person harmed has confirmed a report somebody else made."""
    DETAILS_WRITE = "details.write"
    """Answer the reporter's messages and keep notes, both sealed with the report."""
    ERASURES_READ = "erasures.read"
    ERASURES_DECIDE = "erasures.decide"

    CENTERS_READ = "centers.read"
    """How busy the centres are, in bands."""
    CENTERS_COUNTS = "centers.counts"
    """How many cases of one centre stand where, exactly."""
    CENTERS_LIVE = "centers.live"
    """Their exact counts. They belong to ``central``: all of them or none."""
    CENTERS_DUTY = "centers.duty"
    CENTERS_CLOSE = "centers.close"
    CENTERS_TEAM = "centers.team"
    """See who is on duty, what each person has, and what whoever comes next must know of."""
    CENTERS_ROTA = "centers.rota"
    """Say who works when."""
    DECISIONS_READ = "decisions.read"
    DEAD_READ = "dead.read"
    DEAD_REDRIVE = "dead.redrive"
    """Send records that nobody could read back to where they came from."""
    DRILLS_RUN = "drills.run"
    """Begin a drill and see what came of it."""

    TABLES_READ = "tables.read"
    OPERATIONS_READ = "operations.read"

    AUDIT_READ = "audit.read"
    AUDIT_CHECK = "audit.check"
    ACCOUNTS_MANAGE = "accounts.manage"
    ACCOUNTS_RELEASE = "accounts.release"
    """Let in whom an administrator made or reset."""
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
    # A lead needs to know where there is room before offering a case; a counsellor of a centre does with the bands.
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
    # Who manages accounts could give themselves a case; who audits must not audit themselves.
    frozenset({_ADMIN, _COUNSELLOR}),
    frozenset({_ADMIN, _LEAD}),
    *(frozenset({_AUDITOR, role}) for role in StaffRole if role is not _AUDITOR),
)


def roles_at(organisation: str) -> frozenset[StaffRole]:
    """The roles an organisation can give. Raises ``ValueError`` where there is no such organisation."""
    if organisation == MINISTRY:
        return frozenset({_ANALYST, _AUDITOR, _ADMIN})
    if organisation == CENTRAL:
        return frozenset({_OPERATOR, _COUNSELLOR, _LEAD, _AUDITOR, _ADMIN})
    if organisation in CENTER_IDS:
        return frozenset({_OPERATOR, _COUNSELLOR, _LEAD, _ADMIN})
    raise ValueError(f"there is no organisation {organisation[:40]!r}")


def conflict(roles: frozenset[StaffRole]) -> frozenset[StaffRole] | None:
    """Two of the roles that one person must not have together, if there are such."""
    return next((pair for pair in _CONFLICTS if pair <= roles), None)


def allowed(role: StaffRole, own: str, action: Action, organisation: str | None = None) -> bool:
    """Whether a role at organisation ``own`` may do something to what belongs to ``organisation``.

    Without an organisation: whether there is anything at all they may do it to; the caller asks again for the thing.
    """
    reach = TABLE.get(action, {}).get(role)
    if reach is None or role not in roles_at(own):
        return False
    if organisation is None or organisation == own or reach is Reach.ANY:
        return True
    return reach is Reach.OVERSIGHT and own in {CENTRAL, MINISTRY}
