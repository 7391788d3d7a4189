"""The recount as a build of another version runs it: ``python -m tests.runbooks.other_build FILE --every SECONDS``.

``FILE`` holds the version; where there is none it is this build's own.
"""

import sys
from pathlib import Path

import shared
from shared import process


def main(file: str, *arguments: str) -> None:
    """Run the recount."""
    version = Path(file)
    if version.exists():
        shared.VERSION = version.read_text(encoding="ascii")
    from services.routing import recount  # noqa: PLC0415  # it shows the version as soon as it is imported

    process.run_command(lambda: recount.main(arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
