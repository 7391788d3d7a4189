"""Results of tests that go on for hours, round after round with a new seed: kept, added up, gone on with after a stop.

Results are lines of ``<folder>/results.jsonl``; ``<folder>/summary.json`` adds them up.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

_FIRST_SEED: Final = 1000


class Results:
    """Results of earlier rounds, and the place for new ones."""

    def __init__(self, folder: Path, *, name: str = "", counted: Sequence[str], first_seed: int = _FIRST_SEED) -> None:
        """``folder`` is made if it does not exist. ``name`` keeps tests that share a folder apart.

        ``counted``: numbers of a round that the summary adds up; rounds of older versions may lack some.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._first_seed = first_seed
        self._file = folder / f"{name or 'results'}.jsonl"
        self._summary = folder / f"{f'{name}-' if name else ''}summary.json"
        self._counted = counted
        self.rounds: list[dict[str, Any]] = []
        if self._file.exists():
            self.rounds = [line for line in map(_parsed, self._file.read_bytes().splitlines()) if line is not None]

    @property
    def next_seed(self) -> int:
        """A seed no round has had."""
        return max([self._first_seed - 1, *(int(line["seed"]) for line in self.rounds)]) + 1

    def add(self, line: dict[str, Any]) -> None:
        """Keep a round, on disk first."""
        cut_off = self._file.exists() and self._file.read_bytes()[-1:] not in {b"", b"\n"}
        with self._file.open("ab") as file:
            file.write((b"\n" if cut_off else b"") + orjson.dumps(line) + b"\n")
        self.rounds.append(line)
        fresh = self._summary.with_suffix(".json.new")
        fresh.write_bytes(orjson.dumps(self.summary(), option=orjson.OPT_INDENT_2) + b"\n")
        fresh.replace(self._summary)

    def summary(self) -> dict[str, Any]:
        """All rounds together."""
        struck: Counter[str] = Counter()
        for line in self.rounds:
            struck.update(line["struck"])
        return {
            "rounds": len(self.rounds),
            "failed_seeds": [line["seed"] for line in self.rounds if line["faults"]],
            "struck": dict(sorted(struck.items())),
            **{name: sum(line.get(name, 0) for line in self.rounds) for name in self._counted},
            "seconds": round(sum(line["seconds"] for line in self.rounds)),
        }


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None  # the round that was being written when the power went
    return found if isinstance(found, dict) else None
