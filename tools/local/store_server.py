# SPDX-License-Identifier: GPL-2.0-only
"""The embedded store as a process. A script of its own: it runs inside SecantusDB, whose licence this file has.

    python -P store_server.py [--administrator CN=NAME --auth --tls-cert-file …] (every other option is the store's)

Where its disk is full the storage engine panics, and every command but a ping fails until the process is started again,
also once there is room. So the process ends then, as MongoDB's does, and is started again by who started it.

With an administrator it is secured. What the store leaves open with ``--auth`` is closed here, before it listens
(docs/reference/store-rights.md): commands it checks against no role need the administrator's, a right for one
collection counts for that one, a cursor is read by who may read what it is over, a collection is renamed by the
administrator alone, and a client that is slow to greet keeps nobody else from connecting. The administrator is let in
by certificate, so that there is no moment at which the first user can be made by anybody.
"""

import argparse
import functools
import itertools
import logging
import os
import shutil
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol, cast

import bson
from secantus import auth, cli, commands, query, rbac, server, storage, transactions, update
from secantus.server import SecantusDBServer

Index = tuple[str, dict[str, Any], dict[str, Any]]
Document = dict[str, Any]
Indexes = list[tuple[str, Document, bool, bool]]
Rows = tuple[tuple[bytes, bytes], ...]
"""Keys and values of a table, as they are stored."""
Handler = Callable[[dict[str, Any], object], dict[str, Any]]
GREETING_S = 10.0
ADMINISTRATOR_ONLY = (rbac.A_FSYNC, rbac.SCOPE_CLUSTER)
PANICKED = 70
"""Exit status (EX_SOFTWARE): the storage engine must be started again."""
SLICE = 2_000
"""Records that are removed in one transaction: one wait for the disk, and it fits into the cache."""
AGES_S = 10**10
CHECKPOINT_S = 15.0
LEFT_TRANSACTIONS_S = 10.0
"""How often transactions are looked for that a client left open."""
EVICTION = "eviction_dirty_target=15,eviction_updates_target=8"
"""The share of the cache, in percent, that may wait for the next checkpoint before WiredTiger writes out pages.

By itself it begins at 5 and 2.5. Of our small cache that is a minute of ten reports a second, and a thread that finds
few pages it may write then spins until the checkpoint, a fifth of a core. From 20 and 10 on clients write them out.
"""
UNFINISHED = "unfinished"
"""Option of an index whose entries are still being written."""
TREES = (dict, list)
"""What holds other values in a document."""
MANY = 2
"""Updates in a command from here on wait for the disk together."""
BOUNDS = frozenset(("$gt", "$gte", "$lt", "$lte"))
PLAIN = (str, bytes, bool, int, bson.Int64, float, datetime, bson.ObjectId)
"""Values that an index holds as one entry, in their order."""
LAST = b"\xff" * 9
"""Greater than any value, and any record behind one, as an index stores them."""
COUNTED = ["$match", "$limit", "$group"]
"""The stages by which drivers count documents up to a number."""


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
    _tell_collections_apart()


def _tell_collections_apart() -> None:
    """Let a right for one collection count for that one: by itself the store lets it count for the whole database."""
    resource, further = commands._resource_for_command, commands._pipeline_secondary_requirements
    granted = rbac._custom_role_grants

    def resource_of(name: str, doc: Document, default_db: str) -> object:
        named = doc.get("collection" if name == "getMore" else name)
        _CHECKED.collection = named if isinstance(named, str) else None
        return resource(name, doc, default_db)

    def requirements(doc: Document, default_db: str) -> object:
        _CHECKED.collection = None  # the stages of a pipeline name others
        return further(doc, default_db)

    def grants(role: Document, action: str, *, target_db: str | None, cluster: bool) -> bool:
        asked = ("", _CHECKED.collection)
        counting = [one for one in role["privileges"] if one["resource"].get("collection", "") in asked]
        return bool(granted({**role, "privileges": counting}, action, target_db=target_db, cluster=cluster))

    commands._resource_for_command, commands._pipeline_secondary_requirements = resource_of, requirements
    rbac._custom_role_grants = grants


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


