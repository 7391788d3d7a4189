"""The front end that drills come in through: made once, its credential in a file that notify reads."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.local.keys import write_private

CLIENT: Final = "drill"
Run = Callable[[Sequence[str], Mapping[str, str]], tuple[int, str]]
"""Runs a module with its arguments in an environment, to its end: its exit status, and what it wrote."""


def file_of(var: Path) -> Path:
    """Return the file of the credential."""
    return var / "drill" / "credential"


def ensure(var: Path, env: Mapping[str, str], run: Run) -> bool:
    """Make the front end unless there is a credential; ``env`` is that of intake. Whether there is one afterwards.

    Made anew too where intake refuses what the store holds of it, since it was changed there.
    """
    file = file_of(var)
    if file.exists() and _known(run, env):
        return True
    made, _ = front_end(run, env, CLIENT, "--per-minute", "60", "--scope", "reports:submit")
    if made:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(file, made)
    return bool(made)


def front_end(run: Run, env: Mapping[str, str], client_id: str, *may: str) -> tuple[str, str]:
    """Make a front end, or give it a new secret. Returns its ``<id>.<secret>``, empty if refused, and what was said."""
    wrote = ""
    # One of an earlier run keeps what it may: nobody knows its secret any more.
    for arguments in (("add", client_id, "--name", client_id, *may), ("rotate", client_id, "--only")):
        status, wrote = run(["tools.command", "client", *arguments, "--json"], env)
        told = [line for line in wrote.splitlines() if '"credential": ' in line] if status == 0 else []
        if told:
            return str(json.loads(told[-1])["credential"]), wrote
    return "", wrote


def _known(run: Run, env: Mapping[str, str]) -> bool:
    """Whether intake knows the front end, or does not say."""
    status, wrote = run(["tools.command", "client", "list", "--json"], env)
    return status != 0 or f'"id": "{CLIENT}"' in wrote
