"""The document store on this machine: SecantusDB, which speaks MongoDB's protocol, always as a process of its own."""

import shutil
import sysconfig
from itertools import count
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tools.local import ports

_CACHE_SIZE = "128M"
_PROBE_TIMEOUT_MS = 1000
# The store keeps documents in this many tables, picks one by the collection's name and makes it at the first write.
# Killed in the middle of making one, it never starts again; so all are made before anybody is told that it answers.
_TABLES = 16
_TABLES_DATABASE = "tables"
_ENOUGH_COLLECTIONS = 1000


class LocalStore:
    """One store in one folder. Knows what to run; runs nothing itself."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.resolve()
        self.port = port

    @property
    def uri(self) -> str:
        """What clients connect to. ``directConnection``: it advertises a set of one under a name of its own."""
        return f"mongodb://{ports.LOOPBACK}:{self.port}/?directConnection=true"

    def prepare(self) -> None:
        """Make the folder, and an empty configuration so that none is picked up from elsewhere.

        What a first start left that never came to answer is removed: nobody has written to it.
        """
        if self._unfinished.exists():
            shutil.rmtree(self._data, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            self._unfinished.touch()
        self._configuration.touch()

    def command(self) -> list[str]:
        """The store's command line. Without ``--sync-on-commit`` a kill loses acknowledged writes."""
        program = str(Path(sysconfig.get_path("scripts")) / "secantusd-py")
        where = ["--host", ports.LOOPBACK, "--port", str(self.port), "--storage-path", str(self._data)]
        return [
            program,
            *("--config", str(self._configuration)),
            *where,
            "--sync-on-commit",
            *("--cache-size", _CACHE_SIZE),
            *("--log-level", "WARNING"),
        ]

    def answers(self) -> bool:
        """Whether it answers a ping as a writable primary and has every table it will ever make."""
        client: MongoClient[dict[str, object]] = MongoClient(self.uri, serverSelectionTimeoutMS=_PROBE_TIMEOUT_MS)
        try:
            writable = bool(client.admin.command("hello").get("isWritablePrimary"))
            if writable and self._unfinished.exists():
                self._make_tables(client)
        except PyMongoError:
            return False
        else:
            return writable
        finally:
            client.close()

    def _make_tables(self, client: MongoClient[dict[str, object]]) -> None:
        """Make collections until each table exists, then remove them; tables stay."""
        client.drop_database(_TABLES_DATABASE)  # of a try that was cut off
        database = client[_TABLES_DATABASE]
        for number in count():
            if len(list(self._data.glob("secantus_documents_sh*.wt"))) >= _TABLES or number == _ENOUGH_COLLECTIONS:
                break
            database.create_collection(f"table{number}")
        client.drop_database(_TABLES_DATABASE)
        self._unfinished.unlink(missing_ok=True)  # two may ask at once whether it answers

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _unfinished(self) -> Path:
        return self.folder / "first_start_unfinished"

    @property
    def _configuration(self) -> Path:
        return self.folder / "secantusd.toml"
