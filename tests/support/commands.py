"""Run programs that a test needs."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LIMIT_S: Final = 400
"""A build that downloads what it needs takes minutes; one that takes longer than this hangs."""


def ran(
    command: Sequence[str | Path], folder: Path | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder and return what it printed; fail with its last words where it does not end well."""
    given = [str(part) for part in command]
    done = subprocess.run(
        given,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, f"{given[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}"
    return done
