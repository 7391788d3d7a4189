"""What a worker remembers of facts counts only while the store stands where it left it."""

from services.analytics.counting.fact_cache import FactCache
from services.analytics.counting.models import Fact

A, B = Fact("a", 0), Fact("b", 1)
STORED = {("reports", 0): 5, ("cases", 0): 2, ("reports", 1): 7, ("centers", 0): 9}


def remembering(limit: int = 10) -> FactCache:
    recent = FactCache(limit)
    recent.known(0, {}, {0, 1})
    recent.remember({"a": A, "b": B}, STORED, {0, 1})
    return recent


def test_what_was_written_last_is_trusted_while_the_offsets_are_those_of_then() -> None:
    assert remembering().known(0, STORED, {0, 1}) == {"a": A, "b": B}
    assert remembering().known(0, {**STORED, ("centers", 0): 99}, {0, 1}) == {"a": A, "b": B}


def test_a_partition_somebody_else_has_folded_on_is_forgotten_and_the_others_stay() -> None:
    recent = remembering()
    assert recent.known(0, {**STORED, ("cases", 0): 3}, {0, 1}) == {"b": B}
    assert recent.known(0, STORED, {0, 1}) == {"b": B}, "once forgotten, forgotten"


def test_an_emptied_store_another_generation_and_a_commit_nobody_told_of_end_all_trust() -> None:
    assert remembering().known(0, {}, {0, 1}) == {}
    assert remembering().known(1, STORED, {0, 1}) == {}
    assert remembering().known(0, {**STORED, ("reports", 0): 6, ("reports", 1): 8}, {0, 1}) == {}


def test_the_oldest_are_forgotten_first() -> None:
    recent = remembering(2)
    recent.remember({"a": A}, STORED, {0})
    recent.remember({"c": Fact("c", 0)}, STORED, {0})
    assert set(recent.known(0, STORED, {0, 1})) == {"a", "c"}
