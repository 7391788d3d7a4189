"""The solver behind the disclosure audit. Imported only where a release is proven: it brings numpy."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import highspy
import numpy as np

from services.analytics.releases.intruder_model import Choice, Constraint, Sum, System
from services.analytics.releases.suppression import SMALL

Outcome = Literal["open", "contradiction", "out_of_time"]
_CORRECTED: Final = "#"
"""After the name of a cell: the column of its sum that is compared with former revisions."""


class _Quiet(highspy.Highs):
    """A solver that prints nothing, not even its name, among the service's log lines."""

    def enableCallbacks(self) -> None:  # noqa: N802  # highspy's name
        """Called while it is made, which is when it would print."""
        self.silent()
        self.setOptionValue("threads", 1)
        super().enableCallbacks()  # type: ignore[no-untyped-call]  # highspy types only its core


class Block:
    """One block as a mixed integer program, solved again and again with one cell held at 0 or at 5 and more."""

    def __init__(self, block: System) -> None:
        self._names: list[str] = [*block.tops, *block.sums]
        self._before = {f"{name}{_CORRECTED}": each.before for name, each in block.corrected.items()}
        sums = {**block.sums, **{f"{name}{_CORRECTED}": each.of for name, each in block.corrected.items()}}
        self._column = {name: index for index, name in enumerate((*block.tops, *sums))}
        self._tops = {**block.tops, **{n: sum(block.tops[v] * k for v, k in s.items()) for n, s in sums.items()}}
        self._uppers: list[float] = [float(self._tops[name]) for name in self._column]
        self._rows: list[tuple[dict[int, float], float, float]] = []
        self.seconds = 0.0
        self.narrow: list[str] = []
        """Cells that can be below 5 and cannot be both 0 and 5 or more; corrected ones that differ by less for sure."""
        self._zero: set[str] = set()
        self._five: set[str] = set()
        for name, of in sums.items():
            self._add(Constraint({**of, name: -1}, 0, 0))
        for row in block.rows:
            self._add(row)
        for choice in block.choices:
            self._choose(choice, None)
        self._integers = len(self._uppers)
        for name in self._names:
            self._rows.append(({self._column[name]: 1.0, len(self._uppers): -float(SMALL)}, 0.0, highspy.kHighsInf))
            self._uppers.append(1.0)
        self._solver = self._made()

    def _add(self, row: Constraint, on: int | None = None) -> None:
        """A row; with ``on``, only where that switch is 1."""
        columns = {self._column[name]: float(k) for name, k in row.of.items()}
        spread = [(k * self._uppers[c]) for c, k in columns.items()]
        least, most = sum(s for s in spread if s < 0), sum(s for s in spread if s > 0)
        if row.low is not None:
            extra = {} if on is None else {on: -(row.low - least)}
            self._rows.append(({**columns, **extra}, float(row.low if on is None else least), highspy.kHighsInf))
        if row.high is not None:
            extra = {} if on is None else {on: most - row.high}
            self._rows.append(({**columns, **extra}, -highspy.kHighsInf, float(row.high if on is None else most)))

    def _choose(self, choice: Choice, on: int | None) -> None:
        switches = []
        for way in choice.ways:
            switch = len(self._uppers)
            self._uppers.append(1.0)
            switches.append(switch)
            self._add(way.row, switch)
            for further in way.then:
                self._choose(further, switch)
        held = dict.fromkeys(switches, 1.0) | ({} if on is None else {on: -1.0})
        self._rows.append((held, 1.0 if on is None else 0.0, highspy.kHighsInf))

    def _made(self) -> highspy.Highs:
        columns, rows = len(self._uppers), len(self._rows)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = columns, rows
        model.col_cost_, model.col_lower_ = np.zeros(columns), np.zeros(columns)
        model.col_upper_ = np.array(self._uppers)
        model.row_lower_ = np.array([low for _, low, _ in self._rows])
        model.row_upper_ = np.array([high for _, _, high in self._rows])
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array([0, *np.cumsum([len(of) for of, _, _ in self._rows])], dtype=np.int32)
        model.a_matrix_.index_ = np.array([c for of, _, _ in self._rows for c in of], dtype=np.int32)
        model.a_matrix_.value_ = np.array([k for of, _, _ in self._rows for k in of.values()], dtype=np.double)
        model.integrality_ = [highspy.HighsVarType.kInteger] * self._integers
        model.integrality_ += [highspy.HighsVarType.kContinuous] * (columns - self._integers)
        solver = _Quiet()  # type: ignore[no-untyped-call]  # as above
        solver.setOptionValue("mip_rel_gap", highspy.kHighsInf)
        # What it finds first settles few other cells: with it a year took up to twice the time to prove.
        solver.setOptionValue("mip_heuristic_run_feasibility_jump", False)
        solver.passModel(model)
        return solver

    def look(self, limit_s: float) -> Outcome:
        """Look for the worlds of every cell; of one without any there is none at all: a contradiction."""
        for name in self._names:
            column = self._column[name]
            zero = name in self._zero or self._world(column, 0, 0, limit_s)
            five = name in self._five or self._world(column, SMALL, self._tops[name], limit_s)
            below = False if zero else self._world(column, 1, min(SMALL - 1, self._tops[name]), limit_s)
            if None in (zero, five, below):
                return "out_of_time"
            if not (zero or five or below):
                return "contradiction"
            if below or not five:
                self.narrow.append(name)
        return self._look_at_corrections(limit_s)

    def _look_at_corrections(self, limit_s: float) -> Outcome:
        """Look for a world of each hidden number in which it differs from a former one by 5 and more.

        Without one it is narrow, unless it cannot differ at all.
        """
        for name, before in self._before.items():
            column, top = self._column[name], self._tops[name]
            for n in before:
                far = self._any_world(column, ((0, n - SMALL), (n + SMALL, top)), limit_s)
                near = not far and self._any_world(column, ((n - SMALL + 1, n - 1), (n + 1, n + SMALL - 1)), limit_s)
                if None in (far, near):
                    return "out_of_time"
                if near:
                    self.narrow.append(name.removesuffix(_CORRECTED))
        self.narrow = [*dict.fromkeys(self.narrow)]
        return "open"

    def narrows(self, cell: str, of: Sum, before: System, limit_s: float) -> tuple[bool | None, float]:
        """Whether a cell, the sum ``of``, could be what it cannot be here, ``before`` the release; and the seconds.

        None: out of time.
        """
        if not of.keys() <= before.tops.keys():
            return True, 0.0
        if cell in self._names and cell not in before.tops:
            before = replace(before, sums={**before.sums, cell: of})
        found = (each for each in before.blocks() if cell in {*each.tops, *each.sums, *each.corrected})
        could: list[bool] | None = []
        seconds = 0.0
        for block in (block for each in found for block in (each, each.certain())):
            then = Block(block)
            could = then.possible(cell, limit_s - seconds)
            seconds += then.seconds
            if could is None or any(could):
                break
        begun = self.seconds
        can = self.possible(cell, begun + limit_s - seconds)
        seconds += self.seconds - begun
        if could is None or can is None:
            return None, seconds
        return len(could) != len(can) or any(was and not is_ for was, is_ in zip(could, can, strict=True)), seconds

    def possible(self, cell: str, limit_s: float) -> list[bool] | None:
        """Whether a cell can be 0, 1, 2, 3, 4, and more; so, too, how it differs from each former number. None: time.

        ``limit_s``: of all that this block was asked.
        """
        asked: list[tuple[str, Sequence[tuple[int, int]]]] = []
        if cell in self._names:
            top = self._tops[cell]
            asked += [(cell, ((n, min(n, top)),)) for n in range(SMALL)]
            asked.append((cell, ((SMALL, top),)))
        name = f"{cell}{_CORRECTED}"
        for n in self._before.get(name, ()):
            asked += [(name, ((n + by, n + by),)) for by in range(1 - SMALL, SMALL)]
            asked.append((name, ((0, n - SMALL), (n + SMALL, self._tops[name]))))
        answers = [self._any_world(self._column[column], ranges, limit_s) for column, ranges in asked]
        return None if None in answers else [answer for answer in answers if answer is not None]

    def _any_world(self, column: int, ranges: Sequence[tuple[int, int]], limit_s: float) -> bool | None:
        answer: bool | None = False
        for low, high in ranges:
            found = self._world(column, max(0, low), high, limit_s)
            if found:
                return True
            answer = None if found is None else answer
        return answer

    def _world(self, column: int, low: int, high: int, limit_s: float) -> bool | None:
        """Return whether there is one; None if time ran out. The solver's own time counts all its runs."""
        if low > high:
            return False
        if limit_s <= self.seconds:
            return None
        solver = self._solver
        self._prefer(low, high)
        solver.changeColBounds(column, low, high)
        solver.setOptionValue("time_limit", limit_s)
        solver.run()
        self.seconds = solver.getRunTime()
        status = solver.getModelStatus()
        found = solver.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        if found:  # a world answers even where time ran out while a better one was looked for
            self._remember(solver.getSolution().col_value)
        solver.changeColBounds(column, 0, self._uppers[column])
        return found or (False if status == highspy.HighsModelStatus.kInfeasible else None)

    def _prefer(self, low: int, high: int) -> None:
        """Among the worlds asked for, prefer one that also settles other cells: many that are 0, or 5 and more.

        Any world answers the question, so the search ends with the first (``mip_rel_gap``), or soon after.
        """
        costs = np.zeros(len(self._uppers))
        for index, name in enumerate(self._names):
            if high == 0 and name not in self._zero:
                costs[self._column[name]] = 1.0
            elif low == SMALL and name not in self._five:
                costs[self._integers + index] = -1.0
        self._solver.changeColsCost(len(costs), np.arange(len(costs), dtype=np.int32), costs)

    def _remember(self, values: Sequence[float]) -> None:
        for name, column in self._column.items():
            value = round(values[column])
            if value == 0:
                self._zero.add(name)
            elif value >= SMALL:
                self._five.add(name)
