"""Whether releases leave every hidden cell open, by a solver that knows the rules and everything published.

For each hidden cell it looks for one world in which the cell is 0 and one in which it is 5 or more, both giving exactly
what was published. A cell that cannot be 0 is let through only where it cannot be 1 to 4 either: then everybody knows
that it is large, and hiding it hid something else. So the verdict follows from what is published alone, true counts
are never asked, and a refusal tells nothing that a failed attempt at publishing would not. Blocks that share no unknown
number are solved apart; published numbers that contradict each other by themselves are a contradiction, too. Out of
time is not proven.

What was narrow before a release is out already (an earlier build released it): leaving out more takes nothing of it
back. So a release answers for a cell only where it excludes a small count, 0 or all of 5 and more that was possible.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from services.analytics.releases.intruder_model import System

Verdict = Literal["open", "narrow", "contradiction", "out_of_time", "failed", "implausible"]
"""``implausible``: the counts cannot be true and were not frozen. ``failed``: there is no proof, because making it or
the release went wrong."""
LIMIT_S: Final = 60.0
"""For one release; many times what ten simulated years took at most (decision 0018)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome. ``cells`` names what is too narrow, for operators' logs: names of cells, no counts."""

    verdict: Verdict
    cells: tuple[str, ...] = ()
    seconds: float = 0.0
    checked: int = 0
    """Hidden cells looked at."""


def prove(
    system: System, limit_s: float, *, of: Iterable[str] | None = None, before: Callable[[], System] = System
) -> Proof:
    """Try every hidden cell; with ``of`` those in blocks that touch these periods (a name begins with its period).

    ``before`` makes the system without the release: a cell that is as narrow there is not found.
    """
    from services.analytics.releases.solver import Block  # noqa: PLC0415  # 7 MB that only making a release pays for

    left: float = limit_s
    narrow: list[str] = []
    checked = 0
    wanted = None if of is None else tuple(f"{period}/" for period in of)

    def asked(names: Iterable[str]) -> bool:
        return wanted is None or any(name.startswith(wanted) for name in names)

    if impossible := sorted(names for names in system.contradictions() if asked(names)):
        return Proof("contradiction", impossible[0][:3])
    earlier: System | None = None
    for block in system.blocks():
        if not asked((*block.tops, *block.sums)):
            continue
        solver = Block(block)
        checked += len(block.tops) + len(block.sums)
        verdict = solver.look(left)
        left -= solver.seconds
        if verdict == "contradiction" and any(row.assumed for row in block.rows):
            solver = Block(block.certain())
            verdict = solver.look(left)
            left -= solver.seconds
        if verdict in ("contradiction", "out_of_time"):
            return Proof(verdict, tuple(sorted(block.tops)[:3]), limit_s - left, checked)
        for cell in solver.narrow:
            earlier = before() if earlier is None else earlier
            guilty, seconds = solver.narrows(cell, system.sum_of(cell), earlier, left)
            left -= seconds
            if guilty is None:
                return Proof("out_of_time", (cell,), limit_s - left, checked)
            narrow += [cell] if guilty else []
    return Proof("narrow" if narrow else "open", tuple(sorted(narrow)), limit_s - left, checked)
