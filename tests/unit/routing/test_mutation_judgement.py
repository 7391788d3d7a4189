"""What a mutation run comes to: a survivor without a reason, and a reason without a survivor, are found."""

import gc

from services.routing.assignment.rules import _severity
from tests.mutation import caches
from tests.mutation.judgement import Change, change_of, judge, reasons_of

ONE, TWO = Change("hosts.is_full", "a > b", "a >= b"), Change("transitions.rules._BatchDecision._load", "x", "y")
CODES = {"m1": 1, "m2": 0, "m3": 36, "m4": 3, "m5": 33}


def test_a_survivor_without_a_reason_fails() -> None:
    verdict = judge(CODES, [ONE, TWO], {TWO: "because"})
    assert (verdict.killed, verdict.timed_out, verdict.sound) == (2, 1, False)
    assert (verdict.without_reason, verdict.reasoned) == ([ONE], {TWO: "because"})


def test_a_reason_without_a_survivor_fails() -> None:
    verdict = judge(CODES, [TWO], {ONE: "because", TWO: "because"})
    assert (verdict.without_survivor, verdict.sound) == ([ONE], False)


def test_a_mutant_whose_run_ended_in_no_known_way_fails() -> None:
    assert judge(CODES | {"m6": -11}, [], {}).unclear == {"m6": -11}
    assert not judge({"m6": -11}, [], {}).sound


def test_all_killed_or_reasoned_is_sound() -> None:
    assert judge(CODES, [ONE], {ONE: "because"}).sound


def test_a_change_is_told_by_what_it_changes() -> None:
    diff = "--- a\n+++ a\n@@ -1,3 +1,3 @@\n def f():\n-    return a > b\n+    return a >= b\n more"
    assert change_of("services.routing.assignment.rules.x_is_full__mutmut_1", diff) == Change(
        "assignment.rules.is_full", "return a > b", "return a >= b"
    )
    method = change_of("services.routing.transitions.rules.xǁ_BatchDecisionǁ_load__mutmut_27", diff)
    assert method.function == "transitions.rules._BatchDecision._load"


def test_reasons_are_read_as_they_are_written() -> None:
    told = [{"in": "hosts.is_full", "was": "a > b", "becomes": "a >= b", "why": "no case"}]
    assert reasons_of(told) == {ONE: "no case"}
    assert reasons_of(None) == {}


def test_a_cache_is_found_however_often_pytest_has_run_in_the_process() -> None:
    """mutmut runs it several times, and then forks: what is remembered by then hides what a change does."""
    gc.freeze()
    try:
        assert any(one is _severity for one in caches.found())
    finally:
        gc.freeze()
