"""The front end that drills come in through: made once, its credential in a file that notify reads."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

CLIENT: Final = "drill"
Run = Callable[[Sequence[str], Mapping[str, str]], tuple[int, str]]
"""Runs a module with its arguments in an environment, to its end: its exit status, and what it wrote."""


def file_of(var: Path) -> Path:
    """Return the file of the credential."""
    return var / "drill" / "credential"


def ensure(var: Path, env: Mapping[str, str], run: Run) -> bool:
    """Make the front end unless there is a credential; ``env`` is that of intake. Whether there is one afterwards.

    Made anew too where intake refuses what the store holds of it: from before an upgrade, or changed there.
    """
    file = file_of(var)
    if file.exists() and _known(run, env):
        return True
    made = _client(run, env, "add", CLIENT, "--name", CLIENT, "--per-minute", "60", "--scope", "reports:submit")
    if made is None:
        # One of an earlier folder: nobody knows its secret any more.
        made = _client(run, env, "rotate", CLIENT, "--only")
    if made is None:
        return False
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as opened:
        opened.write(made)
    return True


def _known(run: Run, env: Mapping[str, str]) -> bool:
    """Whether intake knows the front end, or does not say."""
    status, wrote = run(["services.intake.clients", "list", "--json"], env)
    return status != 0 or f'"id": "{CLIENT}"' in wrote


def _client(run: Run, env: Mapping[str, str], *arguments: str) -> str | None:
    status, wrote = run(["services.intake.clients", *arguments, "--json"], env)
    told = [line for line in wrote.splitlines() if '"credential": ' in line] if status == 0 else []
    return str(json.loads(told[-1])["credential"]) if told else None
