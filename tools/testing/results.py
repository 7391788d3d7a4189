"""Read what pytest wrote (JUnit XML) and print it: counts, the slowest tests, what failed and what was left out."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

SLOWEST: Final = 10
LEFT_OUT: Final = "left out: "
"""How the reason of a skip begins where something is missing on this machine (an engine, a browser)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test: its name, its seconds with set-up and tear-down, and what became of it."""

    name: str
    seconds: float
    state: str
    reason: str = ""


@dataclass(slots=True)
class Results:
    """Results of one target."""

    target: str
    seconds: float
    cpu_seconds: float
    status: int
    outcomes: list[Outcome] = field(default_factory=list)

    @classmethod
    def read(cls, target: str, seconds: float, cpu_seconds: float, status: int, xml: Path) -> Self:
        """From pytest's file; without one (pytest did not get so far) there are no outcomes."""
        found = list(_outcomes(xml)) if xml.exists() else []
        return cls(target, seconds, cpu_seconds, status, found)

    def count(self, *states: str) -> int:
        """Count the tests that ended in one of these states."""
        return sum(outcome.state in states for outcome in self.outcomes)

    def failed(self) -> list[Outcome]:
        """Tests that failed or could not be set up."""
        return [outcome for outcome in self.outcomes if outcome.state in {"failed", "error"}]

    def left_out(self) -> list[Outcome]:
        """Tests that this machine lacked something for."""
        return [o for o in self.outcomes if o.state == "skipped" and LEFT_OUT in o.reason]

    def write(self, file: Path) -> None:
        """For ``table``, which a later process prints."""
        slowest = [(o.name, o.seconds) for o in self.slowest()]
        figures = {
            "target": self.target,
            "seconds": round(self.seconds, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "status": self.status,
            "passed": self.count("passed"),
            "failed": self.count("failed", "error"),
            "skipped": self.count("skipped"),
            "slowest": slowest,
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures), encoding="utf-8")

    def slowest(self) -> list[Outcome]:
        """The tests that took longest, longest first."""
        return sorted(self.outcomes, key=lambda outcome: -outcome.seconds)[:SLOWEST]


def table(files: Sequence[Path]) -> str:
    """Format the time of each target, and the slowest tests of all of them."""
    figures = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
    columns = ("seconds", "cpu_seconds", "passed", "failed", "skipped", "status")
    lines = ["".join([f"{'target':<12}", *(f"{name:>13}" for name in columns)])]
    lines += ["".join([f"{one['target']:<12}", *(f"{one.get(name, 0):>13}" for name in columns)]) for one in figures]
    slowest = sorted(((seconds, name) for one in figures for name, seconds in one["slowest"]), reverse=True)
    lines += ["", "slowest tests:", *(f"{seconds:8.1f} s  {name}" for seconds, name in slowest[:SLOWEST])]
    return "\n".join(lines)


def _outcomes(xml: Path) -> Iterable[Outcome]:
    # Written by our own pytest a moment ago.
    for case in ET.parse(xml).getroot().iter("testcase"):  # noqa: S314  # not a stranger's XML
        module = (case.get("classname") or "").replace(".", "/")
        name = f"{module}.py::{case.get('name')}"
        state, reason = "passed", ""
        for child in case:
            if child.tag in {"failure", "error", "skipped"}:
                state = {"failure": "failed"}.get(child.tag, child.tag)
                reason = child.get("message") or ""
        yield Outcome(name, float(case.get("time") or 0), state, reason)
