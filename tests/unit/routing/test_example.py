"""The example of the tests' README: the rule without any I/O."""

from tests.unit.routing.builders import DAY, center_loads, decision_for, facts, full


def test_a_report_goes_to_its_home_centre_and_elsewhere_when_that_is_full() -> None:
    assert decision_for(facts("busan"), center_loads(), DAY).center_id == "busan"
    assert decision_for(facts("busan"), center_loads(full("ulsan")), DAY).center_id == "ulsan"
