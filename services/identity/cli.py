"""``ieum admin``, ``ieum keys``: the first administrator, accounts for demos and tests, keys.

Reads the same settings as identity. Whoever may run it holds the master key, so the audit says only that it was run.
"""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from services.identity.accounts.models import NAME_PATTERN, Account, AccountState, RefusedError
from services.identity.accounts.service import Ready
from services.identity.audit_recorder import Actor, AuditAction, by_command, line
from services.identity.main import SERVICE, Accounts, accounts_of
from services.identity.settings import DEMO, IdentitySettings, demo_accounts_wanted
from shared import log, mongo, process
from shared.audit.store import AuditLog
from shared.clock import Clock, SystemClock
from shared.errors import IeumError, TransientError
from shared.identity.roles import StaffRole
from shared.settings import StoreSettings, load

REFUSED: Final = 1


@dataclass(frozen=True, slots=True)
class Opened:
    """What a command works with."""

    settings: IdentitySettings
    accounts: Accounts
    audit: AuditLog
    clock: Clock


def run(work: Callable[[Opened], Awaitable[int]], *, restored: bool = False) -> int:
    """Run one command; its exit status: 0 done, 1 refused."""
    try:
        settings, store = load(IdentitySettings), load(StoreSettings)
        # To standard error, as a service does; the answer alone goes to standard output.
        log.configure(SERVICE, settings.log_level)
        return asyncio.run(_run(work, settings, store, restored=restored))
    except RefusedError as error:
        print(f"refused: {error.code}", file=sys.stderr)
    except IeumError as error:
        print(f"failed: {error}", file=sys.stderr)
        return process.EXIT_AWAY if isinstance(error, TransientError) else REFUSED
    return REFUSED


async def _run(
    work: Callable[[Opened], Awaitable[int]], settings: IdentitySettings, store: StoreSettings, *, restored: bool
) -> int:
    clock = SystemClock()
    database = mongo.connect(store, SERVICE)
    # A restore is not finished before there is a new signing key.
    await mongo.wait_until_ready(database, clock, restoring=restored)
    audit = AuditLog(database, settings.audit_keys(), clock, SERVICE, settings.audit_heads)
    accounts = accounts_of(settings, database, audit, clock)
    await accounts.prepare()
    return await work(Opened(settings, accounts, audit, clock))


def invite(organisation: str, *, name: str | None, display: str | None, another: bool, as_json: bool) -> int:
    """Make the first administrator of an organisation, and print an invitation that counts once."""

    async def work(opened: Opened) -> int:
        address = opened.settings.public_urls.get(SERVICE, "").rstrip("/")
        wanted = Administrator(organisation, name=name, display=display, another=another)
        who = by_command("administrator")
        return await administrator(opened.accounts, who, wanted, f"{address}/invitation", as_json=as_json)

    return run(work)


def add() -> int:
    """Make accounts that are ready to use, from lines of JSON on standard input."""
    return run(lambda opened: _add(opened.accounts, by_command("add")))


def rotate_signing_key(*, at_once: bool, restored: bool) -> int:
    """Sign sign-ins with a new key."""

    async def work(opened: Opened) -> int:
        said = line(
            by_command("rotate-signing-key"), AuditAction.ROTATE, opened.clock.now(), at_once=str(at_once).lower()
        )
        await opened.audit.append(said)
        print(json.dumps({"kid": await opened.accounts.signing.rotate(at_once=at_once)}))
        return 0

    return run(work, restored=restored)


def rewrap_all() -> int:
    """Wrap what the master key seals with the one in use."""

    async def work(opened: Opened) -> int:
        print(json.dumps({"rewrapped": await rewrap(opened.accounts)}))
        return 0

    return run(work)


@dataclass(frozen=True, slots=True)
class Administrator:
    """An administrator to be made."""

    organisation: str
    name: str | None = None
    display: str | None = None
    another: bool = False


