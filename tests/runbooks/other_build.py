"""The recount as a build of another version runs it: ``python -m tests.runbooks.other_build FILE SECONDS``.

``FILE`` holds the version; where there is none it is this build's own.
"""

import platform
import sys
from pathlib import Path

from services.routing import recount
from shared.metrics import BUILD_INFO


def main(file: str, *arguments: str) -> None:
    """Run the recount."""
    version = Path(file)
    if version.exists():
        BUILD_INFO.clear()
        BUILD_INFO.labels(version.read_text(encoding="ascii"), platform.python_version()).set(1)
    recount.command(*map(float, arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
