"""The document store on this machine: SecantusDB, which speaks MongoDB's protocol, always as a process of its own."""

import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote_plus, urlencode

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from shared.store_access import USERS
from tools.local import ports
from tools.local.certificates import ADMIN, STORE, Certificates

_CACHE_SIZE = "128M"
_PROBE_TIMEOUT_MS = 1000
_SERVER = Path(__file__).with_name("store_server.py")
"""Run as a file: it runs inside the store and is no part of this program."""
# The store keeps documents in this many tables, picks one by the collection's name and makes it at the first write.
# Killed in the middle of making one, it never starts again; so all are made before anybody is told that it answers.
_TABLES = 16
_TABLES_DATABASE = "tables"
_ENOUGH_COLLECTIONS = 1000


class StoreError(Exception):
    """The store did not do what the launcher needs of it; the text says what, and what to do."""


@dataclass(frozen=True, slots=True)
class StoreSecurity:
    """Settings of a store that lets in only users it knows."""

    certificates: Certificates
    passwords: Callable[[], Mapping[str, str]]
    """The password of each user, as it is now."""
    database_prefix: str


class LocalStore:
    """One store in one folder. Knows what to run; runs nothing itself."""

    def __init__(self, folder: Path, port: int, *, security: StoreSecurity | None = None) -> None:
        """Without ``security`` whoever reaches the port may do everything."""
        self.folder = folder.resolve()
        self.port = port
        self._security = security
        self._provisioned = False
        self._provisioning = threading.Lock()

    @property
    def uri(self) -> str:
        """The administrator's address; without security, everybody's."""
        if self._security is None:
            return self._uri()
        key = str(self._security.certificates.both(ADMIN))
        return self._uri(authMechanism="MONGODB-X509", authSource="$external", tlsCertificateKeyFile=key)

    def uri_of(self, user: str) -> str:
        """Return the address that a user of the store connects to."""
        if self._security is None:
            return self._uri()
        given = f"{user}:{quote_plus(self._security.passwords()[user])}@"
        return self._uri(given, authMechanism="SCRAM-SHA-256", authSource="admin")

    def _uri(self, given: str = "", **options: str) -> str:
        # directConnection: it advertises a set of one under a name of its own.
        options = {"directConnection": "true", **options}
        if self._security is not None:
            options |= {"tls": "true", "tlsCAFile": str(self._security.certificates.authority)}
        return f"mongodb://{given}{ports.LOOPBACK}:{self.port}/?{urlencode(options, safe='/$')}"

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
        program = [sys.executable, "-P", str(_SERVER)]
        if self._security is not None:
            certificates = self._security.certificates
            program += ["--administrator", f"CN={ADMIN}", "--auth"]
            program += ["--tls-cert-file", str(certificates.certificate(STORE))]
            program += ["--tls-key-file", str(certificates.key(STORE))]
            program += ["--tls-ca-file", str(certificates.authority)]
        where = ["--host", ports.LOOPBACK, "--port", str(self.port), "--storage-path", str(self._data)]
        return [
            *program,
            *("--config", str(self._configuration)),
            *where,
            "--sync-on-commit",
            *("--cache-size", _CACHE_SIZE),
            *("--log-level", "WARNING"),
        ]

    def answers(self) -> bool:
        """Return whether it is a writable primary, has every table it will ever make, and knows who may do what."""
        client: MongoClient[dict[str, object]] = MongoClient(self.uri, serverSelectionTimeoutMS=_PROBE_TIMEOUT_MS)
        try:
            writable = bool(client.admin.command("hello").get("isWritablePrimary"))
            if writable and self._unfinished.exists():
                self._make_tables(client)
            if writable and self._security is not None:
                self._provision(client, self._security)
        except PyMongoError:
            return False
        else:
            return writable
        finally:
            client.close()

    def set_password(self, user: str) -> None:
        """Let the running store know a user's password as it is now; who is connected stays so.

        Raises StoreError if it does not answer.
        """
        if self._security is None:
            return
        with MongoClient[dict[str, object]](self.uri, serverSelectionTimeoutMS=_PROBE_TIMEOUT_MS) as client:
            try:
                client.admin.command("updateUser", user, pwd=self._security.passwords()[user])
            except PyMongoError as error:
                raise StoreError(f"the store did not take the new passwords ({error}): run it again") from error

    def _provision(self, client: MongoClient[dict[str, object]], security: StoreSecurity) -> None:
        """Once, as the store keeps them: users and rights as they are to be, and nobody else. For several threads."""
        passwords = security.passwords()
        with self._provisioning:
            if self._provisioned:
                return
            found = {str(user["user"]) for user in client.admin.command("usersInfo", 1)["users"]}
            roles = {str(role["role"]) for role in client.admin.command("rolesInfo", 1)["roles"]}
            for user in USERS:
                if user.finds:
                    client.admin.command(
                        "updateRole" if user.name in roles else "createRole",
                        user.name,
                        privileges=user.privileges(security.database_prefix),
                        roles=[],
                    )
                client.admin.command(
                    "updateUser" if user.name in found else "createUser",
                    user.name,
                    pwd=passwords[user.name],
                    roles=user.roles(security.database_prefix),
                    mechanisms=["SCRAM-SHA-256"],
                )
            for surplus in found - {user.name for user in USERS}:
                client.admin.command("dropUser", surplus)
            self._provisioned = True

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
