"""``ieum backup``, ``ieum restore``.

Status 0: done; 1: refused or failed, in one line; 3: restored, and not opened since something is wrong with it.
"""

import asyncio
import contextlib
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pymongo.errors import PyMongoError

from services.intake.reports.erasure_register import SUFFIX
from shared.errors import IeumError
from shared.progress import Progress
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

YEARS: Final = (1, 5, 10)
REFUSED: Final = 1
NOT_OPENED: Final = 3
SOME_LEFT: Final = 3
"""Status of the replay where it ended, and some reports are to be looked at."""


class NotOpenedError(Exception):
    """Everything is restored, but something is wrong with it: services stay shut until an operator decides."""


def take(to: Path | None, keys_in: Path | None, progress: Progress) -> int:
    """Write an archive of what runs here."""
    return _refusing(
        lambda settings: _take(settings, to or settings.var / "backups", _keys(keys_in, settings), progress)
    )


def verify(path: Path, keys_in: Path | None, progress: Progress) -> int:
    """Read a whole archive and compare it with its manifest."""

    def work(settings: LocalSettings) -> int:
        _tell(archive.verified(path, keys.private(_keys(keys_in, settings)), progress))
        _say("nothing wrong")
        return 0

    return _refusing(work)


def say_growth(path: Path, keys_in: Path | None, per_day: float) -> int:
    """Say how much disk the years will take, from the reports in an archive."""
    return _refusing(lambda settings: _forecast(path, _keys(keys_in, settings), per_day))


def restore(path: Path, keys_in: Path | None, register: Path | None, progress: Progress) -> int:
    """Put an archive back into an empty store and empty topics; ``register`` None: there is none left."""
    return _refusing(lambda settings: _restore(settings, path, _keys(keys_in, settings), register, progress))


def open_restored() -> int:
    """Let services start although a restore ended with findings."""
    return _refusing(_open)


def _refusing(work: Callable[[LocalSettings], int]) -> int:
    try:
        return work(load(LocalSettings))
    except (ArchiveError, TargetError, SecretsError, IeumError, PyMongoError, OSError, *EXPECTED_ERRORS) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except NotOpenedError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_OPENED


def _keys(given: Path | None, settings: LocalSettings) -> Path:
    return given or settings.var / "backup-keys"


def store_settings(settings: LocalSettings) -> StoreSettings:
    """The store for who may read and write all of it: of one started here the administrator."""
    uri = settings.mongodb_uri.get_secret_value() or local_store(settings).uri
    return StoreSettings(uri=SecretStr(uri))


