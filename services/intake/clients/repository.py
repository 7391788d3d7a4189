"""The collection of front ends. Secrets are kept as keyed digests only."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorDatabase

from services.intake.clients.authentication import FIELD, ClientAuthentication
from services.intake.clients.models import SECRETS, Callback, Client
from services.intake.concurrency import Attempts
from services.intake.reports.documents import Document
from shared.errors import IeumError
from shared.identity.roles import Scope
from shared.jobs import Skipped
from shared.mongo import insert_new, store_errors

COLLECTION = "clients"
_HIGHEST = "callback_highest"


class ClientError(IeumError):
    """The requested change of a front end is not possible."""

    def __init__(self, code: str) -> None:
        """``code`` is stable, and says what is wrong: ``exists``, ``old_secret`` and so on."""
        super().__init__(code)
        self.code = code


class ClientRepository:
    """Reads and changes front ends."""

    def __init__(self, database: "AsyncIOMotorDatabase[Document]", authentication: ClientAuthentication) -> None:
        self._collection = database[COLLECTION]
        self._authentication = authentication

    async def all(self, skipped: Skipped | None = None) -> list[Client]:
        """Every front end: a handful. One that cannot be read or is not authentic is left out, and so refused."""
        skipped = skipped or Skipped("clients")
        with store_errors():
            found = await self._collection.find({}).to_list(None)
        return sorted(
            skipped.readable(found, lambda one: _client(self._authentication.check(one))),
            key=lambda client: client.client_id,
        )

    async def add(
        self, client_id: str, name: str, scopes: Sequence[Scope], digest: str, per_minute: int, now: datetime
    ) -> None:
        """A new front end, also in the place of one that is refused as changed. Raises ``ClientError`` ``exists``."""
        document: Document = {
            "_id": client_id,
            "name": name,
            "scopes": sorted(scopes),
            "secrets": [{"digest": digest, "made_at": now}],
            "used": [],
            "per_minute": per_minute,
            "disabled": False,
            "made_at": now,
            "version": 1,
        }
        document[FIELD] = self._authentication.code_of(document)
        if await insert_new(self._collection, document):
            return
        with store_errors():
            found = await self._collection.find_one({"_id": client_id})
            if found is not None and not self._authentication.is_authentic(found):
                as_read = {"_id": client_id, FIELD: found.get(FIELD)}
                if (await self._collection.replace_one(as_read, document)).matched_count:
                    return
        raise ClientError("exists")

    async def examined(self, wanted: Sequence[str] | None = None) -> AsyncIterator[tuple[Document, bool]]:
        """The documents that are wanted, or all; and whether each is as intake wrote it."""
        with store_errors():
            async for document in self._collection.find({} if wanted is None else {"_id": {"$in": list(wanted)}}):
                yield document, self._authentication.is_authentic(document)

    async def sign(self, read: Document) -> bool:
        """Sign a front end on what was read; False where it has moved on meanwhile: look again."""
        as_read = {"_id": read["_id"], "version": read.get("version"), FIELD: read.get(FIELD)}
        with store_errors():
            update = {"$set": {FIELD: self._authentication.code_of(read)}}
            return bool((await self._collection.update_one(as_read, update)).matched_count)

    async def rotate(
        self, client_id: str, digest: str, now: datetime, *, only: bool, version: int | None = None
    ) -> None:
        """A new secret; unless ``only`` no secret that was ever used ends. Raises ``ClientError``.

        ``version`` is the one the person saw: a second click does not make a second secret. ``old_secret`` where
        as many as may be valid are in use: an old one must be ended first.
        """

        def turn(document: Document) -> Document:
            kept = [] if only else _kept(document)
            if len(kept) >= SECRETS:
                raise ClientError("old_secret")
            return {"secrets": [{"digest": digest, "made_at": now}, *kept]}

        await self._change(client_id, turn, version)

    async def end_old(self, client_id: str, *, version: int | None = None) -> None:
        """Only the newest secret counts from now on. Raises ``ClientError``."""
        await self._change(client_id, lambda document: {"secrets": document["secrets"][:1]}, version)

    async def disable(self, client_id: str, *, disabled: bool) -> None:
        """Disable or enable it. Raises ``ClientError``."""
        await self._change(client_id, lambda _: {"disabled": disabled})

    async def set_callback(self, client_id: str, change: Callable[[Callback | None, int], Callback | None]) -> None:
        """Change where it is told how reports stand. Raises ``ClientError``, also what ``change`` raises.

        ``change`` is given the highest number that a secret of it ever had, too; 0 where there was none.
        """

        def changed(document: Document) -> Document:
            before = _callback(document)
            highest = max(document.get(_HIGHEST, 0), *(before.versions if before else ()), 0)
            after = change(before, highest)
            # It stays where callbacks are off: a secret that ended, perhaps since it leaked, never counts again.
            kept = max(highest, *(after.versions if after else ()), 0)
            return {"callback": None if after is None else asdict(after), _HIGHEST: kept}

        await self._change(client_id, changed)

    async def used(self, client_id: str, digest: str, day: str) -> None:
        """Remember the day, and which secret it was."""
        with store_errors():
            update = {"$set": {"last_used": day}, "$addToSet": {"used": digest}}
            await self._collection.update_one({"_id": client_id}, update)

    async def _change(self, client_id: str, change: Callable[[Document], Document], version: int | None = None) -> None:
        with store_errors():
            async for _ in Attempts():
                found = await self._collection.find_one({"_id": client_id})
                if found is None:
                    raise ClientError("unknown_client")
                if not self._authentication.is_authentic(found):
                    raise ClientError("not_authentic")  # a change would make the rest of it count
                if version is not None and version != found["version"]:
                    break
                as_read = {"_id": client_id, "version": found["version"]}
                changes = {**change(found), "version": found["version"] + 1}
                changes[FIELD] = self._authentication.code_of({**found, **changes})
                if (await self._collection.update_one(as_read, {"$set": changes})).matched_count:
                    return
        raise ClientError("changed_meanwhile")


def _kept(document: Document) -> list[Document]:
    """The secrets a new one leaves valid: those in use, or the newest."""
    known: list[Document] = document["secrets"]
    return [one for one in known if one["digest"] in document["used"]] or known[:1]


def _client(document: Document) -> Client:
    known = set(Scope)
    return Client(
        client_id=document["_id"],
        name=document["name"],
        scopes=frozenset(Scope(scope) for scope in document["scopes"] if scope in known),
        digests=tuple(secret["digest"] for secret in document["secrets"]),
        per_minute=document["per_minute"],
        disabled=document["disabled"],
        last_used=document.get("last_used"),
        version=document["version"],
        newest_used=document["secrets"][0]["digest"] in document["used"],
        callback=_callback(document),
    )


def _callback(document: Document) -> Callback | None:
    kept = document.get("callback")
    return Callback(kept["url"], tuple(kept["versions"]), bytes(kept["code"])) if kept else None
