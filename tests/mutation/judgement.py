"""What a run comes to: every survivor must have a written reason, and every reason a survivor. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

KILLED = frozenset({1, 3})
"""Exit codes of a test run that noticed the change: a test failed, or the code no longer ran at all."""
TIMED_OUT = frozenset({-24, 24, 36, 152, 255, -14})
"""Exit codes after a time limit: the change made it run for ever, which is noticed too."""
SURVIVED = frozenset({0, 5, 33})
"""No test failed, or none reaches the function."""


class Change(NamedTuple):
    """One change of one function, told by what it changes: numbers of mutants shift with every edit."""

    function: str
    """Below ``services.routing``."""
    was: str
    becomes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a complete run found."""

    killed: int
    timed_out: int
    reasoned: Mapping[Change, str]
    without_reason: Sequence[Change] = ()
    without_survivor: Sequence[Change] = ()
    """Reasons for changes that are noticed by now, or that no longer exist."""
    unclear: Mapping[str, int] = field(default_factory=dict)
    """Mutants whose run ended in no known way, with the exit code."""

    @property
    def sound(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self.without_reason or self.without_survivor or self.unclear)


def judge(codes: Mapping[str, int], survivors: Iterable[Change], reasons: Mapping[Change, str]) -> Verdict:
    """``codes`` are the exit codes of all mutants, ``survivors`` what those that survived change."""
    found = set(survivors)
    return Verdict(
        killed=sum(code in KILLED for code in codes.values()),
        timed_out=sum(code in TIMED_OUT for code in codes.values()),
        reasoned={change: reasons[change] for change in sorted(found & reasons.keys())},
        without_reason=sorted(found - reasons.keys()),
        without_survivor=sorted(reasons.keys() - found),
        unclear={n: code for n, code in codes.items() if code not in KILLED | TIMED_OUT | SURVIVED},
    )


def change_of(mutant: str, diff: str) -> Change:
    """What a mutant changes, from its unified diff."""
    lines = diff.splitlines()[2:]
    was, becomes = (" ".join(x[1:].strip() for x in lines if x.startswith(sign)) for sign in "-+")
    function = mutant.removeprefix("services.routing.").partition("__mutmut_")[0].replace("xǁ", "").replace("ǁ", ".")
    return Change(function.replace(".x_", "."), was, becomes)


def reasons_of(told: Any) -> dict[Change, str]:
    """The reasons as they are written in ``survivors.yaml``. Raises ``KeyError`` where one is incomplete."""
    return {Change(one["in"], one["was"], one["becomes"]): str(one["why"]) for one in told or ()}
