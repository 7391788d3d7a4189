"""Tables cell by cell, as data sets want them: one record for each published or hidden number."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from services.analytics.releases.published import Level, Table

Status = Literal["shown", "interval", "hidden"]
STATUSES: Final[tuple[Status, ...]] = ("shown", "interval", "hidden")


@dataclass(frozen=True, slots=True)
class Observation:
    """One cell. Without ``value`` it is an interval or hidden; hidden is one mark, whatever hides it."""

    table: str
    period: str
    as_of: str
    revision: int
    coverage: tuple[int, int]
    """Months counted, and months of the period."""
    row: str
    level: Level
    together: tuple[str, ...]
    column: str
    value: int | None
    at_least: int | None
    at_most: int | None
    """Its upper bound, included; the value itself if there is one, and nothing if it is hidden."""

    @property
    def status(self) -> Status:
        """Whether there is a number, or two that it lies between."""
        if self.value is not None:
            return "shown"
        return "hidden" if self.at_least is None else "interval"

    def as_json(self) -> dict[str, Any]:
        """By the names of the fields."""
        return {
            "table": self.table,
            "period": self.period,
            "as_of": self.as_of,
            "revision": self.revision,
            "months_covered": self.coverage[0],
            "months_in_period": self.coverage[1],
            "row": self.row,
            "level": self.level,
            **({"together": self.together} if self.together else {}),
            "column": self.column,
            "value": self.value,
            "at_least": self.at_least,
            "at_most": self.at_most,
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
                table.revision,
                table.coverage,
                row.key,
                table.level(row),
                row.of,
                column,
                figure.low if figure.exact else None,
                figure.low,
                figure.high,
            )