class _Checked(threading.local):
    """The collection that the command whose rights are checked is for; None: no single one."""

    collection: str | None = None


_CHECKED = _Checked()


class _Session(Protocol):
    """A connection's session of WiredTiger."""

    def commit_transaction(self, config: str | None) -> None: ...
    def rollback_transaction(self) -> None: ...
    def get_rollback_reason(self) -> str: ...
    def log_flush(self, config: str) -> None: ...


class _Limit(NamedTuple):
    """How many documents a search asks for, and of which order they are to be the first."""

    number: int
    field: str | None
    direction: int
    variables: object
    """What its expressions may name."""


class _IndexRange(NamedTuple):
    """A part of an index, or of the ids where it has no name, from ``low`` to ``high`` as they are stored."""

    name: str | None
    low: bytes
    high: bytes


class _Now(threading.local):
    """What this thread of the store does now."""

    many = False
    """It works off a command of many updates."""
    dropping = False
    """It drops a collection or a database."""
    session: _Session | None = None
    """Where it has committed one of them that the disk may not have yet."""
    indexes: "dict[tuple[str, str], _Definitions] | None" = None
    """Definitions of indexes by database and collection, where they are read once."""
    collections: dict[tuple[str, str], Document | None] | None = None
    """Options of collections, likewise."""
    rewritten: tuple[int, Document, Indexes] | None = None
    """A record that a transaction puts another document into, that one, and the indexes whose entries change."""
    limit: _Limit | None = None
    """Of the search that it does."""
    counted: tuple[Document, int] | None = None
    """What it counts, and up to which number."""
    named: tuple[object, frozenset[str] | None] | None = None
    """The last list of values that a filter named, and the same as texts where they are nothing else."""


_NOW = _Now()


class _SyncedLater:
    """A session whose commits do not wait for the disk."""

    def __init__(self, session: _Session) -> None:
        self._session = session
        self.get_rollback_reason = session.get_rollback_reason
        self.rollback_transaction = session.rollback_transaction

    def commit_transaction(self, _: object) -> None:
        self._session.commit_transaction("sync=off")


class _InSlices:
    """A cursor whose writes wait for the disk neither one by one nor all together, but `SLICE` in a transaction."""

    def __init__(self, cursor: Any, session: Any) -> None:  # noqa: ANN401  # the engine has no types
        self._cursor, self._session = cursor, session
        self._open = 0
        self.reset = cursor.reset

    def __setitem__(self, key: object, value: object) -> None:
        if self._open == SLICE:
            self.commit()
        if not self._open:
            self._session.reset()
            self._session.begin_transaction()
        self._cursor[key] = value
        self._open += 1

    def commit(self) -> None:
        if self._open:
            self._open = 0
            self._session.commit_transaction("sync=off")

    def roll_back(self) -> None:
        if self._open:
            self._session.rollback_transaction()


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


def count_no_further() -> None:
    """Let a count up to a number look for no more documents than that. SecantusDB looks at all and cuts them then."""
    aggregate: Handler = commands._HANDLERS["aggregate"]

    @functools.wraps(aggregate)
    def run(doc: Document, context: object) -> Document:
        stages = doc.get("pipeline") or []
        if [name for stage in stages for name in stage] == COUNTED and type(stages[1]["$limit"]) is int:
            _NOW.counted = stages[0]["$match"], stages[1]["$limit"]
        try:
            return aggregate(doc, context)
        finally:
            _NOW.counted = None

    commands._HANDLERS["aggregate"] = run


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