async def administrator(accounts: Accounts, who: Actor, given: Administrator, address: str, *, as_json: bool) -> int:
    """Make an administrator and print the invitation; the exit status."""
    if not given.another and await accounts.store.administrators(given.organisation):
        print(
            f"refused: {given.organisation} has an active administrator, who can invite others;"
            " if nobody can sign in any more, say --another",
            file=sys.stderr,
        )
        return REFUSED
    name = given.name or f"admin-{given.organisation}"
    known = await accounts.store.by_name(name)
    if known is not None and known.state is AccountState.INVITED and known.break_glass:
        # The invitation was lost or its time is over.
        account, code = await accounts.administration.reset(who, known, "command")
    elif known is not None:
        print(
            f"refused: {name} is an account already ({known.state}); give the new one another name,"
            f" such as --name {name}-2",
            file=sys.stderr,
        )
        return REFUSED
    else:
        account, code = await accounts.administration.create(
            who, name, given.display or name, given.organisation, {StaffRole.ADMINISTRATOR}, break_glass=True
        )
    if as_json:
        print(json.dumps({**_described(account), "invitation": code, "address": address}, ensure_ascii=False))
    else:
        print(f"Account {account.name} of {account.organisation}. Within 72 hours, once: open\n")
        print(f"  {address}\n\nand give the invitation code\n\n  {code}\n")
    return 0


async def _add(accounts: Accounts, who: Actor) -> int:
    if not demo_accounts_wanted():
        print(f"refused: ready accounts are for demos and tests; set {DEMO}=1 if this is one", file=sys.stderr)
        return REFUSED
    for wanted in _wanted():
        roles = {StaffRole(role) for role in wanted["roles"]}
        organisation = str(wanted["organisation"])
        name = str(wanted.get("name") or f"{organisation}-{'-'.join(sorted(roles))}")
        if re.match(NAME_PATTERN, name) is None:
            raise RefusedError("name")
        ready = await accounts.administration.create_ready(
            who, name, str(wanted.get("display") or name), organisation, roles
        )
        print(json.dumps(_everything(ready), ensure_ascii=False), flush=True)
    return 0


async def rewrap(accounts: Accounts) -> int:
    """Wrap everything sealed with the master key in use; return how many were not yet.

    Those count too that were changed meanwhile and stay as they are: 0 says that no retired key is needed any more.
    """
    done, after = 0, ""
    while page := await accounts.store.of(None, after):
        after = page[-1].name
        for account in page:
            if account.altered:
                continue
            kept = {"totp": account.totp, "mail": account.mail}
            rewrapped = {name: accounts.vault.rewrap(account.subject, old) for name, old in kept.items() if old}
            update = {name: new for name, new in rewrapped.items() if new}
            if update:
                await accounts.store.save(account.model_copy(update=update))
                done += 1
    for name, subject, to in await accounts.notice_store.addresses():
        # After the accounts, from which notices take their address.
        wrapped = accounts.vault.rewrap(subject, to)
        if wrapped:
            await accounts.notice_store.rewrapped(name, wrapped)
            done += 1
    for key in await accounts.signing.records():
        wrapped = accounts.vault.rewrap(key.kid, key.private)
        if wrapped:
            await accounts.keys.rewrapped(key.kid, wrapped)
            done += 1
    return done


def _wanted() -> Iterable[dict[str, Any]]:
    return (json.loads(text) for text in sys.stdin if text.strip())


def _described(account: Account) -> dict[str, Any]:
    return {
        "subject": account.subject,
        "account": account.name,
        "display": account.display,
        "organisation": account.organisation,
        "roles": sorted(account.roles),
    }


def _everything(ready: Ready) -> dict[str, Any]:
    secrets = {"password": ready.password, "totp_secret": ready.totp, "recovery_codes": ready.recovery}
    return {**_described(ready.account), **secrets}


def refused_name(text: str) -> str | None:
    """Why nobody can sign in as this, or None."""
    return None if re.match(NAME_PATTERN, text) else "3 to 40 of a-z, 0-9, dot, hyphen, underscore"
