"""``python -m tools.local <command>``: start, stop and look at Ieum on one machine."""

import argparse
import os

from shared import process
from tools.local import cli


def main() -> int:
    """Read the command line and run one command."""
    # Data, logs and keys of reports are written below here, also by the programs we start: for this user only.
    os.umask(0o077)
    described = {**cli.COMMANDS, **cli.WITH_WORDS}
    parser = argparse.ArgumentParser(prog="python -m tools.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, function in described.items():
        text = (function.__doc__ or "").splitlines()[0]
        command = commands.add_parser(name, help=text, description=text)
        if name in cli.WITH_WORDS:
            command.add_argument("words", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    return cli.guarded([arguments.command, *getattr(arguments, "words", [])])


if __name__ == "__main__":
    process.run_command(main)
