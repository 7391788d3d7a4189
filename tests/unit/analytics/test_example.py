"""The example of the tests' README: the fold of events into a fact, without any I/O."""

from services.analytics.counting.models import Fact
from services.analytics.counting.project import advance
from tests.unit.analytics import events as make


def test_a_record_that_comes_twice_is_counted_once() -> None:
    report = make.report_id(7)
    fact, event = Fact(report, 0), make.received(report, make.facts())
    assert [advance(fact, event), advance(fact, event)] == [True, False]
