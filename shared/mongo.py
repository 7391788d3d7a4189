"""The document store: one client per process, writes that survive a power cut, errors in the project's two kinds.

motor is the only thing to swap when PyMongo's own asyncio client takes its place (decision record 3); besides
here it is named only where documents are read and written.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from shared import certificates, log
from shared.backoff import backoff
from shared.clock import Clock
from shared.errors import FatalError, TransientError
from shared.settings import SettingsError, StoreSettings

_log = log.get(__name__)

Document = dict[str, Any]

RESTORE: Final = "restore"
"""Collection and id of the mark that a database carries while a backup is put back into it."""
RESTORED: Final = "restored"
"""Collection of analytics, and the id of the one document in it, which a restore leaves: ``at``, when it ended."""

_FIRST_LOOK_S: Final = 2.0
SLICE: Final = 100
"""Ids looked up at once: the embedded store does nothing else for as long, 4 ms (measured)."""
DUPLICATE_KEY: Final = 11000
"""Server code: a unique index has this already."""
WRITE_CONFLICT: Final = 112
"""Server code: another transaction wrote the same."""
_INTERRUPTED: Final = frozenset({11600, 11602, 189, 10107, 13435, 91, 262, 43})
"""Server codes: interrupted at shutdown or by a change of primary, not primary, shutting down, time limit exceeded,
cursor not found (the store was restarted between two pages)."""
_BROKEN: Final = frozenset({1, 14031})
"""Server codes: it failed inside (a storage engine that panicked at a full disk), its disk is full. They say nothing
against what was asked."""
_REFUSED: Final = {13: "this user may not do that", 18: "unknown user or password"}
"""An operator's mistake and no record's: what was to be done is tried again until it is mended, and not lost."""
_PASSING: Final = frozenset({WRITE_CONFLICT, *_INTERRUPTED, *_BROKEN})
_UNTRUSTED: Final = re.compile(r"certificate verify failed: ([^()]+)")
_LABELS: Final = ("TransientTransactionError", "RetryableWriteError", "UnknownTransactionCommitResult")
_SPREAD: Final = 1.0


def connect(settings: StoreSettings, service: str) -> AsyncIOMotorDatabase[Document]:
    """The service's own database. Acknowledged writes are journaled by a majority; every wait is bounded.

    Does not talk to the store yet: ``wait_until_ready`` does. Raises ``SettingsError`` where the URI is none.
    """
    try:
        client = _client(settings, service)
        certificates.note_store(settings)
    except (PyMongoError, OSError, ValueError) as error:
        # What the driver says of a URI may repeat a part of the password: only the kind of error is passed on.
        line = (
            f"setting MONGODB_URI: cannot be used ({type(error).__name__}); found (not shown); expected mongodb:// with"
            " user and password percent-encoded, and for tlsCAFile a file that is there; example:"
            " MONGODB_URI=mongodb://user:password@host:27017/?replicaSet=rs0"
        )
        raise SettingsError([line]) from None
    return client[f"{settings.database_prefix}{service}"]


def _client(settings: StoreSettings, service: str) -> AsyncIOMotorClient[Document]:
    milliseconds = int(settings.call_timeout_s * 1000)
    return AsyncIOMotorClient(
        settings.uri.get_secret_value(),
        appname=f"ieum-{service}",
        tz_aware=True,
        w="majority",
        journal=True,
        wTimeoutMS=milliseconds,
        readConcernLevel="majority",
        readPreference="primary",  # whatever the URI says: a secondary may not know yet who was signed out or erased
        readPreferenceTags="",  # nor which secondary: the driver refuses that beside the primary
        maxStalenessSeconds=-1,
        retryWrites=True,
        retryReads=True,
        serverSelectionTimeoutMS=milliseconds,
        connectTimeoutMS=milliseconds,
        socketTimeoutMS=2 * milliseconds,
        waitQueueTimeoutMS=milliseconds,
        maxPoolSize=32,
        # A failed call tells at once that the store changed, and a look every ten seconds the rest. A stream, which
        # would tell it a little earlier, takes a connection more and a thread for it.
        serverMonitoringMode="poll",
    )


def refusal(error: BaseException | None) -> str:
    """One line about why the store does not serve this process: setting, found, expected, an example; no secret."""
    text = str(error)
    untrusted = _UNTRUSTED.search(text)
    if isinstance(error, OperationFailure) and error.code in _REFUSED:
        why = f"the store refuses ({_REFUSED[error.code]})"
        expected = "a user of docs/reference/store-rights.md with its password and its rights (deploy/mongodb/users.js)"
    elif isinstance(error, OperationFailure) and error.code in _BROKEN:
        why, expected = "the store fails inside", "room on its disk (docs/how-to/runbooks.md#diskfull)"
    elif untrusted is not None:
        why = f"the store's certificate is not believed ({untrusted[1].strip()})"
        expected = "in tlsCAFile the authority that signed it, the host as it is named in it, and a date before its end"
    elif "connection closed" in text or "SSL" in text:
        why = "the store ends the connection"
        expected = "tls=true where it wants TLS, and nothing of it where it does not"
    elif isinstance(error, ConfigurationError) and "wire version" in text:
        why, expected = "the store is too old for this driver", "MongoDB 8"
    elif isinstance(error, ConnectionFailure):
        why, expected = "no store answers", "a host and port that this process reaches, and its replicaSet"
    else:
        why, expected = "the store is slow or changes its primary", "an answer within MONGODB_CALL_TIMEOUT_S"
    return (
        f"setting MONGODB_URI: {why}; found (not shown); expected {expected};"
        " example: MONGODB_URI=mongodb://user:password@host:27017/?replicaSet=rs0&tls=true&tlsCAFile=/etc/ieum/ca.crt"
    )


async def wait_until_ready(database: AsyncIOMotorDatabase[Document], clock: Clock, *, restoring: bool = False) -> None:
    """Return once the store answers; says in the log that it waits, however long that takes.

    Raises ``FatalError`` for a database whose restore is not finished: who was erased since would be served again.
    ``restoring``: a command that is part of a restore.
    """
    await until_done(lambda: database.command("ping"), clock, "asking the store")
    if not restoring:
        await until_done(lambda: refuse_unfinished_restore(database), clock, "asking for an unfinished restore")


async def refuse_unfinished_restore(database: AsyncIOMotorDatabase[Document]) -> None:
    """Raises ``FatalError`` where a restore is not finished, ``TransientError`` while the store is away."""
    with store_errors():
        found = await database[RESTORE].find_one({"_id": RESTORE})
    if found is not None:
        raise FatalError(
            f"store {database.name}: the restore of {found.get('backup')} is not finished, erasures may not have been"
            " replayed; finish it (docs/how-to/restore.md) before anything serves"
        )


async def check_restore(settings: StoreSettings, service: str) -> None:
    """Raises ``FatalError``, before a process answers anybody, where the restore of its database is not finished.

    A store that does not answer within two seconds is asked again by ``wait_until_ready``; nothing is read before.
    """
    database = connect(settings, service)
    try:
        with suppress(TransientError, TimeoutError):
            async with asyncio.timeout(_FIRST_LOOK_S):
                await refuse_unfinished_restore(database)
    finally:
        database.client.close()


async def check_restore_when_ready(settings: StoreSettings, service: str, clock: Clock) -> None:
    """Check as ``check_restore`` once the store answers: for a process that begins without it, beside the rest."""
    database = connect(settings, service)
    try:
        await wait_until_ready(database, clock)
    finally:
        database.client.close()


async def store_time(database: AsyncIOMotorDatabase[Document]) -> datetime:
    """The store's own time, in UTC. Raises ``TransientError`` while the store is away."""
    with store_errors():
        said = await database.command("hello", codec_options=database.codec_options)
    now: datetime = said["localTime"]
    return now


