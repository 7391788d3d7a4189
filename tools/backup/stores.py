"""The stores of a backup: every database of ours as it was at one instant, and back into an empty store."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern

from shared.mongo import RESTORE, RESTORED
from shared.settings import StoreSettings
from shared.store_access import DATABASES
from shared.topics import ALERTS, CASES, CENTERS, REPORTS, ROUTINGS, Topic
from tools.backup.cut import Known

PART: Final = "store/"
LEFT_OUT: Final[Mapping[str, frozenset[str]]] = {
    "intake": frozenset({"drafts", "tickets", "wrong_receipts", "outbox_leases"}),
    "notify": frozenset({"outbox_leases", "workers", "staff"}),
    "identity": frozenset({"sessions", "passkey_uses", "sign_in_delays"}),
}
"""What ends with its process or within hours, or must not come back: forms half filled, tickets, sessions. Everybody
signs in anew after a restore."""
_VERSIONS: Final[Mapping[tuple[str, str], tuple[tuple[Topic, str], ...]]] = {
    ("intake", "reports"): ((REPORTS, "intake_version"),),
    ("notify", "cases"): ((CASES, "case_version"), (ALERTS, "alert_version")),
    ("notify", "centers"): ((CENTERS, "center_version"),),
}
"""Where a writer keeps the number of its newest event."""
_OFFSETS: Final = re.compile(r"offsets(_\d+)?")
"""How far analytics has counted; one collection for each generation of its counts."""
_BATCH: Final = 200
_RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)
Client = MongoClient[dict[str, Any]]


@contextmanager
def client_of(settings: StoreSettings) -> Iterator[Client]:
    """A connection whose writes survive a power cut."""
    milliseconds = int(settings.call_timeout_s * 1000)
    client: Client = MongoClient(
        settings.uri.get_secret_value(),
        appname="ieum-backup",
        w="majority",
        journal=True,
        serverSelectionTimeoutMS=milliseconds,
    )
    with client:
        yield client


def snapshot(client: Client, settings: StoreSettings) -> Iterator[tuple[str, RawBSONDocument]]:
    """Every document to be kept with its part's name (``store/intake/reports``), all as they were at one instant.

    The instant is that of the first read, of one transaction over all databases. MongoDB ends a transaction after
    ``transactionLifetimeLimitSeconds`` (60): raise it for a large store, or take ``mongodump --oplog``.
    """
    found = [
        (service, name)
        for service in DATABASES
        for name in sorted(client[f"{settings.database_prefix}{service}"].list_collection_names())
        if name not in LEFT_OUT.get(service, ()) and name != RESTORE and not name.startswith("system.")
    ]
    with client.start_session() as session, session.start_transaction(read_concern=ReadConcern("snapshot")):
        for service, name in found:
            for document in _documents(client, f"{settings.database_prefix}{service}", name, session):
                yield f"{PART}{service}/{name}", document


def _documents(client: Client, database: str, name: str, session: ClientSession) -> Iterator[RawBSONDocument]:
    collection = client[database].get_collection(name, codec_options=_RAW)
    yield from collection.find({}, session=session, batch_size=_BATCH)


def learn(known: Known, part: str, document: Mapping[str, Any]) -> None:
    """Take what a document says of the events its service has written, and of those it has read."""
    _, service, collection = part.split("/", 2)
    if (service, collection) == ("notify", "cases"):
        known.add(ROUTINGS, str(document["_id"]), int(document.get("version") or 0))
    if (service, collection) == ("intake", "reports"):
        ownership = (document.get("progress") or {}).get("ownership") or {}
        known.add(ROUTINGS, str(document["_id"]), int(ownership.get("version") or 0))
    if service == "analytics" and _OFFSETS.fullmatch(collection):
        number = str(document["_id"])
        for topic, end in document["next"].items():
            known.add_read(topic, int(number) if number.isdecimal() else 0, int(end))
    for topic, field in _VERSIONS.get((service, collection), ()):
        known.add(topic, str(document["_id"]), int(document.get(field) or 0))


def first_not_empty(client: Client, settings: StoreSettings) -> str | None:
    """A collection of ours that holds something; None where there is nothing."""
    for service in DATABASES:
        database = client[f"{settings.database_prefix}{service}"]
        for name in database.list_collection_names():
            if database[name].find_one({}, {"_id": 1}) is not None:
                return f"{database.name}.{name}"
    return None


def mark(client: Client, settings: StoreSettings, backup: str) -> None:
    """Say in each database, before anything else is in it, that its restore is not finished: services do not start."""
    for service in DATABASES:
        marks = client[f"{settings.database_prefix}{service}"][RESTORE]
        marks.replace_one({"_id": RESTORE}, {"_id": RESTORE, "backup": backup}, upsert=True)


def mark_replayed(client: Client, settings: StoreSettings) -> None:
    """Say in each database that all of the backup is in it and erasures were made again; it is still not finished."""
    for service in DATABASES:
        marks = client[f"{settings.database_prefix}{service}"][RESTORE]
        marks.update_one({"_id": RESTORE}, {"$set": {"replayed": True}})


def marked(client: Client, settings: StoreSettings) -> dict[str, bool]:
    """The databases whose restore is not finished, and whether erasures were made again in what they hold."""
    names = [f"{settings.database_prefix}{service}" for service in DATABASES]
    found = {name: client[name][RESTORE].find_one({"_id": RESTORE}) for name in names}
    return {name: bool(mark.get("replayed")) for name, mark in found.items() if mark is not None}


def unmark(client: Client, settings: StoreSettings, *services: str) -> None:
    """The restore of these services' databases is finished."""
    for service in services:
        client[f"{settings.database_prefix}{service}"][RESTORE].drop()


def note_restored(client: Client, settings: StoreSettings, at: datetime) -> None:
    """Tell analytics that what closed by now may have been released after the backup: it is not released again."""
    database = client[f"{settings.database_prefix}analytics"]
    database[RESTORED].replace_one({"_id": RESTORED}, {"_id": RESTORED, "at": at}, upsert=True)


class StoreLoader:
    """Writes documents of an archive back, in batches."""

    def __init__(self, client: Client, settings: StoreSettings) -> None:
        self._client = client
        self._prefix = settings.database_prefix
        self._part = ""
        self._waiting: list[RawBSONDocument] = []

    def add(self, part: str, document: RawBSONDocument) -> None:
        """Take one; it is there after ``flush`` at the latest."""
        if part != self._part or len(self._waiting) >= _BATCH:
            self.flush()
        self._part = part
        self._waiting.append(document)

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            _, service, collection = self._part.split("/", 2)
            self._client[f"{self._prefix}{service}"][collection].insert_many(self._waiting, ordered=True)
            self._waiting = []
