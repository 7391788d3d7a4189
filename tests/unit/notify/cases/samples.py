"""Cases in every situation, for tests of what may be done with them."""

from services.notify.cases.models import Awaiting, AwaitingKind, Case, CaseState, Deletion, DeletionState
from services.notify.cases.rules import Actor, Situation
from shared.events.vocabulary import EndReason, PlatformKind
from tests.unit.notify.cases.test_projection import folded
from tests.unit.notify.samples import NOW, event, report_id

LEE = Actor("lee", "gwangju")
KIM = "kim"
OTHER = report_id(2)


def waiting(**changes: object) -> Case:
    return folded([event("report.routed", 1)]).model_copy(update=changes)


def acknowledged(**changes: object) -> Case:
    """By kim; lee has read the rules of safe contact."""
    made = {
        "state": CaseState.ACKNOWLEDGED,
        "acknowledged_at": NOW,
        "acknowledged_by": KIM,
        "assignee": KIM,
        "escalation": None,
        "rules_known_to": (LEE.subject,),
        "linked": (OTHER,),
        "deletions": (
            Deletion(number=1, platform=PlatformKind.OTHER, addresses=2, state=DeletionState.REQUESTED, at=NOW),
        ),
    }
    return waiting(**{**made, **changes})


def ended(why: EndReason, **changes: object) -> Case:
    return acknowledged(state=CaseState.ENDED, ended=why, ended_at=NOW, **changes)


def awaiting(kind: AwaitingKind) -> Awaiting:
    return Awaiting(kind=kind, case_version=9, by=KIM, to_center_id="busan")


SITUATIONS = {
    Situation.WAITING: waiting(),
    Situation.ACKNOWLEDGED: acknowledged(),
    Situation.UNREAD: acknowledged(unread=True),
    Situation.MOVING: acknowledged(awaiting=awaiting(AwaitingKind.MOVING)),
    Situation.CLOSING: acknowledged(awaiting=awaiting(AwaitingKind.CLOSING)),
    Situation.REOPENING: ended(EndReason.CLOSED, awaiting=awaiting(AwaitingKind.REOPENING)),
    Situation.CLOSED: ended(EndReason.CLOSED),
    Situation.WITHDRAWN: ended(EndReason.WITHDRAWN),
}
