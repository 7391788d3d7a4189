"""The TypeScript client as it is installed."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
TYPESCRIPT: Final = ROOT / "clients" / "typescript"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as it is installed."""
    folder = tmp_path_factory.mktemp("client")
    built(folder)
    return folder


def built(folder: Path) -> None:
    """The TypeScript client, compiled into a folder."""
    found = subprocess.run(
        [ROOT / "tools" / "local" / "node_tools.sh", "the TypeScript client"],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    if found.returncode:
        pytest.skip(found.stdout.strip())
    # As a package: its own imports are found by way of its own dist.
    for name in ("package.json", "tsconfig.json"):
        (folder / name).write_bytes((TYPESCRIPT / name).read_bytes())
    shutil.copytree(TYPESCRIPT / "src", folder / "src")
    done = subprocess.run(
        [ROOT / "node_modules" / ".bin" / "tsc", "-p", folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
