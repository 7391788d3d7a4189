"""The front end for drills: kept while intake knows it, made anew where intake refuses what the store holds of it."""

import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.local import drilling


class Intake:
    """Intake's command; ``known`` are its front ends, None while the store is away."""

    def __init__(self, *known: str) -> None:
        self.known: list[str] | None = [*known]
        self.made = 0

    def __call__(self, words: Sequence[str], _: Mapping[str, str]) -> tuple[int, str]:
        if self.known is None:
            return 75, "store: gone\n"
        if words[2] == "list":
            return 0, json.dumps([{"id": name, "name": name} for name in self.known]) + "\n"
        if words[2] == "add" and "drill" in self.known:
            return 1, "drill: exists\n"
        self.made += 1
        self.known = ["drill"]
        return 0, json.dumps({"id": "drill", "credential": f"drill.{self.made}"}) + "\n"


def test_it_is_made_once_and_anew_only_where_intake_does_not_know_it(tmp_path: Path) -> None:
    intake, file = Intake("shop"), drilling.file_of(tmp_path)
    for known, credential in ((["shop"], "drill.1"), (["drill"], "drill.1"), ([], "drill.2"), (None, "drill.2")):
        intake.known = known
        assert drilling.ensure(tmp_path, {}, intake)
        assert file.read_text("ascii") == credential
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_one_of_an_earlier_folder_gets_a_new_secret(tmp_path: Path) -> None:
    assert drilling.ensure(tmp_path, {}, Intake("drill"))
    assert drilling.file_of(tmp_path).read_text("ascii") == "drill.1"