def pack_names_at_once() -> None:
    """Let WiredTiger's Python pack and unpack a key or a value at once, not letter by letter of the table's format.

    Ours are names (``S``), which end with a zero byte, and behind them bytes (``u``), a number (``q``) or nothing. What
    else there may be is left to it, as is a name with a zero byte in it.
    """
    cursors, packing = (vars(sys.modules[one.__module__]) for one in (storage.wt.Cursor, storage.wt.pack))
    pack, unpack, pack_int, unpack_int = (packing[name] for name in ("pack", "unpack", "pack_int", "unpack_int"))

    @functools.cache
    def parts(form: str) -> tuple[int, str | None]:
        names = len(form) - len(form.lstrip("S"))
        return names, form[names:] if form and form[names:] in ("", "u", "q") else None

    def packed(form: str, *values: Any) -> bytes:  # noqa: ANN401  # what the engine's own function takes
        names, last = parts(form)
        try:
            start = "\0".join((*values[:names], ""))
        except TypeError:
            return cast("bytes", pack(form, *values))
        odd = last is None or len(values) < len(form) or start.count("\0") != names
        if odd or (last == "u" and type(values[names]) is not bytes):
            return cast("bytes", pack(form, *values))
        behind: bytes = b"" if not last else values[names] if last == "u" else pack_int(values[names])
        return start.encode() + behind

    def unpacked(form: str, stored: bytes | None) -> list[Any]:
        names, last = parts(form)
        found = stored.split(b"\0", names) if stored is not None else []
        if last is None or len(found) != names + 1:
            return cast("list[Any]", unpack(form, stored))
        values: list[Any] = [name.decode() for name in found[:names]]
        if last:
            values.append(found[names] if last == "u" else unpack_int(found[names])[0])
        return values

    cursors.update(pack=packed, unpack=unpacked)


class _Copying:
    """Stands for the module ``copy`` where SecantusDB copies a document or an answer, to change or to keep it."""

    @classmethod
    def deepcopy(cls, value: object) -> object:
        """Copy what can be changed in a document, which is a tree of dictionaries and lists.

        ``copy.deepcopy`` also notes each value, in case it comes again, and takes apart each time stamp: an eighth of
        an update's time, and as much for the answer that is kept in case the write is sent again.
        """
        if isinstance(value, dict):
            return {name: cls.deepcopy(one) if isinstance(one, TREES) else one for name, one in value.items()}
        if isinstance(value, list):
            return [cls.deepcopy(one) if isinstance(one, TREES) else one for one in value]
        return value


def copy_documents_as_trees() -> None:
    """Let documents that change and answers that are kept be copied without noting each value of them."""
    update.copy = transactions.copy = _Copying


def compare_texts_as_texts() -> None:
    """Compare two texts without asking first whether they are documents, lists, dates or numbers of several kinds.

    A look at what a filter asks for compares each document with each value it names, so that is most of its time. A
    text is looked up among many that a filter names: else a search by ids costs the square of what it finds.
    """
    equal, fits = query._eq_numeric_aware, query._op_matches

    def compared(one: object, other: object, collation: object = None) -> bool:
        if type(one) is str and type(other) is str and collation is None:
            return one == other
        return bool(equal(one, other, collation))

    def matched(values: list[Any], op: str, arg: Any, collation: object = None, **options: Any) -> bool:  # noqa: ANN401  # as above
        if op == "$in" and collation is None and len(values) == 1 and type(values[0]) is str:
            if _NOW.named is None or _NOW.named[0] is not arg:
                texts = isinstance(arg, list) and all(type(one) is str for one in arg)
                _NOW.named = arg, frozenset(arg) if texts else None
            if _NOW.named[1] is not None:
                return values[0] in _NOW.named[1]
        return bool(fits(values, op, arg, collation, **options))

    query._eq_numeric_aware, query._op_matches = compared, matched


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


