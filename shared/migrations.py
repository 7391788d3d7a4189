"""Changes of what a service has stored, as numbered steps that a killed process goes on with.

A service lists its ``Step``s. Those with ``at_start`` run when it starts, while processes of an earlier build may run
beside it; the others take away what an earlier build still needs, so ``make finish-upgrade`` runs them once the last
such build is gone. A step may run twice and in two processes at once. The collection ``migrations`` has a document for
each that was begun. A build does not start where a later one has begun to take things away.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import DeleteOne

from shared import log, mongo
from shared.clock import Clock, SystemClock
from shared.errors import FatalError, TransientError
from shared.mongo import Document, store_errors
from shared.settings import StoreSettings, load

COLLECTION: Final = "migrations"
_FIRST_LOOK_S: Final = 2.0
_SLICE: Final = 200
_REFUSED, _AWAY = 1, 2
_log = log.get(__name__)

Database = AsyncIOMotorDatabase[Document]
Work = Callable[["Database"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """One change. ``number`` grows by one and ``name`` never changes.

    ``work`` looks for what is still to be done: killed at any point and run again, it goes on there.
    """

    number: int
    name: str
    work: Work
    at_start: bool = False
    """It takes nothing away that an earlier build beside this one needs."""


async def refuse_later_build(database: "Database", steps: Sequence[Step]) -> None:
    """Raises ``FatalError`` where a later build has taken away what this one may need; ``TransientError``."""
    last = max((step.number for step in steps), default=0)
    with store_errors():
        found = await database[COLLECTION].find_one({"_id": {"$gt": last}, "at_start": False})
    if found is not None:
        raise FatalError(
            f"store {database.name} is of a later build: step {found['_id']} ({found['name']}) was begun there, this"
            f" build knows steps up to {last}; start the later build again, or restore a backup from before"
            " (docs/how-to/upgrade.md)"
        )


async def admit(settings: StoreSettings, service: str, steps: Sequence[Step] = ()) -> None:
    """Before a process answers anybody: raises ``FatalError`` where its store is not for it.

    Its restore is not finished, or a later build was there. A store that does not answer at once is asked again by
    ``wait_until_ready`` and ``migrate``; until then nothing is read from it.
    """
    database = mongo.connect(settings, service)
    try:
        with contextlib.suppress(TransientError, TimeoutError):
            async with asyncio.timeout(_FIRST_LOOK_S):
                await mongo.refuse_unfinished_restore(database)
                await refuse_later_build(database, steps)
    finally:
        database.client.close()


async def admit_whenever(settings: StoreSettings, service: str, steps: Sequence[Step], clock: Clock) -> None:
    """Ask as ``admit`` does, and do the steps of a start, once the store answers, for a process that begins without it.

    Raises ``FatalError``. Without limit: run it beside the rest.
    """
    database = mongo.connect(settings, service)
    try:
        await mongo.wait_until_ready(database, clock)
        await mongo.until_done(lambda: migrate(database, steps, clock), clock, "asking for steps of the store")
    finally:
        database.client.close()


async def migrate(database: "Database", steps: Sequence[Step], clock: Clock, *, finish: bool = False) -> list[str]:
    """Do the steps that are not done: those of a start, or all with ``finish``; returns their names.

    Raises ``FatalError`` as ``refuse_later_build`` does, and ``TransientError``: calling again goes on.
    """
    await refuse_later_build(database, steps)
    marks = database[COLLECTION]
    with store_errors():
        known = {mark["_id"]: mark async for mark in marks.find({})}
    done = []
    for step in steps:
        mark = known.get(step.number, {})
        if mark.get("done_at") is not None or not (step.at_start or finish):
            continue
        begun = {"name": step.name, "at_start": step.at_start, "begun_at": clock.now()}
        with store_errors():
            await marks.update_one({"_id": step.number}, {"$setOnInsert": begun}, upsert=True)
        await step.work(database)
        with store_errors():
            await marks.update_one({"_id": step.number}, {"$set": {"done_at": clock.now()}})
        _log.info("migration.step_done", database=database.name, number=step.number, name=step.name)
        done.append(step.name)
    return done


def drop(*names: str) -> Work:
    """A step's work: remove collections that no build reads any more.

    Emptied first, in slices: to drop a filled collection stops the embedded store for all who use it, and one deletion
    of all costs the square of what it removes (both measured).
    """

    async def work(database: "Database") -> None:
        for name in names:
            collection = database[name]
            with store_errors():
                while found := await collection.find({}, {"_id": 1}).limit(_SLICE).to_list(_SLICE):
                    await collection.bulk_write([DeleteOne({"_id": one["_id"]}) for one in found], ordered=False)
                await collection.drop()

    return work


def command(service: str, steps: Sequence[Step], arguments: Sequence[str]) -> int:
    """``finish`` or ``status`` of one service: 0 done, 1 refused, 2 the store does not answer (run it again)."""
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{service}.migrations", description=f"Steps of {service}'s store."
    )
    parser.add_argument("what", choices=("status", "finish"))
    given = parser.parse_args(arguments)
    try:
        log.configure(f"{service}-migrations", "WARNING")
        return asyncio.run(_told(load(StoreSettings), service, steps, finish=given.what == "finish"))
    except FatalError as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED
    except TransientError as error:
        sys.stderr.write(f"{error}; run it again, it goes on where it was\n")
        return _AWAY


async def _told(settings: StoreSettings, service: str, steps: Sequence[Step], *, finish: bool) -> int:
    database = mongo.connect(settings, service)
    await mongo.refuse_unfinished_restore(database)
    if finish:
        await migrate(database, steps, SystemClock(), finish=True)
    with store_errors():
        known = {mark["_id"]: mark async for mark in database[COLLECTION].find({})}
    for step in steps:
        mark = known.get(step.number)
        state = "to be done" if mark is None else "done" if mark.get("done_at") else "begun"
        sys.stdout.write(f"{service} {step.number} {step.name}: {state}\n")
    return 0
