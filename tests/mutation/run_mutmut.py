"""Runs mutmut in this folder, on the given lines only: a process of its own, since it imports the mutated tree."""

import json
import sys
from pathlib import Path

del sys.path[0]  # the folder of this file

from mutmut.__main__ import _run  # noqa: E402  # as said above
from mutmut.mutation.data import SourceFileMutationData  # noqa: E402  # as said above
from mutmut.mutation.diff_apply import get_diff_for_mutant  # noqa: E402  # as said above
from mutmut.state import state  # noqa: E402  # as said above
from mutmut.utils.file_utils import walk_mutatable_files  # noqa: E402  # as said above

lines, children, survived = json.loads(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
if lines is not None:
    # mutmut keeps here which lines tests cover, and mutates no others.
    state()._covered_lines = {str(Path("mutants", file).absolute()): set(found) for file, found in lines.items()}
_run((), children)
with Path("survivors.diff").open("w", encoding="utf-8") as out:
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            if code in survived:
                out.write(f"{name}\n{get_diff_for_mutant(name, path=path)}\n\n")
