"""Back up and restore."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tools.command.running import progress

Keys = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="of keys, apart from archives (default: backup-keys below IEUM_VAR_DIR)"),
]
Archive = Annotated[Path, typer.Argument()]

backup: Final = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Encrypted archives of all there is.")


@backup.command("take")
def backup_take(
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="for archives (default: backups below IEUM_VAR_DIR)")
    ] = None,
    keys: Keys = None,
) -> None:
    """Write an encrypted archive of stores, topics and offsets while everything runs."""
    from tools.backup import commands

    with progress("copying") as shown:
        raise typer.Exit(commands.take(to, keys, shown))


@backup.command("verify")
def backup_verify(archive: Archive, keys: Keys = None) -> None:
    """Read a whole archive and compare it with its manifest."""
    from tools.backup import commands

    with progress("reading") as shown:
        raise typer.Exit(commands.verify(archive, keys, shown))


@backup.command("forecast")
def backup_forecast(
    archive: Archive,
    keys: Keys = None,
    per_day: Annotated[float, typer.Option(help="reports a day; as many as were helped in 2024")] = 28.2,
) -> None:
    """Say how much disk the years will take, from the reports in an archive."""
    from tools.backup import commands

    raise typer.Exit(commands.say_growth(archive, keys, per_day))


@backup.command("open")
def backup_open() -> None:
    """Let services start although a restore ended with findings, once somebody has looked."""
    from tools.backup import commands

    raise typer.Exit(commands.open_restored())


def restore(
    archive: Archive,
    keys: Keys = None,
    register: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="the erasure register of the system that was backed up")
    ] = None,
    without_register: Annotated[
        bool, typer.Option("--without-register", help="there is none left: what was erased since comes back")
    ] = False,
) -> None:
    """Put an archive into an empty store and empty topics, erasures made again; status 3: look before it is opened."""
    from tools.backup import commands

    if (register is None) != without_register:
        raise typer.BadParameter("say where the erasure register is (--register), or --without-register")
    with progress("reading") as shown:
        raise typer.Exit(commands.restore(archive, keys, register, shown))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(backup, name="backup")
    app.command()(restore)
