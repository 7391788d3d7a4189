"""The document store on this machine: SecantusDB, which speaks MongoDB's protocol, always as a process of its own."""

import sysconfig
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tools.local import ports

_CACHE_SIZE = "128M"
_PROBE_TIMEOUT_MS = 1000


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
        """Make the folder, and an empty configuration so that none is picked up from elsewhere."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configuration.touch()

    def command(self) -> list[str]:
        """The store's command line. Without ``--sync-on-commit`` a kill loses acknowledged writes."""
        program = str(Path(sysconfig.get_path("scripts")) / "secantusd-py")
        where = ["--host", ports.LOOPBACK, "--port", str(self.port), "--storage-path", str(self.folder / "data")]
        return [
            program,
            *("--config", str(self._configuration)),
            *where,
            "--sync-on-commit",
            *("--cache-size", _CACHE_SIZE),
            *("--log-level", "WARNING"),
        ]

    def answers(self) -> bool:
        """Whether it answers a ping as a writable primary."""
        client: MongoClient[dict[str, object]] = MongoClient(self.uri, serverSelectionTimeoutMS=_PROBE_TIMEOUT_MS)
        try:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
        except PyMongoError:
            return False
        finally:
            client.close()

    @property
    def _configuration(self) -> Path:
        return self.folder / "secantusd.toml"
