# SPDX-License-Identifier: GPL-2.0-only
"""The embedded store as a process. A script of its own: it runs inside SecantusDB, whose licence this file has.

    python -P store_server.py [--administrator CN=NAME --auth --tls-cert-file …] (every other option is the store's)

Where its disk is full the storage engine panics, and every command but a ping fails until the process is started again,
also once there is room. So the process ends then, as MongoDB's does, and is started again by who started it.

With an administrator it is secured. What the store leaves open with ``--auth`` is closed here, before it listens
(docs/reference/store-rights.md): commands it checks against no role need the administrator's, a cursor is read by who
may read its database, a collection is renamed by the administrator alone, and a client that is slow to greet keeps
nobody else from connecting. The administrator is let in by certificate, so that there is no moment at which the first
user can be made by anybody.
"""

import argparse
import functools
import logging
import os
import shutil
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Protocol, cast

import bson
from secantus import auth, cli, commands, rbac, server, storage, transactions, update
from secantus.server import SecantusDBServer

Index = tuple[str, dict[str, Any], dict[str, Any]]
Document = dict[str, Any]
Indexes = list[tuple[str, Document, bool, bool]]
Handler = Callable[[dict[str, Any], object], dict[str, Any]]
GREETING_S = 10.0
ADMINISTRATOR_ONLY = (rbac.A_FSYNC, rbac.SCOPE_CLUSTER)
PANICKED = 70
"""Exit status (EX_SOFTWARE): the storage engine must be started again."""
SLICE = 2_000
"""Records that are removed in one transaction: one wait for the disk, and it fits into the cache."""
AGES_S = 10**10
CHECKPOINT_S = 15.0
EVICTION = "eviction_dirty_target=15,eviction_updates_target=8"
"""The share of the cache, in percent, that may wait for the next checkpoint before WiredTiger writes out pages.

By itself it begins at 5 and 2.5. Of our small cache that is a minute of ten reports a second, and a thread that finds
few pages it may write then spins until the checkpoint, a fifth of a core. From 20 and 10 on clients write them out.
"""
MANY = 2
"""Updates in a command from here on wait for the disk together."""


def unchecked() -> set[str]:
    """Commands that the store checks against no role, beside those that a driver begins with."""
    known = {*commands._COMMAND_ACTIONS, *commands._NO_PRIVILEGE_COMMANDS, *commands._PRE_AUTH_COMMANDS}
    return set(commands._HANDLERS) - known


def close_gaps() -> None:
    """Change what the store demands for a command; its own check does the rest."""
    commands._COMMAND_ACTIONS.update(dict.fromkeys(unchecked(), ADMINISTRATOR_ONLY))
    commands._COMMAND_ACTIONS["renameCollection"] = ADMINISTRATOR_ONLY
    commands._COMMAND_ACTIONS["getMore"] = (rbac.A_FIND, rbac.SCOPE_COLLECTION)
    commands._NO_PRIVILEGE_COMMANDS -= {"getMore"}
    for name in ("create", "collMod"):
        commands._HANDLERS[name] = _without_views(commands._HANDLERS[name])


def end_when_panicked() -> None:
    """End the process at the first command that finds the storage engine panicked."""
    for name, handler in commands._HANDLERS.items():
        commands._HANDLERS[name] = _ending(handler)


def _ending(handler: Handler) -> Handler:
    @functools.wraps(handler)
    def run(doc: dict[str, Any], context: object) -> dict[str, Any]:
        try:
            return handler(doc, context)
        except Exception as error:
            if "WT_PANIC" in str(error):
                logging.getLogger("store").critical(
                    "the storage engine panicked, most often because its disk is full (see the lines above): this"
                    " process ends and can be started again once there is room; what it acknowledged is kept"
                )
                logging.shutdown()
                os._exit(PANICKED)  # no orderly end: it would write to the engine
            raise

    return run


class _Session(Protocol):
    """A connection's session of WiredTiger."""

    def commit_transaction(self, config: str | None) -> None: ...
    def rollback_transaction(self) -> None: ...
    def get_rollback_reason(self) -> str: ...
    def log_flush(self, config: str) -> None: ...


class _Now(threading.local):
    """What this thread of the store does now."""

    many = False
    """It works off a command of many updates."""
    dropping = False
    """It drops a collection or a database."""
    session: _Session | None = None
    """Where it has committed one of them that the disk may not have yet."""
    indexes: dict[tuple[str, str], list[Index]] | None = None
    """Definitions of indexes by database and collection, where they are read once."""
    rewritten: tuple[int, Document, Indexes] | None = None
    """A record that a transaction puts another document into, that one, and the indexes whose entries change."""
    options: tuple[list[Index], dict[str, Document]] | None = None
    """Of the indexes read last, their options by name."""


