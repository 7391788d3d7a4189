"""How many cases a person can carry is one setting, whichever service counts with it."""

from services.notify.team.repository import nominal
from services.routing.state.loads import LoadView
from shared.centers import CENTER_IDS
from shared.severity import CASES_PER_PERSON

NORMAL = 10
"""The weight of a case of normal urgency, in tenths."""


def test_routing_assigns_by_the_number_that_notify_shows_before_a_centre_says_its_own() -> None:
    shown = {center: nominal(center) for center in CENTER_IDS}
    assert {said.cases_per_person for said in shown.values()} == {CASES_PER_PERSON}
    carried = {center: said.staff_on_duty * said.cases_per_person * NORMAL for center, said in shown.items()}
    assert {center: duty.capacity for center, duty in LoadView().duties.items()} == carried
