"""Runs Node's tests of the compiled TypeScript client over a table of cases."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent


def assert_passes(script: str, cases: Sequence[dict[str, Any]], compiled: Path, folder: Path, *, tests: int) -> None:
    """Every test of the script passes, as many as are expected; ``folder`` holds the cases meanwhile."""
    table = folder / "cases.json"
    table.write_text(json.dumps(cases))
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", HERE / script],
        env={**os.environ, "CASES": str(table), "CLIENT": str(compiled / "dist/index.js")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert f"# pass {tests}" in done.stdout