class _Definitions:
    """What is stored of a collection's indexes, and what follows from it.

    All who find the same stored share one, so nobody changes anything in it.
    """

    def __init__(self, rows: Rows) -> None:
        found = [(key.split(b"\0")[2].decode(), bson.decode(value)) for key, value in rows]
        self.indexes: list[Index] = [(name, one.get("key", {}), one.get("options", {})) for name, one in found]
        self.options: dict[str, Document] = {name: options for name, _, options in self.indexes}
        self.kinds: Indexes = [
            (name, key, bool(options.get("sparse")), bool(options.get("unique"))) for name, key, options in self.indexes
        ]
        self.partials: dict[str, Document] = {
            name: few
            for name, _, options in self.indexes
            if isinstance(few := options.get("partialFilterExpression"), dict) and few
        }
        self.multikey = frozenset(name for name, _, options in self.indexes if options.get("multikey"))
        self.unique = frozenset(
            name for name, _, options in self.indexes if options.get("unique") or options.get("prepareUnique")
        )
        self.of_places = frozenset(name for name, key, _ in self.indexes if storage._geo_type_of(key) is not None)
        self.fields = {name: _fields(tuple(key)) for name, key, _ in self.indexes}
        """The fields of a document that each index is over."""


_definitions = functools.lru_cache(maxsize=1_000)(_Definitions)


