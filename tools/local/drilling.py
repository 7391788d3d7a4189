"""The front end that drills come in through: made once, its credential in a file that notify reads."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.local.processes import PROJECT

CLIENT: Final = "drill"


def file_of(var: Path) -> Path:
    """Return the file of the credential."""
    return var / "drill" / "credential"


def ensure(var: Path, env: Mapping[str, str]) -> bool:
    """Make the front end unless there is a credential; ``env`` is that of intake. Whether there is one afterwards."""
    file = file_of(var)
    if file.exists():
        return True
    made = _client(env, "add", CLIENT, "--name", CLIENT, "--per-minute", "60", "--scope", "reports:submit")
    if made is None:
        # One of an earlier folder: nobody knows its secret any more.
        made = _client(env, "rotate", CLIENT, "--only")
    if made is None:
        return False
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as opened:
        opened.write(made)
    return True


def _client(env: Mapping[str, str], *arguments: str) -> str | None:
    done = subprocess.run(
        [sys.executable, "-m", "services.intake.clients", *arguments, "--json"],
        cwd=PROJECT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return str(json.loads(done.stdout.splitlines()[-1])["credential"]) if done.returncode == 0 else None
