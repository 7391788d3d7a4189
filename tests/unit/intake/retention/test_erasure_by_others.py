"""What whoever reported for another person cannot do to that person's case."""

from datetime import timedelta

import pytest

from services.intake.reports.lifecycle import NEW, Access, Category, Reason
from services.intake.retention import rules as retention_rules
from services.intake.retention.rules import UNDO_FOR, RefusedError
from shared.events.vocabulary import Role
from tests.unit.intake.retention.test_erasure import NOW, decide, decision, facts, taken_back


@pytest.mark.parametrize("role", [Role.REPRESENTATIVE, Role.THIRD_PARTY])
def test_who_reported_for_others_cannot_end_what_the_person_harmed_stands_by(role: Role) -> None:
    life = taken_back(at_once=True, role=role)
    assert life.withdrawal is not None
    assert life.withdrawal.undo_until == NOW + UNDO_FOR
    assert taken_back(life, at_once=True, now=NOW + timedelta(hours=1), role=role) == life
    assert retention_rules.reinstated(life, NOW + timedelta(hours=71)).withdrawal is None
    confirmed = retention_rules.confirmed(NEW, facts(role=role), "s-1", NOW)
    with pytest.raises(RefusedError, match="not_with_this_receipt"):
        taken_back(confirmed, role=role)
    objects = decision(destroy=False, reason=Reason.VICTIM_OBJECTS, category=Category.FIVE_YEARS)
    again = decide(life, objects, now=NOW + timedelta(days=30))
    assert (retention_rules.access_of(again), again.decide_since, again.plan) == (Access.OPEN, None, None)
    assert again.reinstated_at == NOW + timedelta(days=30)
    with pytest.raises(RefusedError, match="not_with_this_receipt"):
        taken_back(again, role=role)
    assert taken_back(again.model_copy(update={"special": ()})).withdrawal is not None
