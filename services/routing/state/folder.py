"""The folder of state stores this process has to itself, and whether what lies in it can still be believed.

Below ``ROUTING_STATE_DIR`` each process takes the first ``worker-N`` nobody else holds; the lock on it goes away with
the process, however that ends. A folder may be deleted at any moment: whoever runs goes on (the files live until it
ends), and whoever starts finds nothing and restores from the log.

State stores are never synced while they are used. A file in the folder says under which boot of the machine it is in
use. Who finds it under the same boot knows that a process was killed: what it had committed is whole, for the kernel
has it. Under another boot the machine went down with pages unwritten: the stores may be torn in ways nothing shows,
so they are thrown away. A clean stop syncs the stores and takes the file away.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import lmdb

from services.routing.state.store import StateStore
from shared import log
from shared.errors import FatalError

_log = log.get(__name__)

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_IN_USE: Final = "in-use"
_LOCK: Final = "lock"
_NOT_BELIEVED: Final = "damaged"


def this_boot() -> str | None:
    """Return an id of this boot of the machine; None if the system has none."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return None


class StateFolder:
    """The state stores of one process."""

    def __init__(self, root: Path, *, boot: str | None) -> None:
        """``boot`` is ``this_boot``. Nothing is touched before ``take``."""
        self._root = root
        self._boot = boot
        self._open: dict[int, StateStore] = {}
        self._lock: int | None = None
        self.path = root

    def take(self) -> None:
        """Take a folder below the root, and throw away what lies there if it cannot be believed.

        Raises ``FatalError`` if the folder cannot be written to.
        """
        try:
            self.path, self._lock = _taken(self._root)
            if (before := self._in_use()) is not None and (self._boot is None or before != self._boot):
                _log.warning("state.not_believed", folder=str(self.path), in_use=before)
                self._remove_stores()
            self._say_in_use(self._boot or "unknown")
        except OSError as error:
            raise FatalError(
                f"routing cannot keep its state in {self._root}: {error.strerror}; "
                "ROUTING_STATE_DIR must name a folder it can write to"
            ) from error

    def open(self, partition: int) -> StateStore:
        """The store of a partition as it was committed last; an empty one where none can be read.

        One that is open already is the answer: whoever asked for it broke off before anything was decided with it.
        """
        self._take_again_if_lost()
        if (known := self._open.get(partition)) is not None:
            return known  # LMDB opens none twice in a process
        try:
            store = StateStore(self._at(partition))
        except (lmdb.Error, ValueError, KeyError, TypeError) as error:
            _log.error("state.unreadable", partition=partition, error=f"{type(error).__name__}: {error}"[:200])
            return self.anew(partition)
        self._open[partition] = store
        return store

    def anew(self, partition: int) -> StateStore:
        """An empty store in the place of what is known of a partition."""
        self._take_again_if_lost()
        if (before := self._open.pop(partition, None)) is not None:
            before.close(sync=False)
        shutil.rmtree(self._at(partition), ignore_errors=True)
        store = self._open[partition] = StateStore(self._at(partition))
        return store

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Whatever a store raises in here ends the process, and the next one believes nothing that lies here.

        Raises ``FatalError`` in its place.
        """
        try:
            yield
        except lmdb.Error as error:
            self.distrust()
            raise FatalError(f"a state store in {self.path} failed: {error}") from error

    def distrust(self) -> None:
        """Distrust the folder at the next start: a store failed in the middle of something."""
        if not self._is_ours():
            return
        try:
            self._say_in_use(_NOT_BELIEVED)
        except OSError as error:  # no room even for a word: what is not there is not believed either
            _log.error("state.removed", folder=str(self.path), error=type(error).__name__)
            self._remove_stores()

    def close(self) -> None:
        """Flush everything to disk, and release the folder."""
        if self._lock is None:
            return
        for store in self._open.values():
            store.close(sync=True)
        self._open.clear()
        if self._is_ours() and self._in_use() != _NOT_BELIEVED:
            (self.path / _IN_USE).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None

    def _take_again_if_lost(self) -> None:
        """Take the place of a folder that was deleted, so that no other process opens a store there."""
        if self._lock is not None and not self._is_ours():
            lock, self._lock = self._lock, None
            os.close(lock)
            self.take()

    def _is_ours(self) -> bool:
        """Return whether the folder at the path is the one this process holds."""
        try:
            there = (self.path / _LOCK).stat()
        except FileNotFoundError:
            return False
        held = os.fstat(self._lock if self._lock is not None else -1)
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def _at(self, partition: int) -> Path:
        return self.path / f"partition-{partition}"

    def _remove_stores(self) -> None:
        for store in self.path.glob("partition-*"):
            shutil.rmtree(store)

    def _in_use(self) -> str | None:
        try:
            return (self.path / _IN_USE).read_text("utf-8").strip()
        except FileNotFoundError:
            return None

    def _say_in_use(self, word: str) -> None:
        """On the disk before anything else is written here."""
        new = self.path / f"{_IN_USE}.new"
        with new.open("w", encoding="utf-8") as file:
            file.write(word)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path / _IN_USE)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _taken(root: Path) -> tuple[Path, int]:
    """The first folder nobody holds, and what holds it from now on."""
    for number in count(1):
        path = root / f"worker-{number}"
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return path, lock
    raise AssertionError("numbers never end")
