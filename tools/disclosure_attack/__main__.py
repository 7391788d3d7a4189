"""``python -m tools.disclosure_attack FOLDER``: try to undo what is in it; exit status 1 if a count of 1 to 4 is found.

``--from URL --token-file FILE`` first fetches everything from a running service into the folder.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from tools.disclosure_attack.gathering import Published, Revision, Said, Stray, collect, every_stray, read, revisions
from tools.disclosure_attack.reasoning import Bound, problem
from tools.disclosure_attack.solving import bounds


@dataclass(frozen=True, slots=True)
class Result:
    """Result of an attack."""

    tables: int
    cells: int
    """Hidden cells tried."""
    leaked: tuple[Bound, ...]
    narrowed: tuple[Bound, ...]
    strays: tuple[Stray, ...]
    unsure: int
    seconds: float

    @property
    def summary(self) -> str:
        """One line."""
        tried = f"{self.tables} tables, {self.cells} hidden cells tried in {self.seconds:.1f} s"
        found = f"{len(self.leaked)} leaked, {len(self.narrowed)} narrowed, {len(self.strays)} strays in pages"
        return f"{tried}: {found}, {self.unsure} out of time"

    @property
    def failed(self) -> bool:
        """The attack found nothing: the protection held."""
        return not self.leaked and not self.strays


def attack(folder: Path, *, exact: bool = True) -> Result:
    """Try every attack on a folder of publications; year by year, which share no report."""
    begun = time.monotonic()
    tables, said = read(folder)
    every = revisions(folder)
    found: list[Bound] = []
    for year in sorted({table.period[:4] for table in tables}):
        found += bounds(problem(*_of_year(year, tables, said, every)), exact=exact)
    return Result(
        tables=len(tables),
        cells=len(found),
        leaked=tuple(bound for bound in found if bound.leaked),
        narrowed=tuple(bound for bound in found if exact and bound.narrowed and not bound.leaked),
        strays=tuple(every_stray(folder)),
        unsure=sum(not bound.sure for bound in found) if exact else 0,
        seconds=time.monotonic() - begun,
    )


def _of_year(
    year: str, tables: Sequence[Published], said: Sequence[Said], every: Sequence[Revision]
) -> tuple[list[Published], list[Said], list[Revision]]:
    own = [table for table in tables if table.period.startswith(year)]
    return (
        own,
        [one for one in said if one.cell.period.startswith(year)],
        [one for one in every if one.period.startswith(year)],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack, print what was found, the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.disclosure_attack", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="url", help="a running service, to fetch everything from first")
    parser.add_argument("--token-file", type=Path, help="an analyst's bearer token")
    parser.add_argument("--quick", action="store_true", help="only until each cell is seen to be open")
    options = parser.parse_args(arguments)
    if options.url:
        token = options.token_file.read_text(encoding="utf-8").strip() if options.token_file else ""
        asyncio.run(_fetch(options.url, token, options.folder))
    result = attack(options.folder, exact=not options.quick)
    for bound in (*result.leaked, *result.narrowed):
        kind = "LEAKED" if bound.leaked else "narrowed"
        where = bound.cell
        sys.stdout.write(
            f"{kind}: {where.table} {where.period} {where.row} {where.column}: {bound.low}..{bound.high}\n"
        )
    for stray in result.strays:
        sys.stdout.write(f"LEAKED: {stray.source}: {stray.text} beside {stray.label}\n")
    sys.stdout.write(f"{result.summary}\n")
    return 0 if result.failed else 1


async def _fetch(url: str, token: str, folder: Path) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        files = await collect(client, folder)
    sys.stdout.write(f"{files} files fetched from {url}\n")


if __name__ == "__main__":
    sys.exit(main())
