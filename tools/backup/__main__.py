"""``make backup``, ``make restore``: ``python -m tools.backup take | verify | forecast | restore | open``."""

import argparse
import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pydantic import SecretStr
from pymongo.errors import PyMongoError

from services.intake.reports.erasure_register import SUFFIX
from shared import process
from shared.errors import IeumError
from shared.settings import StoreSettings, load
from tools.backup import archive, forecast, keys, restoring, taking
from tools.backup.archive import ArchiveError
from tools.backup.restoring import TargetError
from tools.local import beside, processes
from tools.local.cli import EXPECTED_ERRORS
from tools.local.keys import SecretsError
from tools.local.security import kafka_settings, local_store
from tools.local.settings import LocalSettings, environment
from tools.local.stack import Stack
from tools.local.state import RunFolder

PER_DAY: Final = 28.2
"""Reports a day in the country: 10,305 people helped in 2024 (``tools/simulation/params.json``)."""
YEARS: Final = (1, 5, 10)
REFUSED: Final = 1
NOT_OPENED: Final = 3
SOME_LEFT: Final = 3
"""Status of the replay where it ended, and some reports are to be looked at."""


class NotOpenedError(Exception):
    """Everything is restored, but something is wrong with it: services stay shut until an operator decides."""


def main(arguments: Sequence[str]) -> int:
    """0: done; 1: refused or failed, in one line; 3: restored, and not opened since something is wrong with it."""
    os.umask(0o077)
    settings = load(LocalSettings)
    given = _parser(settings.var).parse_args(arguments)
    try:
        return int(given.run(given, settings))
    except (ArchiveError, TargetError, SecretsError, IeumError, PyMongoError, OSError, *EXPECTED_ERRORS) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except NotOpenedError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_OPENED


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