_NOW = _Now()


class _SyncedLater:
    """A session whose commits do not wait for the disk."""

    def __init__(self, session: _Session) -> None:
        self._session = session
        self.get_rollback_reason = session.get_rollback_reason
        self.rollback_transaction = session.rollback_transaction

    def commit_transaction(self, _: object) -> None:
        self._session.commit_transaction("sync=off")


def wait_for_the_disk_once() -> None:
    """Let a command of many updates wait for the disk once, before its answer, as MongoDB does.

    Each of them is a transaction, and SecantusDB waits at the end of each: twenty marks in one command took as long as
    twenty commands.
    """
    commit = storage._commit_batch_transaction
    update: Handler = commands._HANDLERS["update"]

    def committed(session: _Session, sync: bool) -> None:
        if not _NOW.many:
            commit(session, sync)
            return
        commit(_SyncedLater(session), sync)
        _NOW.session = session

    @functools.wraps(update)
    def run(doc: dict[str, Any], context: object) -> dict[str, Any]:
        if len(doc.get("updates") or ()) < MANY:
            return update(doc, context)
        _NOW.many = True
        try:
            return update(doc, context)
        finally:
            session, _NOW.session, _NOW.many = _NOW.session, None, False
            if session is not None:
                session.log_flush("sync=on")

    storage._commit_batch_transaction = committed
    commands._HANDLERS["update"] = run


def tell_the_room() -> None:
    """Answer ``dbStats`` with the room on the disk, as MongoDB does, and without sizes.

    SecantusDB tells no room, and reads every document and every entry of an index for the sizes while all who write
    wait: seconds, where there are some ten thousand documents.
    """

    def told(_: Document, context: commands.CommandContext) -> Document:
        disk = shutil.disk_usage(context.storage.home_path)
        return {"db": context.db_name, "fsTotalSize": disk.total, "fsUsedSize": disk.total - disk.free, "ok": 1.0}

    commands._HANDLERS.update(dict.fromkeys(("dbStats", "dbstats"), told))


def forget_answers_in_their_order() -> None:
    """Let answers kept for a write that is sent again be forgotten oldest first.

    SecantusDB looks at all ten thousand before and after each write, and sorts them where there is one too many.
    """

    def prune(self: transactions.TransactionRegistry) -> None:
        answers, oldest = self._retryable, self._time() - transactions._RETRYABLE_RECORD_LIFETIME_SECONDS
        while answers:
            first = next(iter(answers))
            if len(answers) <= transactions._RETRYABLE_RECORD_MAX and answers[first][1] >= oldest:
                return
            del answers[first]

    transactions.TransactionRegistry._prune_retryable_locked = prune


def read_formats_once() -> None:
    """Let WiredTiger's Python read the format of a table's keys or values once, not for each key and each value."""
    packing = vars(sys.modules[storage.wt.unpack.__module__])
    parse = packing["__unpack_iter_fmt"]
    packing["__unpack_iter_fmt"] = functools.cache(lambda form: tuple(parse(form)))


class _Copying:
    """Stands for the module ``copy`` where SecantusDB copies a document before it changes it."""

    @classmethod
    def deepcopy(cls, value: object) -> object:
        """Copy what can be changed in a document, which is a tree of dictionaries and lists.

        ``copy.deepcopy`` also notes each value, in case it comes again: an eighth of an update's time.
        """
        if isinstance(value, dict):
            return {name: cls.deepcopy(one) for name, one in value.items()}
        if isinstance(value, list):
            return [cls.deepcopy(one) for one in value]
        return value


def copy_documents_as_trees() -> None:
    """Let an update copy its document without noting each value of it."""
    update.copy = _Copying


def _without_views(handler: Handler) -> Handler:
    """A view's stages ``$out`` and ``$merge`` would be run for whoever reads it, checked by nothing."""

    def run(doc: dict[str, Any], context: object) -> dict[str, Any]:
        if doc.keys() & {"viewOn", "pipeline"}:
            return {"ok": 0.0, "errmsg": "this store has no views", "code": 13, "codeName": "Unauthorized"}
        return handler(doc, context)

    return run


