"""Accounts: one document each, changed only over the revision that was read.

Each carries a seal under the account key. One that does not fit is as good as not there, except in lists.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic import ValidationError

from services.identity.accounts.models import Account, AccountState
from services.identity.keyed_digests import AccountDigests, same
from services.identity.metrics import ALTERED
from shared import log
from shared.identity.roles import StaffRole
from shared.mongo import Document, by_ids, insert_new, store_errors

_log = log.get(__name__)

PAGE = 100
AT_ONCE: Final = 20
"""Of changes of one account that meet, one succeeds each time: as many tries are enough for as many at once."""
_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)


class AccountStore:
    """The collection of accounts."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], marks: AccountDigests) -> None:
        """``database`` is identity's own; ``marks`` seal what is written and tell what somebody else wrote."""
        self._marks = marks
        self.collection: AsyncIOMotorCollection[Document] = database["accounts"]

    async def prepare(self) -> None:
        """Create the indexes; the same again changes nothing."""
        with store_errors():
            await self.collection.create_index("name", name="name", unique=True)
            await self.collection.create_index("invitation.digest", name="invitation")
            await self.collection.create_index([("organisation", 1), ("name", 1)], name="organisation_name")

    async def add(self, account: Account) -> bool:
        """A new account; False where its name or its subject is taken."""
        return await insert_new(self.collection, {"_id": account.subject, **self._fields(account)})

    async def save(self, account: Account) -> Account | None:
        """Write over the revision that was read; None on a conflict."""
        after = account.model_copy(update={"rev": account.rev + 1})
        wanted = {"_id": account.subject, "rev": account.rev}
        with store_errors():
            done = await self.collection.update_one(wanted, {"$set": self._fields(after)})
        return after if done.matched_count == 1 else None

    async def change(
        self, account: Account, at: datetime, *, tries: int, **update: object
    ) -> tuple[Account, Account] | None:
        """Make a change ``at`` a time although others may change the account meanwhile; the account before and after.

        None where each of the ``tries`` met another change, or the account is gone.
        """
        before: Account | None = account
        while before is not None:
            after = await self.save(before.changed(at, **update))
            if after is not None:
                return before, after
            tries -= 1
            before = await self.get(account.subject) if tries else None
        return None

    async def get(self, subject: str) -> Account | None:
        """One account."""
        return await self._one({"_id": subject})

    async def by_name(self, name: str) -> Account | None:
        """The account that signs in as this."""
        return await self._one({"name": name})

    async def by_invitation(self, digest: str) -> Account | None:
        """The account an invitation was made for."""
        return await self._one({"invitation.digest": digest})

    async def of(self, organisation: str | None, after: str = "") -> list[Account]:
        """A page of accounts by name; None: of all organisations. ``after`` is the last name of the page before."""
        # Names are lower-case ASCII or "oidc:…": both bounds, since a half-open range reads the whole collection.
        wanted: Document = {"name": {"$gt": after, "$lt": "~"}}
        if organisation is not None:
            wanted["organisation"] = organisation
        with store_errors():
            found = await self.collection.find(wanted).sort("name", 1).limit(PAGE).to_list(None)
        return [self.read(document) for document in found]

    async def state(self) -> tuple[int, int]:
        """How many accounts there are, and the sum of their revisions: another pair after any process changed one."""
        counted = [{"$group": {"_id": None, "accounts": {"$sum": 1}, "revisions": {"$sum": "$rev"}}}]
        with store_errors():
            found = await self.collection.aggregate(counted).to_list(None)
        return (found[0]["accounts"], found[0]["revisions"]) if found else (0, 0)

    async def waiting(self, organisations: Sequence[str]) -> list[Account]:
        """Accounts of these organisations that wait for release, by name."""
        since = {"$gt": _NEVER, "$lt": datetime(9000, 1, 1, tzinfo=UTC)}
        wanted = {"waits.since": since, "organisation": {"$in": list(organisations)}}
        with store_errors():
            found = await self.collection.find(wanted).sort("name", 1).to_list(None)
        return [one for one in map(self.read, found) if not one.altered]

    async def administrators(self, organisation: str) -> int:
        """Count the active administrators of an organisation."""
        wanted = {
            "organisation": organisation,
            "roles": StaffRole.ADMINISTRATOR.value,
            "state": AccountState.ACTIVE.value,
            "waits": None,
        }
        with store_errors():
            found = await self.collection.find(wanted).to_list(None)
        return sum(not self.read(document).altered for document in found)

    async def kept(self, organisation: str, since: datetime) -> int:
        """Count the accounts of an organisation that are not disabled, or were made since then."""
        counted = {"$or": [{"state": {"$ne": AccountState.DISABLED.value}}, {"created_at": {"$gt": since}}]}
        with store_errors():
            return int(await self.collection.count_documents({"organisation": organisation, **counted}))

    async def several(self, subjects: Sequence[str]) -> list[Account]:
        """The accounts of these subjects; missing are unknown ones, and what identity did not write."""
        found = map(self.read, (await by_ids(self.collection, subjects)).values())
        return [account for account in found if not account.altered]

    async def displays(self, subjects: Sequence[str]) -> dict[str, str]:
        """The names colleagues know these subjects by; missing as in ``several``."""
        return {account.subject: account.display for account in await self.several(subjects)}

    async def use_step(self, subject: str, step: int) -> bool:
        """Mark a step of the second factor as used; False where it, or a later one, was used already.

        Whoever saves what they read before fails then: it would bring back what is used up.
        """
        with store_errors():
            done = await self.collection.update_one(
                {"_id": subject, "totp_step": {"$lt": step, "$gte": 0}},
                {"$set": {"totp_step": step}, "$inc": {"rev": 1}},
            )
        return done.modified_count == 1

    async def use_recovery(self, subject: str, digest: str) -> bool:
        """Use up a recovery code; False where it is not there (any more)."""
        with store_errors():
            done = await self.collection.update_one(
                {"_id": subject, "recovery": digest}, {"$pull": {"recovery": digest}, "$inc": {"rev": 1}}
            )
        return done.modified_count == 1

    async def rehash(self, subject: str, before: str, after: str) -> None:
        """Keep the same password under newer parameters."""
        account = await self.get(subject)
        if account is not None and account.password == before:
            await self.save(account.model_copy(update={"password": after}))

    async def expire_invitations(self, now: datetime) -> int:
        """Forget invitations whose time is over: what cannot be used need not be kept."""
        with store_errors():
            late = await self.collection.find({"state": AccountState.INVITED.value}).to_list(None)
            count = 0
            for document in late:
                account = self.read(document)
                if not account.altered and account.invitation is not None and account.invitation.expires_at <= now:
                    count += await self.save(account.model_copy(update={"invitation": None})) is not None
        return count

    async def _one(self, wanted: Document) -> Account | None:
        with store_errors():
            found = await self.collection.find_one(wanted)
        if found is None:
            return None
        account = self.read(found)
        if account.altered:
            ALTERED.labels("account").inc()
            _log.error("accounts.altered", subject=account.subject)
            return None
        return account

    def _fields(self, account: Account) -> Document:
        return {**account.model_dump(exclude={"subject"}), "seal": self._marks.account_seal(account)}

    def read(self, document: Document) -> Account:
        """The account of a document; ``altered`` where it is not as identity wrote it."""
        try:
            account = Account.model_validate({**document, "subject": document["_id"]})
        except ValidationError:
            return _unreadable(document)
        genuine = same(str(document.get("seal", "")), self._marks.account_seal(account))
        return account if genuine else account.model_copy(update={"altered": True})


def _unreadable(document: Document) -> Account:
    """A stand-in for what this build of identity could not have written: lists name it, and it opens nothing."""
    return Account(
        subject=str(document["_id"]),
        name=str(document.get("name", "")),
        display="",
        organisation="",
        roles=(),
        state=AccountState.DISABLED,
        altered=True,
        created_at=_NEVER,
        changed_at=_NEVER,
    )