class Storage(storage.Storage):  # type: ignore[misc]  # it has no types
    """What the store keeps, with less work for each write.

    It reads the definitions of a collection's indexes once for a write or a search, and decodes them only where they
    are not what they were at an earlier one. SecantusDB does both for each document, and several times for an update or
    a search: a third of its time. A write is one transaction and sees one state of them, but for what it changes
    itself: it marks an index in which it first finds an array.

    It looks up by its id what is asked for by its id and more. SecantusDB first looks for an index for the rest.

    Of the first few in an index's order it reads no more than those. SecantusDB reads and decodes the whole range, with
    its lock, before it cuts: a page of a hundred out of 64,000 reports stopped everybody for 22 seconds.

    An update leaves entries of indexes whose fields it does not change. SecantusDB removes and writes those of every
    index: half of an update's time where there are nine.

    Whoever looks for what has expired lets go of it. SecantusDB keeps the pages it looked at last until it looks again,
    a minute later. WiredTiger wants to write out a page that has grown large, cannot, and has everybody who needs it
    sleep for 55 ms with SecantusDB's lock: at sixty reports a second alerts came a minute late on idle processors. Nor
    does a client's transaction keep them between its commands: one whose client was killed slowed all others tenfold.

    A drop waits for the disk once for two thousand records, not after each, and for writes that are under way there.

    An index is whole or not there. SecantusDB writes its definition and then entry by entry, each with a wait for the
    disk. Killed in between it kept what it had of them for ever, and who read by that index did not find the other
    documents.

    And it keeps no record of every change (``local.oplog.rs``), which none of our processes reads: a fifth of an
    update's time, and what was erased stood in it for another hour. After a kill it starts from WiredTiger's own log.
    """

    def __init__(self, path: str, **options: object) -> None:
        super().__init__(path, **{"checkpoint_seconds": CHECKPOINT_S, **options, "enable_oplog": False})
        self._conn.reconfigure(EVICTION)
        self._forget_changes()
        for db in self.list_databases():
            for coll in self.list_collections(db):
                self._remove_unfinished(db, coll)

    def prune_ttl_all_collections(self, **options: object) -> int:
        """Remove what has expired; how many documents that were."""
        try:
            return int(super().prune_ttl_all_collections(**options))
        finally:
            self.release_thread_snapshot()

    @contextmanager
    def use_user_transaction(self, handle: storage.UserTransactionHandle) -> Iterator[None]:
        """Run one command of a client's transaction, which then keeps its view of the data, but no page of it."""
        with super().use_user_transaction(handle):
            try:
                yield
            finally:
                for cursor in handle.cursors.values():
                    with suppress(Exception):
                        cursor.reset()

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
        """Run one transaction. SecantusDB resets each cursor by itself, and keeps account of its record of changes.

        Between two writes of a client's transaction others may change the definitions, so they are read again.
        """
        session = self._session()
        if getattr(self._tls, "user_txn", None) is not None:
            try:
                yield session
            finally:
                _NOW.rewritten = None
            return
        session.reset()  # or the transaction would see what a cursor saw before
        session.begin_transaction()
        try:
            with self._definitions_read_once():
                yield session
        except Exception:
            with suppress(Exception):
                session.rollback_transaction()
            raise
        else:
            storage._commit_batch_transaction(session, sync)
        finally:
            _NOW.rewritten = None

    @contextmanager
    def _definitions_read_once(self) -> Iterator[None]:
        if _NOW.indexes is not None:
            yield
            return
        _NOW.indexes, _NOW.collections = {}, {}
        try:
            yield
        finally:
            _NOW.indexes, _NOW.collections = None, None

    def find_matching(
        self,
        db: str,
        coll: str,
        filter: Document | None = None,  # noqa: A002  # SecantusDB's name for it
        *,
        skip: int = 0,
        limit: int = 0,
        sort: Document | None = None,
        **options: object,
    ) -> list[Document]:
        """Find documents."""
        most = limit
        if _NOW.counted is not None and _NOW.counted[0] == filter and not skip + limit:
            most = _NOW.counted[1]
        field, direction = self._single_sort_spec(sort)
        others = any(options.get(name) for name in ("hint", "collation", "min_bound", "max_bound"))
        if most > 0 and not others and (field is not None or not sort):
            _NOW.limit = _Limit(skip + most, field, direction or 1, options.get("let"))
        try:
            with self._definitions_read_once():
                found = super().find_matching(db, coll, filter, skip=skip, limit=limit, sort=sort, **options)
                return cast("list[Document]", found)
        finally:
            _NOW.limit = None

    _candidates_iter = _with_definitions_read_once(storage.Storage._candidates_iter)

    def drop_collection(self, db: str, coll: str) -> bool:
        """Remove a collection; whether there was one."""
        with self._dropping(db, [coll]):
            return bool(super().drop_collection(db, coll))

    def drop_database(self, db: str) -> None:
        """Remove a database with all its collections."""
        with self._dropping(db, self.list_collections(db)):
            super().drop_database(db)

    def create_index(self, db: str, coll: str, name: str, key_spec: Document, options: Document | None = None) -> bool:
        """Make an index; False where there is one of that name."""
        with self._coll_lock(db, coll), self._lock:
            self._remove_unfinished(db, coll)
            if any(known == name for known, _, _ in self._iter_indexes(db, coll)):
                return bool(super().create_index(db, coll, name, key_spec, options))
            try:
                with self._entries_in_slices():
                    made = super().create_index(db, coll, name, key_spec, {**(options or {}), UNFINISHED: True})
            except Exception:
                self._remove_unfinished(db, coll)
                raise
            if not made:
                return False
            cursor = self._cursor(storage._IDX_TABLE)
            cursor.set_key(db, coll, name)
            cursor.search()
            stored = bson.decode(bytes(cursor.get_value()))
            del stored["options"][UNFINISHED]
            cursor.reset()
            cursor[db, coll, name] = bson.encode(stored)
            return True

    @contextmanager
    def _entries_in_slices(self) -> Iterator[None]:
        """Write many entries in a transaction that waits for no disk; the write that follows waits for all of them."""
        if getattr(self._tls, "user_txn", None) is not None:
            yield
            return
        cursor, place = self._cursor(storage._IDX_ENTRIES_TABLE), (storage._IDX_ENTRIES_TABLE, True)
        slices = self._tls.cursors[place] = _InSlices(cursor, self._session())
        try:
            yield
            slices.commit()
        finally:
            self._tls.cursors[place] = cursor
            slices.roll_back()

    def _remove_unfinished(self, db: str, coll: str) -> None:
        for name, _, options in [*self._iter_indexes(db, coll)]:
            if UNFINISHED in options:
                with self._dropping(db, [coll]):
                    self.drop_index(db, coll, name)

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
        unique = self._definitions_of(db, coll).unique
        conflict: object = super()._unique_conflict(
            db, coll, doc, [one for one in indexes if one[0] in unique], **options
        )
        record = options["exclude_recordid"]
        _NOW.rewritten = (cast("int", record), doc, indexes) if record is not None and conflict is None else None
        return conflict

    def _validate_geo_indexes(
        self, db: str, coll: str, doc: Document, indexes: Indexes, partials: dict[str, Document]
    ) -> None:
        if self._definitions_of(db, coll).of_places:
            super()._validate_geo_indexes(db, coll, doc, indexes, partials)

    def _delete_index_entries(
        self, db: str, coll: str, doc: Document, indexes: Indexes, partials: dict[str, Document], *, recordid: int
    ) -> None:
        """Where another document takes its place, remove only what will be another entry."""
        record, new, _ = _NOW.rewritten or (None, {}, [])
        if record == recordid:
            fields = {index[0]: _fields((*index[1], *partials.get(index[0], ()))) for index in indexes}
            changed = {field for field in frozenset().union(*fields.values()) if _differs(doc, new, field)}
            indexes = [index for index in indexes if fields[index[0]] & changed]
            _NOW.rewritten = record, new, indexes
        super()._delete_index_entries(db, coll, doc, self._with(doc, db, coll, indexes), partials, recordid=recordid)

    def _write_index_entries(
        self, db: str, coll: str, doc: Document, indexes: Indexes, partials: dict[str, Document], *, recordid: int
    ) -> None:
        record, _, changed = _NOW.rewritten or (None, {}, [])
        if record == recordid:
            indexes, _NOW.rewritten = changed, None
        super()._write_index_entries(db, coll, doc, self._with(doc, db, coll, indexes), partials, recordid=recordid)

    def _with(self, doc: Document, db: str, coll: str, indexes: Indexes) -> Indexes:
        """Leave out sparse indexes over fields that a document does not have: it has no entries there."""
        fields = self._definitions_of(db, coll).fields
        return [one for one in indexes if not one[2] or not fields[one[0]].isdisjoint(doc)]

    def get_profile(self, db: str) -> dict[str, Any]:
        """Nothing is profiled: SecantusDB looks up after each command whether it is, behind a lock that writes hold."""
        return {"level": 0, "slowms": 100, "sampleRate": 1.0}

    def _iter_indexes(self, db: str, coll: str) -> Iterable[Index]:
        if _NOW.indexes is None:
            # Who asks now may change what it gets.
            return cast("Iterable[Index]", super()._iter_indexes(db, coll))
        return self._definitions_of(db, coll).indexes

    def _coll_options(self, db: str, coll: str) -> Document | None:
        """Read them once for a write or a search, which asks whether a collection is capped and of times, and is told.

        Who asks otherwise may change what it gets.
        """
        known = _NOW.collections
        if known is None:
            return cast("Document | None", super()._coll_options(db, coll))
        if (db, coll) not in known:
            known[db, coll] = super()._coll_options(db, coll)
        return known[db, coll]

    def _all_indexes(self, db: str, coll: str) -> Indexes:
        return self._definitions_of(db, coll).kinds

    def _index_options_map(self, db: str, coll: str) -> dict[str, Document]:
        return self._definitions_of(db, coll).options

    def _partial_filters(self, db: str, coll: str) -> dict[str, Document]:
        return self._definitions_of(db, coll).partials

    def _multikey_index_names(self, db: str, coll: str) -> set[str]:
        return set(self._definitions_of(db, coll).multikey)

    def _definitions_of(self, db: str, coll: str) -> _Definitions:
        known = _NOW.indexes
        if known is None:
            return _definitions(self._stored_definitions(db, coll))
        if (db, coll) not in known:
            known[db, coll] = _definitions(self._stored_definitions(db, coll))
        return known[db, coll]

    def _stored_definitions(self, db: str, coll: str) -> Rows:
        """Read the rows as they are: a look at their bytes tells whether they are known."""
        cursor = self._cursor(storage._IDX_TABLE)
        cursor.set_key(db, coll, "")
        near = cursor.search_near()
        if near == storage.wt.WT_NOTFOUND or (near < 0 and cursor.next() != 0):
            return ()
        begins, rows = f"{db}\0{coll}\0".encode(), []
        while True:
            key, value = cursor._get_raw_key_value()
            if not key.startswith(begins):
                break
            rows.append((key, value))
            if cursor.next() != 0:
                break
        return tuple(rows)

    def _try_index_id_keys(self, db: str, coll: str, wanted: Document, *, collation: object = None) -> list[int] | None:
        """Return the records to look at: of those with the ids asked for, who asks tells the right ones apart."""
        if "_id" in wanted and len(wanted) > 1 and collation is None:
            found = super()._try_index_id_keys(db, coll, {"_id": wanted["_id"]})
            if found is not None:
                return cast("list[int]", found)
        return cast("list[int] | None", super()._try_index_id_keys(db, coll, wanted, collation=collation))

    def _try_index_lookup(
        self, db: str, coll: str, wanted: Document, *, collation: object = None
    ) -> list[Document] | None:
        """Return the documents to look at, in the index's order; up to the limit, where that order is asked for."""
        limit = _NOW.limit
        entries = self._ordered_range(db, coll, wanted, limit) if limit is not None else None
        if limit is None or entries is None:
            every = super()._try_index_lookup(db, coll, wanted, collation=collation)
            return cast("list[Document] | None", every)
        backwards = limit.direction < 0
        records = self._walk(db, coll, entries, backwards=backwards)
        first: list[Document] = []
        while some := [*itertools.islice(records, limit.number - len(first))]:
            storage._deadline.check()
            found = self._docs_by_recordids(db, coll, some)
            first += [one for one in found if query.matches(one, wanted, vars=limit.variables)]
        return first[::-1] if backwards else first

    def _ordered_range(self, db: str, coll: str, wanted: Document, limit: _Limit) -> _IndexRange | None:
        """Return the range of an index that holds all that is wanted, in the order asked for; None where none does.

        Its last field is the one of the order; those before it are asked for by one value each. Of several indexes the
        one with most fields is taken, and of those a partial one.
        """
        bounds = {name: some for name, one in wanted.items() if (some := _bounds_of(one))}
        field = limit.field if limit.field is not None else next(iter(bounds), None)
        if field is None or storage._id_point_lookup_keys(wanted.get("_id", {})) is not None:
            return None
        known, found = self._definitions_of(db, coll), []
        for name, key, sparse, _ in known.kinds:
            *before, last = key
            partial = known.partials.get(name)
            if (
                last == field
                and key[last] == 1
                and all(type(wanted.get(one)) in PLAIN and key[one] in (1, -1) for one in before)
                and (before or field in bounds)
                and name not in known.multikey
                and not known.options[name].get("collation")
                and (partial is None or self._query_implies_partial(wanted, partial))
                and (not sparse or storage._sparse_index_usable(key, wanted))
            ):
                found.append((len(before), partial is not None, name, key))
        if not found and field == "_id" and wanted.keys() <= {"_id"} and not self._is_timeseries(db, coll):
            return _IndexRange(None, *_range_of(b"", bounds.get("_id", {})))
        if not found:
            return None
        _, _, name, key = max(found, key=lambda one: one[:2])
        stored = [storage.encode_value_directed(wanted[one], key[one]) for one in [*key][:-1]]
        low, high = _range_of(b"".join(one + storage.COMPOUND_SEP for one in stored), bounds.get(field, {}))
        return _IndexRange(name, storage._escape_kb(low), storage._escape_kb(high))

    def _walk(self, db: str, coll: str, entries: _IndexRange, *, backwards: bool) -> Iterator[int]:
        name, low, high = entries
        cursor = self._cursor(storage._NAT_SEQ_TABLE if name is None else storage._IDX_ENTRIES_TABLE)
        place = (db, coll) if name is None else (db, coll, name)
        cursor.set_key(*place, high + storage._ENTRY_SEP + LAST if backwards else low)
        near = cursor.search_near()
        step = cursor.prev if backwards else cursor.next
        if near == storage.wt.WT_NOTFOUND or ((near > 0 if backwards else near < 0) and step() != 0):
            return
        while True:
            *there, packed = cursor.get_key()
            if tuple(there) != place:
                return
            stored, record = (packed, cursor.get_value()) if name is None else storage._unpack_entry(packed)
            if stored < low if backwards else stored > high:
                return
            if record is not None:
                yield record
            if step() != 0:
                return

    def _maybe_mark_multikey(self, db: str, coll: str, doc: Document, indexes: Indexes, marked: set[str]) -> set[str]:
        """Mark indexes in which the document has an array. Only a field with a list or a document may hold one."""
        trees = {field for field, value in doc.items() if isinstance(value, TREES)}
        fields = self._definitions_of(db, coll).fields
        some = [one for one in indexes if one[0] not in marked and not trees.isdisjoint(fields[one[0]])]
        if not some:
            return marked
        before = len(marked)
        after: set[str] = super()._maybe_mark_multikey(db, coll, doc, some, marked)
        if len(after) > before and _NOW.indexes is not None:
            _NOW.indexes.pop((db, coll), None)
        return after