async def until_done(step: Callable[[], Awaitable[object]], clock: Clock, what: str) -> None:
    """Do what a start needs of the store until it is done; says in the log that it waits, however long that takes.

    A store that has answered once may still be slow, or away again, a moment later. ``step`` is harmless to repeat.
    Raises ``SettingsError`` for a store that is too old.
    """
    attempt = 0
    while True:
        try:
            with store_errors():
                await step()
        except ConfigurationError as error:
            raise SettingsError([refusal(error)]) from None
        except TransientError as error:
            attempt += 1
            _log.warning(
                "store.waiting",
                operation=what,
                attempt=attempt,
                error=str(error),
                hint=refusal(error.__cause__),
            )
            await clock.sleep(backoff(attempt, _SPREAD))
        else:
            return


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what may pass (store away, timeout, changed primary, lost race) into ``TransientError``.

    A duplicate key is the caller's business and passes through, as does everything that would fail again.
    """
    try:
        yield
    except PyMongoError as error:
        if _may_pass(error):
            # The text of a store error may repeat the document: type and code only.
            code = getattr(error, "code", None)
            text = f"{code}, {_REFUSED[code]}" if code in _REFUSED else code
            raise TransientError(f"store: {type(error).__name__}" + (f" ({text})" if code else "")) from error
        raise


async def insert_new(collection: AsyncIOMotorCollection[Document], document: Document) -> bool:
    """Insert a document; False where its id, or what else is unique, is taken. Raises ``TransientError``."""
    try:
        with store_errors():
            await collection.insert_one(document)
    except DuplicateKeyError:
        return False
    return True


async def by_ids(
    collection: AsyncIOMotorCollection[Document], ids: Sequence[str], projection: Mapping[str, Any] | None = None
) -> dict[str, Document]:
    """The documents of these ``_id``s that exist, by id. Raises ``TransientError`` while the store is away."""
    found: dict[str, Document] = {}
    unique = list(dict.fromkeys(ids))
    with store_errors():
        for start in range(0, len(unique), SLICE):
            wanted = {"_id": {"$in": unique[start : start + SLICE]}}
            async for document in collection.find(wanted, projection):
                found[document["_id"]] = document
    return found


def _may_pass(error: PyMongoError) -> bool:
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WriteConcernError) or error.timeout:
        return True
    if any(error.has_error_label(label) for label in _LABELS):
        return True
    if isinstance(error, BulkWriteError):
        details = error.details or {}
        codes = [write.get("code") for write in details.get("writeErrors", ())]
        passing = all(code in _PASSING for code in codes)
        return passing and bool(codes or details.get("writeConcernErrors"))
    return isinstance(error, OperationFailure) and (error.code in _PASSING or error.code in _REFUSED)
