"""The one thing a case asks of its centre now."""

import pytest

from services.notify.cases.attention import NextStep, next_step
from services.notify.cases.models import AwaitingKind, Case
from shared.events.vocabulary import EndReason
from tests.unit.notify.cases.samples import LEE, acknowledged, awaiting, ended, waiting
from tests.unit.notify.samples import NOW


@pytest.mark.parametrize(
    ("case", "step"),
    [
        (waiting(), NextStep.ACKNOWLEDGE),
        (waiting(unread=True), NextStep.ACKNOWLEDGE),
        (acknowledged(rules_known_to=()), NextStep.OPEN),
        (acknowledged(), NextStep.CONTACT),
        (acknowledged(unread=True, contacted_at=NOW), NextStep.READ),
        (acknowledged(contacted_at=NOW), NextStep.WORK),
        (acknowledged(awaiting=awaiting(AwaitingKind.MOVING)), None),
        (ended(EndReason.CLOSED), None),
        (ended(EndReason.CLOSED, unread=True), NextStep.READ),
        (ended(EndReason.WITHDRAWN, unread=True), None),
    ],
)
def test_the_next_step_of_a_case(case: Case, step: NextStep | None) -> None:
    assert next_step(case, LEE.subject) is step
