"""Tables cell by cell, as data sets want them: one record for each published or hidden number."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from services.analytics.releases.published import Level, Table

Status = Literal["shown", "hidden"]
STATUSES: Final[tuple[Status, ...]] = ("shown", "hidden")


@dataclass(frozen=True, slots=True)
class Observation:
    """One cell. ``value`` is None exactly where ``status`` is ``hidden``: one mark, whatever hides it."""

    table: str
    period: str
    as_of: str
    coverage: tuple[int, int]
    """Months counted, and months of the period."""
    row: str
    level: Level
    together: tuple[str, ...]
    column: str
    value: int | None

    @property
    def status(self) -> Status:
        """Whether there is a number."""
        return "hidden" if self.value is None else "shown"

    def as_json(self) -> dict[str, Any]:
        """By the names of the fields."""
        return {
            "table": self.table,
            "period": self.period,
            "as_of": self.as_of,
            "months_covered": self.coverage[0],
            "months_in_period": self.coverage[1],
            "row": self.row,
            "level": self.level,
            **({"together": self.together} if self.together else {}),
            "column": self.column,
            "value": self.value,
            "status": self.status,
        }


def observations(table: Table) -> Iterator[Observation]:
    """Row by row, column by column, as the table has them; the total last, where there is one."""
    for row in table.listed:
        for column, figure in zip(table.columns, row.figures, strict=True):
            yield Observation(
                table.definition.name,
                table.period.name,
                table.as_of,
                table.coverage,
                row.key,
                table.level(row),
                row.of,
                column,
                figure.low if figure.exact else None,
            )
