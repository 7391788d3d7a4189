"""Whoever guesses learns nothing from how long an answer takes: wrong receipt, mistyped receipt, wrong word."""

import itertools
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence

from services.intake.receipts.authentication import WRONG_TAKES_S
from services.intake.reports import receipt_numbers
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.holding import Holder, holder

ROUNDS = 10
SERIES = 6
"""What tells two kinds apart does so in every series; a machine that does something else meanwhile in one."""
GRAIN_S = 0.002
"""Times closer than this count as the same."""
MEDIANS_APART_S = 0.02
"""Network noise is larger; what is told apart here would take thousands of tries, and ten an hour are allowed."""


async def test_wrong_answers_take_the_same_time_and_look_the_same(harness: IntakeHarness) -> None:
    numbers = itertools.count(123_456)
    seen: set[tuple[int, str, str]] = set()
    apart: set[str] = set()
    for series in range(SERIES):
        # One of its own: after ten wrong words the answer is that they were too many.
        took = await _measured(await holder(harness, word="umbrella"), numbers, seen)
        assert min(min(times) for times in took.values()) >= WRONG_TAKES_S
        found = _told_apart(took)
        apart = found if series == 0 else apart & found
        if not apart:
            break
    assert apart == set()
    assert len(seen) == 1
    assert next(iter(seen))[:2] == (404, "unknown_receipt")


async def _measured(guarded: Holder, numbers: Iterator[int], seen: set[tuple[int, str, str]]) -> dict[str, list[float]]:
    """How long the answers to each kind of wrong question took; ``seen`` takes what they say."""
    took: dict[str, list[float]] = {"wrong receipt": [], "mistyped": [], "wrong word": []}
    for _ in range(ROUNDS):
        number = next(numbers)
        kinds = {
            "wrong receipt": receipt_numbers.from_number(number),
            "mistyped": f"{number:016d}"[:-1] + "x",
            "wrong word": guarded.receipt,
        }
        for kind, receipt in kinds.items():
            started = time.perf_counter()
            answer = await Holder(guarded.harness, {"report_id": "", "receipt": receipt}).post(
                "messages", text="x", word="guess"
            )
            took[kind].append(time.perf_counter() - started)
            seen.add((answer.status_code, answer.json()["code"], answer.json()["detail"]))
    return took


def _told_apart(took: Mapping[str, Sequence[float]]) -> set[str]:
    """The kinds whose times differ, and which one's are longer."""
    found = set()
    for one, other in itertools.combinations(took, 2):
        longer = statistics.median(took[one]) - statistics.median(took[other])
        if abs(longer) >= MEDIANS_APART_S or _p_value(took[one], took[other]) <= 0.0005:
            found.add(f"{one} longer than {other}" if longer > 0 else f"{other} longer than {one}")
    return found


def test_the_statistic_tells_what_differs_from_what_does_not() -> None:
    same = [0.6 + n % 7 / 1000 for n in range(ROUNDS)]
    assert _p_value(same, list(reversed(same))) > 0.5
    assert _p_value(same, [value + 0.05 for value in same]) < 0.0005


def _p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided Mann-Whitney U test by its normal approximation (good from about eight samples each)."""
    first, second = ([round(value / GRAIN_S) for value in values] for values in (one, other))
    wins = sum((a > b) + (a == b) / 2 for a in first for b in second)
    mean = len(one) * len(other) / 2
    spread = math.sqrt(len(one) * len(other) * (len(one) + len(other) + 1) / 12)
    return math.erfc(abs(wins - mean) / spread / math.sqrt(2))
