"""``python -m tools.testing COMMAND``: what `make engines`, `make test` and the others call."""

import argparse
import sys

from tools.local.cli import EXPECTED_ERRORS
from tools.local.engines import EngineError
from tools.testing import shared_engines


def main() -> int:
    """Run one command; the exit status is 1 if it could not do what was asked."""
    parser = argparse.ArgumentParser(prog="python -m tools.testing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("engines", help="keep a broker and a store running for tests")
    commands.add_parser("engines-down", help="stop them")
    commands.add_parser("keep-engines", help="what `engines` starts in the background")
    given = parser.parse_args()
    work = {
        "engines": shared_engines.keep,
        "engines-down": shared_engines.stop,
        "keep-engines": shared_engines.keep_in_this_process,
    }[given.command]
    try:
        work()
    except (*EXPECTED_ERRORS, EngineError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
