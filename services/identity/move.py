"""``python -m services.identity.move --from ieum_notify``: takes over the accounts of a notify that kept them itself.

Accounts, sessions, signing keys and the delays after failed sign-ins are copied as they are, so the keys must be those
they were sealed with. What does not fit its seal stays behind. Interrupted anywhere, the same command goes on. Where
identity has started before and made a signing key of its own, the old ones stay behind: sessions then get new tokens.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from motor.motor_asyncio import AsyncIOMotorCollection

from services.identity.audit_recorder import AuditAction, by_command, line
from services.identity.keyed_digests import same
from services.identity.main import SERVICE, Accounts, accounts_of
from services.identity.sessions.repository import session_of
from services.identity.settings import IdentitySettings
from shared import log, mongo, process
from shared.audit.store import AuditLog
from shared.clock import Clock, SystemClock
from shared.errors import IeumError
from shared.mongo import Document, store_errors
from shared.settings import StoreSettings, load

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorDatabase

MOVES: Final = "moves"
_DONE, _REFUSED = 0, 1


class MoveRefusedError(IeumError):
    """The move was refused and nothing was moved; the text says why."""


@dataclass(slots=True)
class Moved:
    """Result of a run."""

    copied: dict[str, int] = field(default_factory=dict)
    """Documents by collection, of this run and of interrupted ones before."""
    left: dict[str, list[str]] = field(default_factory=dict)
    """Documents by collection that do not fit their seal."""
    already: bool = False
    """An earlier run has finished; nothing was done."""


class Move:
    """One move from a database of notify's to identity's own."""

    def __init__(self, source: Accounts, target: Accounts, source_name: str) -> None:
        """``source`` and ``target`` have the same keys."""
        self._source = source
        self._target = target
        self._name = source_name
        self._moves = target.store.collection.database[MOVES]

    async def run(self) -> Moved:
        """Copy what is missing. Raises ``MoveRefusedError`` where identity has accounts that did not come from there.

        Raises ``TransientError`` while the store is away.
        """
        moved = Moved()
        with store_errors():
            before = await self._moves.find_one({"_id": self._name})
        if before is not None and before["done"]:
            moved.already = True
            return moved
        keys_wanted = await self._begin() if before is None else bool(before["keys"])
        source, target = self._source, self._target
        genuine_keys = {record.kid for record in await source.signing.records()}
        checks: tuple[tuple[AsyncIOMotorCollection[Document], AsyncIOMotorCollection[Document], _Check], ...] = (
            (source.store.collection, target.store.collection, self._account),
            (source.session_store.collection, target.session_store.collection, self._session),
            (source.keys.collection, target.keys.collection, lambda document: document["_id"] in genuine_keys),
            (source.delays.collection, target.delays.collection, lambda _: True),
        )
        for origin, place, fits in checks:
            if origin is not source.keys.collection or keys_wanted:
                await self._copy(origin, place, fits, moved)
        with store_errors():
            await self._moves.update_one({"_id": self._name}, {"$set": {"done": True}})
        return moved

    async def clear(self) -> None:
        """Delete what was moved from where it came. Raises ``MoveRefusedError`` unless a move has finished."""
        with store_errors():
            before = await self._moves.find_one({"_id": self._name})
            if before is None or not before["done"]:
                raise MoveRefusedError("nothing is cleared before a move has finished")
            for store in (self._source.store, self._source.session_store, self._source.keys, self._source.delays):
                await store.collection.drop()

    async def _begin(self) -> bool:
        """Return whether signing keys are to be copied as well."""
        with store_errors():
            if accounts := await self._target.store.collection.count_documents({}):
                raise MoveRefusedError(f"identity has {accounts} accounts that did not come from {self._name}")
            if not await self._source.store.collection.count_documents({}):
                raise MoveRefusedError(f"there are no accounts in {self._name}")
            keys_wanted = not await self._target.keys.collection.count_documents({})
            await self._moves.insert_one({"_id": self._name, "done": False, "keys": keys_wanted})
            return keys_wanted

    def _account(self, document: Document) -> bool:
        return not self._source.store.read(document).altered

    def _session(self, document: Document) -> bool:
        session = session_of(document)
        return session is not None and same(session.seal, self._source.vault.marks.session_seal(session))

    async def _copy(
        self,
        origin: "AsyncIOMotorCollection[Document]",
        place: "AsyncIOMotorCollection[Document]",
        fits: "_Check",
        moved: Moved,
    ) -> None:
        count, left = 0, []
        async for document in _every(origin):
            if not fits(document):
                left.append(str(document["_id"]))
                continue
            with store_errors():
                # Never over what is there: identity may be in use since an interrupted run.
                await place.update_one({"_id": document["_id"]}, {"$setOnInsert": document}, upsert=True)
            count += 1
        moved.copied[origin.name] = count
        if left:
            moved.left[origin.name] = left


_Check = Callable[[Document], bool]


async def _every(collection: "AsyncIOMotorCollection[Document]") -> AsyncIterator[Document]:
    with store_errors():
        async for document in collection.find({}):
            yield document


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status: 0 done, 1 refused or something stayed behind."""
    parser = argparse.ArgumentParser(prog="python -m services.identity.move", description=__doc__)
    parser.add_argument("--from", dest="source", required=True, help="notify's database, ieum_notify by default names")
    parser.add_argument("--clear", action="store_true", help="after a finished move: delete the originals")
    given = parser.parse_args(argv)
    try:
        settings, store = load(IdentitySettings), load(StoreSettings)
        log.configure(SERVICE, settings.log_level)
        return asyncio.run(_run(given.source, settings, store, SystemClock(), clear=given.clear))
    except IeumError as error:
        print(f"refused: {error}", file=sys.stderr)
    return _REFUSED


async def _run(source: str, settings: IdentitySettings, store: StoreSettings, clock: Clock, *, clear: bool) -> int:
    database = mongo.connect(store, SERVICE)
    await mongo.wait_until_ready(database, clock)
    audit = AuditLog(database, settings.audit_keys(), clock, SERVICE, settings.audit_heads)
    move = between(database, source, settings, audit, clock)
    if clear:
        await move.clear()
        return _DONE
    moved = await move.run()
    if not moved.already:
        counts = {name: str(count) for name, count in moved.copied.items()}
        await audit.append(line(by_command("move"), AuditAction.MOVE, clock.now(), source=source, **counts))
    print(json.dumps({"already": moved.already, "copied": moved.copied, "left": moved.left}))
    return _REFUSED if moved.left else _DONE


def between(
    database: "AsyncIOMotorDatabase[Document]",
    source: str,
    settings: IdentitySettings,
    audit: AuditLog,
    clock: Clock,
) -> Move:
    """The move from a database of the same store into identity's."""
    origin = accounts_of(settings, database.client[source], audit, clock)
    return Move(origin, accounts_of(settings, database, audit, clock), source)


if __name__ == "__main__":
    process.run_command(main)
