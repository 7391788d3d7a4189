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
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from secantus import auth, cli, commands, rbac, server, storage
from secantus.server import SecantusDBServer

Index = tuple[str, dict[str, Any], dict[str, Any]]
Handler = Callable[[dict[str, Any], object], dict[str, Any]]
GREETING_S = 10.0
ADMINISTRATOR_ONLY = (rbac.A_FSYNC, rbac.SCOPE_CLUSTER)
PANICKED = 70
"""Exit status (EX_SOFTWARE): the storage engine must be started again."""
SLICE = 2_000
"""Records of changes that are removed in one transaction: one wait for the disk, and it fits into the cache."""
AGES_S = 10**10


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


def _without_views(handler: Handler) -> Handler:
    """A view's stages ``$out`` and ``$merge`` would be run for whoever reads it, checked by nothing."""

    def run(doc: dict[str, Any], context: object) -> dict[str, Any]:
        if doc.keys() & {"viewOn", "pipeline"}:
            return {"ok": 0.0, "errmsg": "this store has no views", "code": 13, "codeName": "Unauthorized"}
        return handler(doc, context)

    return run


class Storage(storage.Storage):  # type: ignore[misc]  # it has no types
    """What the store keeps, with less work for each write.

    It reads the definitions of a collection's indexes once for a write. SecantusDB does that for each document, and
    several times for an update: a third of its time. A write is one transaction and sees one state of them, but for
    what it changes itself: it marks an index in which it first finds an array.

    And it keeps no record of every change (``local.oplog.rs``), which none of our processes reads: a fifth of an
    update's time, and what was erased stood in it for another hour. After a kill it starts from WiredTiger's own log.
    """

    def __init__(self, path: str, **options: object) -> None:
        super().__init__(path, **{**options, "enable_oplog": False})
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
            self._tls.indexes = {} if getattr(self._tls, "user_txn", None) is None else None
            try:
                yield session
            finally:
                self._tls.indexes = None

    def _iter_indexes(self, db: str, coll: str) -> Iterable[Index]:
        known = getattr(self._tls, "indexes", None)
        if known is None:
            return cast("Iterable[Index]", super()._iter_indexes(db, coll))
        if (db, coll) not in known:
            known[db, coll] = list(super()._iter_indexes(db, coll))
        return cast("Iterable[Index]", known[db, coll])

    def _maybe_mark_multikey(self, db: str, coll: str, doc: object, indexes: object, marked: set[str]) -> set[str]:
        before = len(marked)
        after: set[str] = super()._maybe_mark_multikey(db, coll, doc, indexes, marked)
        if len(after) > before and getattr(self._tls, "indexes", None) is not None:
            self._tls.indexes.pop((db, coll), None)
        return after


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
    end_when_panicked()
    return int(cli.main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
