"""``python -m tests.disclosure.published_tool``: made-up years, beside what a published tool would hide and find.

Needs ``Rscript`` with the R packages sdcTable and sdcHierarchies; no test does. Each table of a release is given to it
alone: its own suppression of the same tree of counts (HITAS, cells from 0 to 4 are sensitive), and its
attack on what we hide. Prints how many cells are hidden by both, by it alone and by us alone, and each cell that it
calls sensitive and we show, or that its attack finds between numbers that are not both 0 and 5 or more.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from services.analytics.releases.calendar import period_of
from services.analytics.releases.hierarchies import CENTERS, TOTAL, Tree
from services.analytics.releases.release import BETWEEN, Release
from services.analytics.releases.suppression import MonthCounts, Shown, joined, places, subtotal
from services.analytics.releases.tables import (
    BY_CENTER,
    STEPS,
    TABLE_SPECS,
    WITHHELD,
    Marks,
    Split,
    added,
    center_counts,
)
from tests.disclosure.publishing import released

_SCRIPT: Final = Path(__file__).with_suffix(".R")
_SENSITIVE: Final = "u"
SMALL: Final = 5


def problems(
    release: Release, entries: Mapping[str, Release], counts: Mapping[str, MonthCounts]
) -> Iterator[dict[str, Any]]:
    """Each table that a release decides, as the tree of its true counts and what is shown of it."""
    months = [counts[month] for month in release.months]
    reports = joined([entries[month].tables[BY_CENTER] for month in release.months])
    for name, shown in release.tables.items():
        spec = TABLE_SPECS[name]
        how = spec.protection
        if isinstance(how, Split) and spec.base == "period" and spec.kinds[0] == release.kind and TOTAL in shown:
            leaves = added([spec.leaf_counts(month) or {} for month in months])
            yield _problem(f"{release.period}/{name}", spec.hierarchy(period_of(release.period)), leaves, shown)
        elif isinstance(how, Marks) and how.by_place:
            by_mark = [spec.mark_counts(month) or {} for month in months]
            for mark in how.names:
                if (step := release.coarser.get(mark, STEPS[0])) != WITHHELD:
                    tree = places(CENTERS, reports, depth=how.depth(release.kind, step))
                    own = center_counts(added([each.get(mark, {}) for each in by_mark]))
                    of_mark = {
                        key.partition(BETWEEN)[0]: n for key, n in shown.items() if key.endswith(f"{BETWEEN}{mark}")
                    }
                    yield _problem(f"{release.period}/{name}/{mark}", tree, _of(tree, own), of_mark, reports)


def _of(tree: Tree, centers: Mapping[str, int]) -> dict[str, int]:
    return {leaf: sum(centers[key] for key in leaf.split("+")) for leaf in tree.leaves() if leaf != TOTAL}


def _problem(
    name: str, tree: Tree, leaves: Mapping[str, int], shown: Shown, reports: Shown | None = None
) -> dict[str, Any]:
    names = {node.key: f"n{number:03d}" for number, node in enumerate(tree.nodes())} | {TOTAL: "t"}
    found = {
        "name": name,
        "tree": [
            {"of": names[node.key], "parts": [names[part.key] for part in node.parts]}
            for node in tree.nodes()
            if node.parts
        ],
        "counts": {names[key]: subtotal(Tree(key), leaves) for key in tree.leaves()},
        "shown": [names[key] for key in shown if key in names],
        "keys": {short: key for key, short in names.items()},
    }
    if reports is not None:
        found["unmarked"] = {names[key]: reports[key] - leaves.get(key, 0) for key in tree.leaves()}
    return found


def asked(wanted: Sequence[dict[str, Any]]) -> list[list[str]]:
    """What the tool says: problem, node, count, its status, whether we hide it, the least and most its attack finds."""
    with TemporaryDirectory() as folder:
        given, into = Path(folder) / "given.json", Path(folder) / "said.tsv"
        given.write_text(json.dumps(wanted), encoding="utf-8")
        subprocess.run(["Rscript", str(_SCRIPT), str(given), str(into)], check=True, stdout=subprocess.DEVNULL)
        return [line.split("\t") for line in into.read_text(encoding="utf-8").splitlines()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Release, ask, compare; 1 where a sensitive cell is shown or a hidden one narrowed."""
    parser = argparse.ArgumentParser(prog="python -m tests.disclosure.published_tool", description=__doc__)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--per-day", type=float, default=28.0, help="reports a day in the whole country")
    parser.add_argument("--uneven", action="store_true", help="centres as unlike as their residents, months too")
    options = parser.parse_args(arguments)
    entries: dict[str, Release] = {}
    wanted: list[dict[str, Any]] = []
    for release, _, counts in released(range(2026, 2026 + options.years), options.per_day, 1, uneven=options.uneven):
        entries[release.period] = release
        wanted += [each for each in problems(release, entries, counts) if len(each["counts"]) > 1]
    keys = {each["name"]: each["keys"] for each in wanted}
    sums: Counter[tuple[str, str]] = Counter()
    bad = 0
    for name, node, count, status, hidden, low, up in asked(wanted):
        table = name.split("/")[1]
        theirs, ours = status in {"u", "x"}, hidden == "1"
        kind = ("both" if ours else "theirs") if theirs else "ours" if ours else "neither"
        sums[table, "failed" if status == "failed" else kind] += 1
        narrow = ours and float(count) < SMALL and not (float(low) <= 0 and float(up) >= SMALL)
        if (status == _SENSITIVE and not ours) or narrow:
            bad += 1
            sys.stdout.write(f"{name} {keys[name][node]}: {'shown' if not ours else f'from {low} to {up}'}\n")
    for table in dict.fromkeys(table for table, _ in sums):
        by = {kind: sums[table, kind] for kind in ("both", "theirs", "ours", "neither", "failed")}
        sys.stdout.write(
            f"{table}: hidden by both {by['both']}, by sdcTable alone {by['theirs']}, by us alone {by['ours']}, "
            f"by neither {by['neither']}, not decided by sdcTable {by['failed']}\n"
        )
    sys.stdout.write(f"{len(wanted)} tables, {sum(sums.values())} cells: {bad} sensitive ones shown or narrowed\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