def _parser(var: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.backup", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, run, text in (
        ("take", _take, "write an archive of what runs here"),
        ("verify", _verify, "read a whole archive and compare it with its manifest"),
        ("forecast", _forecast, "say how much disk the years will take, from the reports in an archive"),
        ("restore", _restore, "put an archive back into an empty store and empty topics"),
        ("open", _open, "let services start although a restore ended with findings, once somebody has looked"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        if name != "open":
            of_keys = "the folder of keys, apart from archives (default: %(default)s)"
            command.add_argument("--keys", type=Path, default=var / "backup-keys", help=of_keys)
        if name == "take":
            of_archives = "the folder for archives (default: %(default)s)"
            command.add_argument("--to", type=Path, default=var / "backups", help=of_archives)
        if name in ("verify", "forecast", "restore"):
            command.add_argument("archive", type=Path)
        if name == "forecast":
            command.add_argument("--per-day", type=float, default=PER_DAY, help="reports a day (default: %(default)s)")
        if name == "restore":
            register = command.add_mutually_exclusive_group(required=True)
            register.add_argument("--register", type=Path, help="the erasure register of the system that was backed up")
            register.add_argument(
                "--without-register", action="store_true", help="there is none left: what was erased since comes back"
            )
    return parser


def store_settings(settings: LocalSettings) -> StoreSettings:
    """The store for who may read and write all of it: of one started here the administrator."""
    uri = settings.mongodb_uri.get_secret_value() or local_store(settings).uri
    return StoreSettings(uri=SecretStr(uri))


def _take(given: argparse.Namespace, settings: LocalSettings) -> int:
    if settings.starts_store and RunFolder(settings.var / "run").read() is None:
        raise TargetError("nothing runs here: start it with `make up`, then try again")
    is_first = not keys.has_any(given.keys)
    recipient, now, began = keys.recipient(given.keys), datetime.now(UTC), time.monotonic()
    if is_first:
        _say(
            f"There was no key in {given.keys}: a new one was made, which opens no archive of before. Is it the folder"
            " you mean (KEYS=folder), and is its disk there?"
        )
    if settings.starts_store:  # else the services' keys are where that installation keeps them
        keys.save(given.keys, settings.var, taking.name_at(now))
    kafka = kafka_settings(beside.environment_of("backup", settings))
    try:
        made = asyncio.run(taking.take(kafka, store_settings(settings), to=given.to, recipient=recipient, now=now))
    except BaseException:
        keys.forget(given.keys, taking.name_at(now))
        raise
    _say(f"{made.path}: {made.path.stat().st_size / 1e6:.1f} MB in {time.monotonic() - began:.0f} s")
    _tell(made.manifest)
    _say(
        f"Keys are apart, in {given.keys}: take that folder to another place than the archives. Whoever has both reads"
        " every report."
    )
    if not settings.starts_store:
        _say(
            "The services' keys (INTAKE_MASTER_KEY and the others) are not among them: without a copy nothing is read."
        )
    where = f" ({settings.var / 'erasures'})" if settings.starts_store else "s of every intake"
    _say(
        f"Not in the archive: the erasure register{where}. Keep it where a loss of this machine"
        " does not reach it: without it a restore brings back what was erased since."
    )
    if old := taking.too_old(given.to, now):
        _say(
            f"Older than {taking.LASTS.days} days: {', '.join(old)}. What was erased since lives in them: remove each,"
            f" its copies, and its folder in {given.keys}."
        )
    return 0


def _verify(given: argparse.Namespace, settings: LocalSettings) -> int:
    del settings
    _tell(archive.verified(given.archive, keys.private(given.keys)))
    _say("nothing wrong")
    return 0


def _forecast(given: argparse.Namespace, settings: LocalSettings) -> int:
    del settings
    identity = keys.private(given.keys)
    reports = archive.verified(given.archive, identity)["parts"].get("store/intake/reports", {"count": 0})["count"]
    if not reports:
        raise TargetError(f"{given.archive} holds no report: take a backup of an installation that has some")
    sizes: Counter[str] = Counter()
    for part, document in archive.parts_of(given.archive, identity):
        sizes[part] += len(document.raw)
    _say(f"{reports} reports in {given.archive.name}; {given.per_day:g} a day")
    _say(forecast.table(forecast.growth(sizes, reports, given.per_day), YEARS))
    return 0


def _restore(given: argparse.Namespace, settings: LocalSettings) -> int:
    if RunFolder(settings.var / "run").runner() is not None:
        raise TargetError("something runs here: stop it with `make down`, then try again; nothing was changed")
    if given.register is not None and not any(given.register.glob(f"*{SUFFIX}")):
        raise TargetError(
            f"no erasure register (*{SUFFIX}) is in {given.register}: name the folder that has it. Where no report was"
            " ever withdrawn or destroyed there is none: say NO_REGISTER=1 (--without-register); nothing was changed"
        )
    identity = keys.private(given.keys)
    began = time.monotonic()
    manifest = archive.verified(given.archive, identity)
    _say(f"{given.archive.name} is whole")
    keys.give_back_secrets(given.keys, settings.var, manifest["backup"])
    keys.refuse_without_secrets(settings.var)
    stack = Stack(settings, services=(), say=_say)
    stack.start()
    try:
        store = store_settings(settings)
        asyncio.run(restoring.load(given.archive, identity, stack.administrator(), store))
        keys.give_back_heads(given.keys, settings.var, manifest["backup"])
        _say("stores, topics and offsets are back")
        # Before anything writes to a log: every line of before the loss that is not there now is lost.
        if _command(stack, "notify", beside.AUDIT, "restored", "--backup", manifest["backup"]):
            raise NotOpenedError(
                "what was lost could not be noted beside the audit's anchors (above): mend that, then empty stores and"
                " topics and restore again"
            )
        _replay(given, stack, store, manifest["backup"])
        _sign_everybody_out(stack)
        if _command(stack, "notify", beside.AUDIT, "verify", "--stopped"):
            raise NotOpenedError("the audit has findings: look at them, then run python -m tools.backup open")
        restoring.finish(store)
    finally:
        stack.stop()
    _tell(manifest)
    # Without the folder's setting another installation would start, an empty one, and take reports.
    where = "".join(f"{name}={shlex.quote(value)} " for name, value in environment("IEUM_VAR_DIR").items())
    _say(f"restored in {time.monotonic() - began:.0f} s: start it with `{where}make up`")
    return 0


def _replay(given: argparse.Namespace, stack: Stack, store: StoreSettings, backup: str) -> None:
    if given.register is not None:
        # Where intake reads it, now and at its next start, whatever the environment says about that.
        place = Path(stack.environment_of("intake")["INTAKE_ERASURE_REGISTER"])
        try:
            if place.resolve() != given.register.resolve():
                shutil.copytree(given.register, place, dirs_exist_ok=True)
        except OSError as error:
            raise NotOpenedError(
                f"the erasure register was not copied to {place}, where intake reads it ({error}): mend that, then"
                " empty stores and topics and restore again"
            ) from error
    status = _command(stack, "intake", "services.intake.retention.replay", "--restored", backup)
    if status not in (0, SOME_LEFT):
        raise NotOpenedError(
            f"erasures were not made again (above; status {status}): mend that, then empty stores and topics and"
            " restore again"
        )
    restoring.mark_replayed(store)
    if status == SOME_LEFT:
        raise NotOpenedError(
            "not every erasure was made again (above): look at these reports, then run python -m tools.backup open"
        )


def _sign_everybody_out(stack: Stack) -> None:
    """Before identity may start: with the keys of the backup, sessions that ended since would count again."""
    if _command(stack, "identity", "services.identity.cli", "rotate-signing-key", "--at-once", "--restored"):
        raise NotOpenedError(
            "identity has no new signing key (above), so that sessions of before the loss still count: mend that, then"
            " run python -m tools.backup open"
        )
    _say("everybody signs in anew")


def _command(stack: Stack, service: str, module: str, *words: str) -> int:
    command = [sys.executable, "-m", module, *words]
    audit = module == beside.AUDIT
    env = stack.verifier_environment(writes=words[0] != "verify") if audit else stack.environment_of(service)
    return subprocess.run(command, cwd=processes.PROJECT, env=env, check=False).returncode


def _open(given: argparse.Namespace, settings: LocalSettings) -> int:
    del given
    if RunFolder(settings.var / "run").runner() is not None:
        raise TargetError("something runs here: stop it with `make down`, then try again; nothing was changed")
    keys.refuse_without_secrets(settings.var)
    stack = Stack(settings, services=(), say=_say)
    stack.start()
    try:
        store = store_settings(settings)
        restoring.refuse_unless_replayed(store)
        _sign_everybody_out(stack)
        restoring.finish(store)
    finally:
        stack.stop()
    _say("services may start")
    return 0


def _tell(manifest: dict[str, Any]) -> None:
    counts = {name: said["count"] for name, said in manifest["parts"].items()}
    reports, cases = counts.get("store/intake/reports", 0), counts.get("store/notify/cases", 0)
    records = sum(count for name, count in counts.items() if name.startswith("topic/"))
    left = sum(manifest["left_out"].values())
    _say(f"{manifest['backup']}: {reports} reports, {cases} cases, {records} records of topics")
    if left:
        _say(f"{left} records came after the instant of the backup and are not in it")


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that was closed, a full disk: engines are stopped all the same
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    end_in_order_on_signals()
    process.run_command(lambda: main(sys.argv[1:]))
