from datetime import datetime

from shared.clock import SEOUL
from tests.unit.routing.builders import facts
from tools.k_anonymity import Exposure, Report, classes, exposure, simulated, told


def test_a_class_of_one_is_alone_and_a_class_of_five_is_not_open() -> None:
    assert classes(["a"] * 5 + ["b"] * 4 + ["c"]) == Exposure(reports=10, unique=1, below_k=5)


def test_what_is_known_of_the_time_divides_a_class() -> None:
    reports = [Report(datetime(2026, 11, day, 3, tzinfo=SEOUL), facts("busan"), facts("busan")) for day in (1, 2, 3)]
    assert exposure(reports, lambda one: one.division, "month", logged=True) == Exposure(3, 0, 3)
    assert exposure(reports, lambda one: one.division, "day", logged=True) == Exposure(3, 3, 3)


def test_the_log_is_never_finer_than_what_was_told() -> None:
    reports = list(simulated(0.05, seed=1))
    assert reports == list(simulated(0.05, seed=1))
    for known in (lambda one: one, lambda one: (one.division, one.language)):
        was, now = (exposure(reports, known, "ever", logged=logged) for logged in (False, True))
        assert now.unique <= was.unique
        assert now.below_k <= was.below_k
    assert any("gyeonggi" in line for line in told(reports))
