"""What the launcher and the demonstration write is readable by their user alone."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_folder_of_the_launcher_is_private(tmp_path: Path) -> None:
    var = tmp_path / "var"
    run = subprocess.run(
        [sys.executable, "-m", "tools.command", "keys", "show"],
        cwd=ROOT,
        env={**os.environ, "IEUM_VAR_DIR": str(var)},
        umask=0o022,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert var.stat().st_mode & 0o077 == 0


def test_the_demonstration_is_private_before_it_writes() -> None:
    # A wrong setting ends it at once; the mask is set before anything else and handed to whatever it starts.
    script = """
import os
from tools.command import main
print(main(["demo"]), oct(os.umask(0)))
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "DEMO_REPORTS": "none", "IEUM_KAFKA_PORT": "none"},
        umask=0o022,
        capture_output=True,
        check=False,
        text=True,
    )
    assert run.stdout.split() == ["78", "0o77"], run.stderr
