"""Results of long tests are kept, and a second start goes on where the first was stopped."""

from pathlib import Path
from typing import Any

import orjson

from tests.support import rounds


def results_in(folder: Path) -> rounds.Results:
    return rounds.Results(folder, counted=("accepted",))


def line(seed: int, *faults: str) -> dict[str, Any]:
    counts = ("withdrawn", "moved", "zombies", "records_twice", "routings_ignored", "routings_ignored_other_owner")
    struck = {"kill store": 2, "freeze routing": 1}
    return {
        "seed": seed,
        "faults": list(faults),
        "accepted": 10,
        "struck": struck,
        "seconds": 1.5,
        **dict.fromkeys(counts, 1),
    }


def test_a_second_start_goes_on_after_the_last_kept_round(tmp_path: Path) -> None:
    first = results_in(tmp_path)
    assert first.next_seed == 1000
    first.add(line(1000))
    first.add(line(1001, "lost"))
    again = results_in(tmp_path)
    assert (len(again.rounds), again.next_seed) == (2, 1002)


def test_a_line_cut_off_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    results_in(tmp_path).add(line(1000))
    with (tmp_path / "results.jsonl").open("ab") as file:
        file.write(b'{"seed": 1001, "fau')
    assert results_in(tmp_path).next_seed == 1001


def test_a_round_after_a_cut_off_line_is_kept(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_bytes(b'{"seed": 1000, "fau')
    results_in(tmp_path).add(line(1000))
    assert len(results_in(tmp_path).rounds) == 1


def test_the_summary_adds_up_and_names_failures(tmp_path: Path) -> None:
    results = results_in(tmp_path)
    results.add(line(1000))
    results.add(line(1001, "lost"))
    summary = orjson.loads((tmp_path / "summary.json").read_bytes())
    assert summary["failed_seeds"] == [1001]
    assert summary["struck"] == {"freeze routing": 2, "kill store": 4}
    assert summary["accepted"] == 20