def _bounds_of(value: object) -> Document:
    """The bounds that a field is asked for by; none where one of them is no plain value. What else is asked narrows."""
    bounds = {name: one for name, one in value.items() if name in BOUNDS} if isinstance(value, dict) else {}
    return bounds if all(type(one) in PLAIN for one in bounds.values()) else {}


def _range_of(before: bytes, span: Document) -> tuple[bytes, bytes]:
    """Where entries within bounds begin and end. Whether an end belongs to them, who compares the documents tells."""
    stored = {name: before + storage.encode_value_directed(one) for name, one in span.items()}
    low = [one for name, one in stored.items() if name.startswith("$gt")]
    high = [one for name, one in stored.items() if name.startswith("$lt")]
    return max(low, default=before), min(high, default=before + LAST)


@functools.lru_cache(maxsize=1_000)
def _fields(paths: tuple[str, ...]) -> frozenset[str]:
    return frozenset(path.partition(".")[0] for path in paths)


def _differs(old: Document, new: Document, field: str) -> bool:
    """Whether a document may have other entries in an index over a field. Compared as stored: 1 is not 1.0."""
    if field.startswith("$") or (field in old) != (field in new):
        return True
    return (
        field in old
        and old[field] is not new[field]
        and bson.encode({field: old[field]}) != bson.encode({field: new[field]})
    )


class Server(SecantusDBServer):  # type: ignore[misc]  # it has no types
    """The store, which ends transactions that their client left open a minute ago, as MongoDB does.

    SecantusDB looks for them only as another transaction begins or ends. Until then all that others wrote since is kept
    beside what it replaced, and who writes what the transaction wrote tries again and again.
    """

    def start(self) -> None:
        """Listen."""
        super().start()
        threading.Thread(target=self._end_left_transactions, name="left-transactions", daemon=True).start()

    def _end_left_transactions(self) -> None:
        while not self._stop_event.wait(LEFT_TRANSACTIONS_S):
            self.transactions.prune_expired()


class SecuredServer(Server):
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
    server.Storage, cli.SecantusDBServer = Storage, Server
    if own.administrator is not None:
        SecuredServer.administrator = own.administrator
        close_gaps()
        cli.SecantusDBServer = SecuredServer
    wait_for_the_disk_once()
    count_no_further()
    tell_the_room()
    copy_documents_as_trees()
    pack_names_at_once()
    compare_texts_as_texts()
    forget_answers_in_their_order()
    end_when_panicked()
    return int(cli.main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
