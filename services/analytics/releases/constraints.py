"""What is published, as integers and what is known of them: the system the solver looks for other worlds in.

A variable is a true count nobody published. A row bounds a sum. A choice says that at least one of several rows holds,
perhaps only if another choice was made: that is how the rules themselves are known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Sum = Mapping[str, int]
"""Coefficients by variable."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """``low <= sum <= high``; None leaves a side open."""

    of: Sum
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way a choice can come true: a row, and all the further choices below it."""

    row: Constraint
    then: tuple["Choice", ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """At least one of the ways holds."""

    ways: tuple[Way, ...]

    def variables(self) -> Iterable[str]:
        """All it speaks of."""
        for way in self.ways:
            yield from way.row.of
            for further in way.then:
                yield from further.variables()


@dataclass(slots=True)
class System:
    """Variables with their bounds, rows, choices. ``sums`` are cells of tables that are more than one variable."""

    tops: dict[str, int] = field(default_factory=dict)
    """Variables with the most each can be; the least is 0."""
    rows: list[Constraint] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    sums: dict[str, Sum] = field(default_factory=dict)

    def add(self, name: str, top: int) -> None:
        """A count from 0 to ``top``."""
        self.tops[name] = top

    def known(self) -> dict[str, int]:
        """Variables that a row states outright."""
        return {
            next(iter(row.of)): row.low
            for row in self.rows
            if list(row.of.values()) == [1] and row.low is not None and row.low == row.high
        }

    def blocks(self) -> list["System"]:
        """The parts that share no unknown variable, each to be solved on its own."""
        known = self.known()
        rows = [row for row in (_reduced(row, known) for row in self.rows) if row.of and not _idle(row, self.tops)]
        choices = [reduced for choice in self.choices if (reduced := _reduced_choice(choice, known)).ways]
        parents = {name: name for name in self.tops if name not in known}

        def root(name: str) -> str:
            while parents[name] != name:
                parents[name] = parents[parents[name]]
                name = parents[name]
            return name

        sums = {name: {v: k for v, k in of.items() if v not in known} for name, of in self.sums.items()}
        for group in (*(row.of for row in rows), *(tuple(choice.variables()) for choice in choices), *sums.values()):
            names = list(group)
            for other in names[1:]:
                parents[root(other)] = root(names[0])
        found: dict[str, System] = {}
        for name in parents:
            found.setdefault(root(name), System()).add(name, self.tops[name])
        for row in rows:
            found[root(next(iter(row.of)))].rows.append(row)
        for choice in choices:
            found[root(next(iter(choice.variables())))].choices.append(choice)
        for cell, of in sums.items():
            if of and len(of) == len(self.sums[cell]):
                found[root(next(iter(of)))].sums[cell] = of
        return list(found.values())


def _reduced(row: Constraint, known: Mapping[str, int]) -> Constraint:
    fixed = sum(k * known[name] for name, k in row.of.items() if name in known)
    return Constraint(
        {name: k for name, k in row.of.items() if name not in known},
        None if row.low is None else row.low - fixed,
        None if row.high is None else row.high - fixed,
    )


def _idle(row: Constraint, tops: Mapping[str, int]) -> bool:
    """Whether the variables' own bounds already say it."""
    least = sum(k * tops[name] for name, k in row.of.items() if k < 0)
    most = sum(k * tops[name] for name, k in row.of.items() if k > 0)
    return (row.low is None or row.low <= least) and (row.high is None or row.high >= most)


def _reduced_choice(choice: Choice, known: Mapping[str, int]) -> Choice:
    """Without what is known. A choice that a known number settles says nothing any more."""
    ways = []
    for way in choice.ways:
        row = _reduced(way.row, known)
        then = tuple(_reduced_choice(further, known) for further in way.then)
        if not row.of:
            settled = (row.low is None or row.low <= 0) and (row.high is None or row.high >= 0)
            if settled and not any(further.ways for further in then):
                return Choice(())
            if not settled:
                continue
        ways.append(Way(row, then))
    return Choice(tuple(ways))
