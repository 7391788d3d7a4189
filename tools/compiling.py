"""Compiles the hot, pure rooms with mypyc: the same sources, checked by the same mypy, faster.

``python -m tools.compiling [FOLDER]`` copies ``services`` and ``shared`` and compiles ``COMPILED`` there. Nothing
is ever compiled beside its source: a library left lying there would hide every later change. Without a folder the copy
lies under ``var/compiled``, named by what it was made from, and is made only once; its path is printed. A process with
it as working directory is the compiled one. Needs a C compiler and Python's headers; where they are missing the sources
run as they are (decision record 22).
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.local.processes import PROJECT

PACKAGES: Final = ("services", "shared")
COMPILED: Final = (
    "services/routing/assignment/geography.py",
    "services/routing/assignment/models.py",
    "services/routing/assignment/replay.py",
    "services/routing/assignment/rules.py",
    "services/routing/transitions",
    "services/routing/state/partition.py",
    "services/routing/state/recount.py",
    "services/routing/state/report_states.py",
    "services/routing/state/waiting.py",
    "services/routing/model.py",
    "services/routing/rendering.py",
    "shared/kafka/decoding.py",
    "shared/events/catalog.py",
    "shared/events/envelope.py",
)
"""Modules and packages without I/O in which most of a decision's time is spent."""
_LEFT_OUT: Final = frozenset(f"services/routing/{package}/__init__.py" for package in ("transitions",))
_KEPT: Final = 2
"""Copies of the newest sources that are kept."""
_CONFIGURATION: Final = "pyproject.toml"


def modules(root: Path) -> list[str]:
    """What is compiled, as paths below ``root``."""
    found = []
    for name in COMPILED:
        path = root / name
        found += sorted(path.glob("*.py")) if path.is_dir() else [path]
    return [name for path in found if (name := path.relative_to(root).as_posix()) not in _LEFT_OUT]


def compiler() -> str | None:
    """The C compiler Python's own settings name, where there is one; without Python's headers it is of no use."""
    named = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    return shutil.which(named) if headers.exists() else None


def copied(root: Path = PROJECT) -> Path | None:
    """The compiled copy of the sources as they are now; made if it is not there. None where no compiler is."""
    if compiler() is None:
        return None
    made = root / "var" / "compiled"
    wanted = made / made_from(root)
    if not wanted.exists():
        half = made / f"{wanted.name}.{os.getpid()}"
        shutil.rmtree(half, ignore_errors=True)
        build(half, root)
        try:
            half.rename(wanted)
        except OSError:  # somebody else was faster
            shutil.rmtree(half)
        _forget_old(made, wanted)
    return wanted


def build(folder: Path, root: Path = PROJECT) -> None:
    """Copy the sources to a folder and compile there. Raises ``CalledProcessError`` with the compiler's words shown."""
    for package in PACKAGES:
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / _CONFIGURATION, folder)
    command = [sys.executable, "-c", "import sys; from mypyc.__main__ import main; main()", *modules(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()
    shutil.rmtree(folder / "build")


def made_from(root: Path) -> str:
    """A name for the sources as they are, this Python and this way of compiling."""
    told = hashlib.sha256(f"{sys.version}{sysconfig.get_platform()}".encode())
    told.update(Path(__file__).read_bytes())
    for path in _sources(root):
        told.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return told.hexdigest()[:16]


def _sources(root: Path) -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted(p for p in (root / package).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    yield root / _CONFIGURATION


def _forget_old(made: Path, wanted: Path) -> None:
    others = sorted((p for p in made.iterdir() if p != wanted), key=lambda path: path.stat().st_mtime)
    for old in others[: -_KEPT + 1]:
        shutil.rmtree(old, ignore_errors=True)


def main() -> int:
    """Compile; print where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="an empty or new folder")
    given = parser.parse_args()
    if compiler() is None:
        sys.stderr.write("no C compiler, or Python without its headers: nothing compiled\n")
        return 1
    if given.folder is not None:
        build(given.folder)
    sys.stdout.write(f"{given.folder or copied()}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
