"""Builds with a mistake, each with a scenario that brings it out and what the audit must say; and one without."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.integration.routing.blows import Blow
from tests.integration.routing.fire import Scenario

_ZOMBIES = (Blow("freeze", 4.0, 5.0), Blow("freeze", 4.0, 5.0))
_KILLS = tuple(Blow("kill", pause=1.5) for _ in range(6))
_PEACE = (Blow("peace", pause=3), Blow("peace", pause=3))


MISFORTUNE = "none, but misfortune"


class Mistake(NamedTuple):
    """``words``: one of them begins a fault that must be found; without any there must be no fault."""

    scenario: Scenario
    words: tuple[str, ...] = ()

    def verdict(self, faults: Sequence[str]) -> str | None:
        """None if the audit said what it must."""
        if not self.words:
            return f"found {faults} where nothing is wrong" if faults else None
        found = any(fault.startswith(self.words) for fault in faults)
        return None if found else f"{' or '.join(self.words)} must be found, found was {list(faults)}"


MISTAKES: Mapping[str, Mistake] = {
    MISFORTUNE: Mistake(Scenario(seed=1, workers=2, blows=_ZOMBIES[:1], rate=60, changes="slow,flaky", settle_s=40)),
    "no comparison": Mistake(
        Scenario(seed=2, workers=2, blows=_ZOMBIES, rate=100, changes="slow,no-comparison", settle_s=4),
        ("wrong_previous", "transfers_lost", "loads_wrong", "holes", "missing", "not_passed_on"),
    ),
    "remember first": Mistake(
        Scenario(seed=3, workers=1, blows=_PEACE, rate=60, changes="flaky,remember-first", settle_s=4),
        ("missing",),
    ),
    "miscount": Mistake(
        Scenario(seed=5, workers=1, blows=_PEACE, rate=60, changes="miscount", settle_s=4),
        ("loads_wrong",),
    ),
    "commit first": Mistake(
        Scenario(seed=4, workers=1, blows=_KILLS, rate=60, changes="slow,commit-first", settle_s=6),
        ("missing",),
    ),
}