def _with_definitions_read_once(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def run(self: "Storage", *args: object, **options: object) -> object:
        with self._definitions_read_once():
            return method(self, *args, **options)

    return run


class Storage(storage.Storage):  # type: ignore[misc]  # it has no types
    """What the store keeps, with less work for each write.

    It reads the definitions of a collection's indexes once for a write or a search. SecantusDB does that for each
    document, and several times for an update or a search: a third of its time. A write is one transaction and sees one
    state of them, but for what it changes itself: it marks an index in which it first finds an array.

    An update leaves entries of indexes whose fields it does not change. SecantusDB removes and writes those of every
    index: half of an update's time where there are nine.

    A drop waits for the disk once for two thousand records, not after each, and for writes that are under way there.

    And it keeps no record of every change (``local.oplog.rs``), which none of our processes reads: a fifth of an
    update's time, and what was erased stood in it for another hour. After a kill it starts from WiredTiger's own log.
    """

    def __init__(self, path: str, **options: object) -> None:
        super().__init__(path, **{"checkpoint_seconds": CHECKPOINT_S, **options, "enable_oplog": False})
        self._conn.reconfigure(EVICTION)
        self._forget_changes()

    def _forget_changes(self) -> None:
        """Remove what a store of before recorded."""
        self.oplog_retention_seconds = AGES_S  # by number alone, or all that is old would go at once
        for left in range(self._oplog_live_count - SLICE, -SLICE, -SLICE):
            self.oplog_max_entries = max(left, 0)
            with self._lock, self._batch_transaction():
                self.prune_oplog()
        self.oplog_max_entries = 0

    @contextmanager
    def _batch_transaction(self, *, sync: bool = False) -> Iterator[object]:
        with super()._batch_transaction(sync=sync) as session:
            # Between two writes of a client's transaction others may change the definitions.
            of_a_client = getattr(self._tls, "user_txn", None) is not None
            try:
                with nullcontext() if of_a_client else self._definitions_read_once():
                    yield session
            finally:
                _NOW.rewritten = None

    @contextmanager
    def _definitions_read_once(self) -> Iterator[None]:
        if _NOW.indexes is not None:
            yield
            return
        _NOW.indexes = {}
        try:
            yield
        finally:
            _NOW.indexes = None

    find_matching = _with_definitions_read_once(storage.Storage.find_matching)
    _candidates_iter = _with_definitions_read_once(storage.Storage._candidates_iter)

    def drop_collection(self, db: str, coll: str) -> bool:
        """Remove a collection; whether there was one."""
        with self._dropping(db, [coll]):
            return bool(super().drop_collection(db, coll))

    def drop_database(self, db: str) -> None:
        """Remove a database with all its collections."""
        with self._dropping(db, self.list_collections(db)):
            super().drop_database(db)

    @contextmanager
    def _dropping(self, db: str, colls: Iterable[str]) -> Iterator[None]:
        """Let writes that are under way there end, and others wait, as MongoDB does.

        A transaction of the drop that met one of them would fail, halfway.
        """
        with ExitStack() as alone:
            for coll in sorted(colls):
                alone.enter_context(self._coll_lock(db, coll))
            _NOW.dropping = True
            try:
                yield
            finally:
                _NOW.dropping = False

    def _delete_keys(self, table: str, keys: list[tuple[Any, ...]]) -> None:
        """Where something is dropped, wait for the disk once for many documents and entries; nobody writes meanwhile.

        SecantusDB waits after each document and each of its entries in indexes.
        """
        if not _NOW.dropping:
            super()._delete_keys(table, keys)
            return
        for at in range(0, len(keys), SLICE):
            with self._batch_transaction():
                super()._delete_keys(table, keys[at : at + SLICE])

    def _unique_conflict(self, db: str, coll: str, doc: Document, indexes: Indexes, **options: object) -> object:
        """Asked before a document is written; ``exclude_recordid`` is the record it takes the place of, if of any."""
        conflict: object = super()._unique_conflict(db, coll, doc, indexes, **options)
        record = options["exclude_recordid"]
        _NOW.rewritten = (cast("int", record), doc, indexes) if record is not None and conflict is None else None
        return conflict

    def _delete_index_entries(
        self, db: str, coll: str, doc: Document, indexes: Indexes, partials: dict[str, Document], *, recordid: int
    ) -> None:
        """Where another document takes its place, remove only what will be another entry."""
        record, new, _ = _NOW.rewritten or (None, {}, [])
        if record == recordid:
            fields = {index[0]: _fields([*index[1], *partials.get(index[0], {})]) for index in indexes}
            changed = {field for field in set().union(*fields.values()) if _differs(doc, new, field)}
            indexes = [index for index in indexes if fields[index[0]] & changed]
            _NOW.rewritten = record, new, indexes
        super()._delete_index_entries(db, coll, doc, indexes, partials, recordid=recordid)

    def _write_index_entries(
        self, db: str, coll: str, doc: Document, indexes: Indexes, partials: dict[str, Document], *, recordid: int
    ) -> None:
        record, _, changed = _NOW.rewritten or (None, {}, [])
        if record == recordid:
            indexes, _NOW.rewritten = changed, None
        super()._write_index_entries(db, coll, doc, indexes, partials, recordid=recordid)

    def get_profile(self, db: str) -> dict[str, Any]:
        """Nothing is profiled: SecantusDB looks up after each command whether it is, behind a lock that writes hold."""
        return {"level": 0, "slowms": 100, "sampleRate": 1.0}

    def _iter_indexes(self, db: str, coll: str) -> Iterable[Index]:
        known = _NOW.indexes
        if known is None:
            return cast("Iterable[Index]", super()._iter_indexes(db, coll))
        if (db, coll) not in known:
            known[db, coll] = list(super()._iter_indexes(db, coll))
        return known[db, coll]

    def _index_options_map(self, db: str, coll: str) -> dict[str, Document]:
        """Make it once for definitions that are read once; who asks for it only reads."""
        if _NOW.indexes is None:
            return cast("dict[str, Document]", super()._index_options_map(db, coll))
        indexes = cast("list[Index]", self._iter_indexes(db, coll))
        if _NOW.options is None or _NOW.options[0] is not indexes:
            _NOW.options = indexes, {name: options for name, _, options in indexes}
        return _NOW.options[1]

    def _maybe_mark_multikey(self, db: str, coll: str, doc: object, indexes: object, marked: set[str]) -> set[str]:
        before = len(marked)
        after: set[str] = super()._maybe_mark_multikey(db, coll, doc, indexes, marked)
        if len(after) > before and _NOW.indexes is not None:
            _NOW.indexes.pop((db, coll), None)
        return after


def _fields(paths: Iterable[str]) -> set[str]:
    return {path.partition(".")[0] for path in paths}


def _differs(old: Document, new: Document, field: str) -> bool:
    """Whether a document may have other entries in an index over a field. Compared as stored: 1 is not 1.0."""
    return (
        field.startswith("$")
        or (field in old) != (field in new)
        or (field in old and bson.encode({field: old[field]}) != bson.encode({field: new[field]}))
    )


class SecuredServer(SecantusDBServer):  # type: ignore[misc]  # it has no types
    """The store with an administrator, who signs in by certificate, and a TLS handshake that blocks only its client."""

    administrator = ""

    def start(self) -> None:
        """Let the administrator in, then listen."""
        record = {
            "_id": f"$external.{self.administrator}",
            "user": self.administrator,
            "db": "$external",
            "credentials": dict(auth.X509_CREDENTIAL_MARKER),
            "roles": [{"role": "root", "db": "admin"}],
            "mechanisms": [auth.MONGODB_X509],
        }
        self.storage.add_user("$external", self.administrator, record, replace=True)
        context = self._ssl_context
        if context is None:
            raise SystemExit("the secured store has no certificate: see --tls-cert-file")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.wrap_socket = functools.partial(context.wrap_socket, do_handshake_on_connect=False)
        super().start()

    def _handle_client(self, conn: ssl.SSLSocket, addr: tuple[str, int]) -> None:
        patience = conn.gettimeout()
        conn.settimeout(GREETING_S)
        try:
            conn.do_handshake()
        except OSError:
            conn.close()
            with self._active_conns_lock:
                self._active_conns -= 1
            return
        conn.settimeout(patience)
        super()._handle_client(conn, addr)


def main(arguments: list[str]) -> int:
    """Run it until a signal."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--administrator")
    own, rest = parser.parse_known_args(arguments)
    server.Storage = Storage
    if own.administrator is not None:
        SecuredServer.administrator = own.administrator
        close_gaps()
        cli.SecantusDBServer = SecuredServer
    wait_for_the_disk_once()
    tell_the_room()
    copy_documents_as_trees()
    read_formats_once()
    forget_answers_in_their_order()
    end_when_panicked()
    return int(cli.main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
