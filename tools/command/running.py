"""Where a command runs: with the settings it was given, or with those that the launcher keeps on this machine."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import Final, ParamSpec

import typer

from shared.progress import Progress, silent
from shared.settings import load
from tools.local import keys
from tools.local.settings import AS_GIVEN, LocalSettings

WORDS: Final[ContextVar[tuple[str, ...]]] = ContextVar("words")
"""What was typed behind ``ieum``."""
_ENGINES: Final = ("MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS")


P = ParamSpec("P")


def within(principal: str) -> Callable[[Callable[P, int]], Callable[P, None]]:
    """Run a command as this service, or principal of Kafka, runs.

    In a container, or wherever the settings are set, that is here and now. Where ``ieum up`` keeps the secrets it is a
    process of its own with that service's settings.
    """

    def decorate(function: Callable[P, int]) -> Callable[P, None]:
        @wraps(function)
        def command(*arguments: P.args, **named: P.kwargs) -> None:
            raise typer.Exit(_elsewhere(principal) if is_local() else function(*arguments, **named))

        return command

    return decorate


def is_local() -> bool:
    """Whether the launcher keeps the services' settings here."""
    if AS_GIVEN in os.environ:
        return False
    if (load(LocalSettings).var / keys.FILE).exists():
        return True
    if not any(os.environ.get(name) for name in _ENGINES):
        sys.stderr.write(
            "nothing was started here (`ieum up`), and no settings of a service are in the environment: run this on the"
            " machine that ran `ieum up`, with its IEUM_VAR_DIR, or in the service's container\n"
        )
        raise typer.Exit(1)
    return False


def _elsewhere(principal: str) -> int:
    from tools.local import beside

    return beside.run(principal, *WORDS.get(), settings=load(LocalSettings))


@contextlib.contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Show how far work is, on a terminal alone; a log or a pipe gets nothing of it."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def one_of(known: Iterable[str], name: str) -> str:
    """The name, where it is a known one. Raises ``typer.BadParameter``."""
    if name not in known:
        raise typer.BadParameter(f"{name}: say one of {', '.join(known)}")
    return name


def end_in_order_on_signals() -> None:
    """Let a closed terminal and a scheduler end a command as Ctrl-C does: drafts are removed, engines stopped.

    A command that was told to outlive its terminal (`nohup`) does.
    """
    ends = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]

    def end(number: int, _: FrameType | None) -> None:
        for one in ends:  # a shell that ends says it twice: an orderly end must not be interrupted
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in ends:
        signal.signal(number, end)
