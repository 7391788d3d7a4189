"""The least and the most each hidden cell can be, by integer programs over the cells that depend on each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import highspy
import numpy as np

from tools.disclosure_attack.gathering import Cell
from tools.disclosure_attack.reasoning import MOST, SMALL, Bound, Problem

_TIME_S: Final = 30.0


def bounds(found: Problem, *, exact: bool) -> Iterator[Bound]:
    """Every cell that is not shown, with what it can be.

    ``exact`` proves of each that it is wide open, or finds both its ends; otherwise only as far as needed to see that a
    cell is open or leaked.
    """
    for block in _blocks(found):
        solver = _Block(found, block)
        for cell in block.cells:
            yield solver.bound(cell, exact=exact)


@dataclass(slots=True)
class _Part:
    cells: list[Cell] = field(default_factory=list)
    rows: list[tuple[dict[Cell, int], int, int]] = field(default_factory=list)
    small: list[tuple[Cell, ...]] = field(default_factory=list)


def _blocks(found: Problem) -> list[_Part]:
    unknown = [cell for cell in found.lows if found.fixed(cell) is None]
    parent = {cell: cell for cell in unknown}

    def root(cell: Cell) -> Cell:
        while parent[cell] != cell:
            parent[cell] = parent[parent[cell]]
            cell = parent[cell]
        return cell

    rows = []
    for row, low, high in found.rows:
        known = sum(k * found.lows[cell] for cell, k in row.items() if found.fixed(cell) is not None)
        left = {cell: k for cell, k in row.items() if found.fixed(cell) is None}
        if left:
            rows.append((left, low - known, high - known))
    for row, _, _ in rows:
        first, *others = row
        for cell in others:
            parent[root(cell)] = root(first)
    for first, *others in found.small:
        for cell in others:
            parent[root(cell)] = root(first)
    parts: dict[Cell, _Part] = {}
    for cell in unknown:
        parts.setdefault(root(cell), _Part()).cells.append(cell)
    for row, low, high in rows:
        parts[root(next(iter(row)))].rows.append((row, low, high))
    for cells in found.small:
        parts[root(cells[0])].small.append(cells)
    return list(parts.values())


class _Silent(highspy.Highs):
    """The solver prints its name while it is made, unless it is told not to before."""

    def enableCallbacks(self) -> None:  # noqa: N802  # highspy's name
        """Called by the constructor."""
        self.silent()
        super().enableCallbacks()  # type: ignore[no-untyped-call]  # highspy types only its core


class _Block:
    """The cells that depend on each other, as one integer program."""

    def __init__(self, found: Problem, part: _Part) -> None:
        self._index = {cell: number for number, cell in enumerate(part.cells)}
        self._seen: dict[Cell, set[int]] = {cell: set() for cell in part.cells}
        lows = [float(found.lows[cell]) for cell in part.cells]
        highs = [float(found.highs[cell]) for cell in part.cells]
        rows = [({self._index[cell]: float(k) for cell, k in row.items()}, low, high) for row, low, high in part.rows]
        for cells in part.small:
            switches = {}
            for cell in cells:
                column = len(lows)
                lows.append(0.0)
                highs.append(1.0)
                switches[column] = 1.0
                most = min(highs[self._index[cell]], 100_000.0)
                rows.append(({self._index[cell]: 1.0, column: most - SMALL + 1}, 0, int(most)))
            rows.append((switches, 1, len(cells)))
        self._lows = lows
        self._model = _model(lows, highs, rows)
        self._solver = _Silent()  # type: ignore[no-untyped-call]  # as above
        self._solver.setOptionValue("threads", 1)
        self._solver.setOptionValue("mip_rel_gap", 0.0)
        self._solver.passModel(self._model)

    def bound(self, cell: Cell, *, exact: bool) -> Bound:
        """The least and the most of a cell, as far as it is not open.

        A cell that can be both 0 and 5 or more is open, whatever its ends. With ``exact`` False, one number outside 1
        to 4 is enough.
        """
        seen = self._seen[cell]
        if not exact and any(value == 0 or value >= SMALL for value in seen):
            return Bound(cell, min(seen), max(seen), sure=False)
        low, sure_low = self._end(cell, 1.0)
        if sure_low and (low >= SMALL or (low == 0 and max(seen) >= SMALL)):
            return Bound(cell, low, max(seen))
        high, sure_high = self._end(cell, -1.0)
        return Bound(cell, low, high, sure_low and sure_high)

    def _end(self, cell: Cell, sense: float) -> tuple[int, bool]:
        solver, column = self._solver, self._index[cell]
        if sense > 0 and round(self._lows[column]) in self._seen[cell]:
            return round(self._lows[column]), True
        solver.changeColCost(column, sense)
        solver.setOptionValue("time_limit", solver.getRunTime() + _TIME_S)
        solver.run()
        status = solver.getModelStatus()
        values = solver.getSolution().col_value
        solver.changeColCost(column, 0.0)
        if status != highspy.HighsModelStatus.kOptimal:
            if status == highspy.HighsModelStatus.kInfeasible:
                raise ContradictionError(f"what is published contradicts itself near {cell}")
            return (0 if sense > 0 else MOST), False
        for each, number in self._index.items():
            self._seen[each].add(round(values[number]))
        return round(values[column]), True


class ContradictionError(Exception):
    """No true counts give what was published: one of the sources is wrong, or the attack's reading of them."""


def _model(
    lows: Sequence[float], highs: Sequence[float], rows: Sequence[tuple[dict[int, float], int, int]]
) -> highspy.HighsLp:
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(lows), len(rows)
    model.col_cost_, model.col_lower_, model.col_upper_ = np.zeros(len(lows)), np.array(lows), np.array(highs)
    model.row_lower_ = np.array([float(low) for _, low, _ in rows])
    model.row_upper_ = np.array([float(high) if high < MOST else highspy.kHighsInf for _, _, high in rows])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.array([0, *np.cumsum([len(row) for row, _, _ in rows])], dtype=np.int32)
    model.a_matrix_.index_ = np.array([c for row, _, _ in rows for c in row], dtype=np.int32)
    model.a_matrix_.value_ = np.array([k for row, _, _ in rows for k in row.values()], dtype=np.double)
    model.integrality_ = [highspy.HighsVarType.kInteger] * len(lows)
    return model