def _take(settings: LocalSettings, to: Path, keys_in: Path, progress: Progress) -> int:
    if settings.starts_store and RunFolder(settings.var / "run").read() is None:
        raise TargetError("nothing runs here: start it with `ieum up`, then try again")
    is_first = not keys.has_any(keys_in)
    recipient, now, began = keys.recipient(keys_in), datetime.now(UTC), time.monotonic()
    if is_first:
        _say(
            f"There was no key in {keys_in}: a new one was made, which opens no archive of before. Is it the folder"
            " you mean (--keys FOLDER), and is its disk there?"
        )
    if settings.starts_store:  # else the services' keys are where that installation keeps them
        keys.save(keys_in, settings.var, taking.name_at(now))
    kafka = kafka_settings(beside.environment_of("backup", settings))
    try:
        made = asyncio.run(
            taking.take(kafka, store_settings(settings), to=to, recipient=recipient, now=now, progress=progress)
        )
    except BaseException:
        keys.forget(keys_in, taking.name_at(now))
        raise
    _say(f"{made.path}: {made.path.stat().st_size / 1e6:.1f} MB in {time.monotonic() - began:.0f} s")
    _tell(made.manifest)
    _say(
        f"Keys are apart, in {keys_in}: take that folder to another place than the archives. Whoever has both reads"
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
    if old := taking.too_old(to, now):
        _say(
            f"Older than {taking.LASTS.days} days: {', '.join(old)}. What was erased since lives in them: remove each,"
            f" its copies, and its folder in {keys_in}."
        )
    return 0


def _forecast(path: Path, keys_in: Path, per_day: float) -> int:
    identity = keys.private(keys_in)
    reports = archive.verified(path, identity)["parts"].get("store/intake/reports", {"count": 0})["count"]
    if not reports:
        raise TargetError(f"{path} holds no report: take a backup of an installation that has some")
    sizes: Counter[str] = Counter()
    for part, document in archive.parts_of(path, identity):
        sizes[part] += len(document.raw)
    _say(f"{reports} reports in {path.name}; {per_day:g} a day")
    _say(forecast.table(forecast.growth(sizes, reports, per_day), YEARS))
    return 0


def _restore(settings: LocalSettings, path: Path, keys_in: Path, register: Path | None, progress: Progress) -> int:
    if RunFolder(settings.var / "run").runner() is not None:
        raise TargetError("something runs here: stop it with `ieum down`, then try again; nothing was changed")
    if register is not None and not any(register.glob(f"*{SUFFIX}")):
        raise TargetError(
            f"no erasure register (*{SUFFIX}) is in {register}: name the folder that has it. Where no report was"
            " ever withdrawn or destroyed there is none: say --without-register; nothing was changed"
        )
    identity = keys.private(keys_in)
    began = time.monotonic()
    manifest = archive.verified(path, identity, progress)
    _say(f"{path.name} is whole")
    keys.give_back_secrets(keys_in, settings.var, manifest["backup"])
    keys.refuse_without_secrets(settings.var)
    stack = Stack(settings, services=(), say=_say)
    stack.start()
    try:
        store = store_settings(settings)
        asyncio.run(restoring.load(path, identity, stack.administrator(), store))
        keys.give_back_heads(keys_in, settings.var, manifest["backup"])
        _say("stores, topics and offsets are back")
        # Before anything writes to a log: every line of before the loss that is not there now is lost.
        if _command(stack, "notify", "audit", "restored", "--backup", manifest["backup"]):
            raise NotOpenedError(
                "what was lost could not be noted beside the audit's anchors (above): mend that, then empty stores and"
                " topics and restore again"
            )
        _replay(register, stack, store, manifest["backup"])
        _sign_everybody_out(stack)
        if _command(stack, "notify", "audit", "verify", "--stopped"):
            raise NotOpenedError("the audit has findings: look at them, then run `ieum backup open`")
        restoring.finish(store)
    finally:
        stack.stop()
    _tell(manifest)
    # Without the folder's setting another installation would start, an empty one, and take reports.
    where = "".join(f"{name}={shlex.quote(value)} " for name, value in environment("IEUM_VAR_DIR").items())
    _say(f"restored in {time.monotonic() - began:.0f} s: start it with `{where}ieum up`")
    return 0


def _replay(register: Path | None, stack: Stack, store: StoreSettings, backup: str) -> None:
    if register is not None:
        # Where intake reads it, now and at its next start, whatever the environment says about that.
        place = Path(stack.environment_of("intake")["INTAKE_ERASURE_REGISTER"])
        try:
            if place.resolve() != register.resolve():
                shutil.copytree(register, place, dirs_exist_ok=True)
        except OSError as error:
            raise NotOpenedError(
                f"the erasure register was not copied to {place}, where intake reads it ({error}): mend that, then"
                " empty stores and topics and restore again"
            ) from error
    status = _command(stack, "intake", "replay", "erasures", "--restored", backup)
    if status not in (0, SOME_LEFT):
        raise NotOpenedError(
            f"erasures were not made again (above; status {status}): mend that, then empty stores and topics and"
            " restore again"
        )
    restoring.mark_replayed(store)
    if status == SOME_LEFT:
        raise NotOpenedError(
            "not every erasure was made again (above): look at these reports, then run `ieum backup open`"
        )


def _sign_everybody_out(stack: Stack) -> None:
    """Before identity may start: with the keys of the backup, sessions that ended since would count again."""
    if _command(stack, "identity", "keys", "rotate-signing", "--at-once", "--restored"):
        raise NotOpenedError(
            "identity has no new signing key (above), so that sessions of before the loss still count: mend that, then"
            " run `ieum backup open`"
        )
    _say("everybody signs in anew")


def _command(stack: Stack, service: str, *words: str) -> int:
    command = [sys.executable, "-m", "tools.command", *words]
    audit = words[0] == "audit"
    env = stack.verifier_environment(writes=words[1] != "verify") if audit else stack.environment_of(service)
    return subprocess.run(command, cwd=processes.PROJECT, env=env, check=False).returncode


def _open(settings: LocalSettings) -> int:
    if RunFolder(settings.var / "run").runner() is not None:
        raise TargetError("something runs here: stop it with `ieum down`, then try again; nothing was changed")
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
