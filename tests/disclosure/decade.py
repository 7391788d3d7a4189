"""``python -m tests.disclosure.decade``: years of releases, fetched as anybody would, then attacked.

Prints for each release how long the proof took and how far down the ladder it went, and for each table how much is
hidden; ends with 1 where the attack finds a count of 1 to 4, or cannot finish in its time.
"""

import argparse
import asyncio
import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from services.analytics.releases.release import Release
from services.analytics.releases.tables import WITHHELD
from tests.disclosure.publishing import fetched, released
from tools.disclosure_attack.__main__ import attack

_FIRST: int = 2026
_FOLDER = Path("var/attack")


def main(arguments: Sequence[str] | None = None) -> int:
    """Release, fetch, attack; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.disclosure.decade", description=__doc__)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--per-day", type=float, default=28.0, help="reports a day in the whole country")
    parser.add_argument("--uneven", action="store_true", help="centres as unlike as their residents, months too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="attack only until each cell is seen to be open")
    options = parser.parse_args(arguments)
    folder = _FOLDER / f"{options.per_day:g}-a-day{'-uneven' * options.uneven}"
    shutil.rmtree(folder, ignore_errors=True)
    entries: list[Release] = []
    proofs = []
    years = range(_FIRST, _FIRST + options.years)
    for release, proof, _ in released(years, options.per_day, options.seed, uneven=options.uneven):
        entries.append(release)
        proofs.append((proof.seconds, release.period))
        if release.kind != "month" or release.step != "full":
            steps = dict(release.coarser) or release.step
            _say(f"{release.period}: {steps}, {proof.checked} cells proven in {proof.seconds:.2f} s")
    _say(f"{len(entries)} releases, {sum(e.step == WITHHELD for e in entries)} withheld; slowest proof {max(proofs)}")
    files = asyncio.run(fetched(entries, folder))
    _say(f"{files} files fetched")
    _costs(folder)
    result = attack(folder, exact=not options.quick)
    for bound in (*result.leaked, *result.narrowed):
        _say(f"{'LEAKED' if bound.leaked else 'narrowed'}: {bound}")
    for stray in result.strays:
        _say(f"LEAKED: {stray}")
    _say(result.summary)
    return 0 if result.failed and not result.narrowed and not result.unsure else 1


def _costs(folder: Path) -> None:
    cells: Counter[tuple[str, int]] = Counter()
    between: Counter[tuple[str, int]] = Counter()
    hidden: Counter[tuple[str, int]] = Counter()
    lost: dict[tuple[str, int], list[float]] = {}
    for path in folder.glob("tables/*/*.en.json"):
        body = json.loads(path.read_text(encoding="utf-8"))
        key = body["name"], len(body["months"])
        cells[key] += body["protection"]["cells"]
        hidden[key] += body["protection"]["hidden"]
        between[key] += body["protection"]["intervals"]
        if body["protection"]["share_lost"] is not None:
            lost.setdefault(key, []).append(body["protection"]["share_lost"])
    for key in sorted(cells):
        share = sum(lost.get(key, [])) / max(1, len(lost.get(key, [])))
        _say(
            f"{key[0]}, {key[1]} months: {hidden[key] / cells[key]:.1%} of cells hidden, "
            f"{share:.1%} of counts in them, {between[key] / cells[key]:.1%} intervals"
        )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
