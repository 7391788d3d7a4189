"""``python -m services.identity.cli``: the first administrator, accounts for demos and tests, keys.

Reads the same settings as identity. Whoever may run it holds the master key, so the audit says only that it was run.
"""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from services.identity.accounts.models import NAME_PATTERN, Account, AccountState, RefusedError
from services.identity.accounts.service import Ready
from services.identity.audit_recorder import Actor, AuditAction, by_command, line
from services.identity.main import SERVICE, Accounts, accounts_of
from services.identity.settings import DEMO, IdentitySettings, demo_accounts_wanted
from shared import log, mongo, process
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.errors import IeumError
from shared.identity.roles import ORGANISATIONS, StaffRole
from shared.settings import StoreSettings, load

REFUSED: Final = 1
_HELP: Final = {
    "administrator": "make the first administrator of an organisation; prints a one-time invitation",
    "add": f"make accounts that are ready to use; only with {DEMO}=1",
    "rotate-signing-key": "begin to sign with a new key; what the old one signed counts until it is over",
    "rewrap": "wrap every second factor and signing key under the master key in use",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status: 0 done, 1 refused."""
    given = _parser().parse_args(argv)
    try:
        settings, store = load(IdentitySettings), load(StoreSettings)
        # To standard error, as a service does; the answer alone goes to standard output.
        log.configure(SERVICE, settings.log_level)
        return asyncio.run(_run(given, settings, store))
    except RefusedError as error:
        print(f"refused: {error.code}", file=sys.stderr)
    except IeumError as error:
        print(f"failed: {error}", file=sys.stderr)
    return REFUSED


async def _run(given: argparse.Namespace, settings: IdentitySettings, store: StoreSettings) -> int:
    clock = SystemClock()
    database = mongo.connect(store, SERVICE)
    # A restore is not finished before there is a new signing key.
    await mongo.wait_until_ready(database, clock, restoring=getattr(given, "restored", False))
    audit = AuditLog(database, settings.audit_keys(), clock, SERVICE, settings.audit_heads)
    accounts = accounts_of(settings, database, audit, clock)
    await accounts.prepare()
    who = by_command(given.command)
    if given.command == "administrator":
        address = settings.public_urls.get(SERVICE, "").rstrip("/")
        return await administrator(accounts, who, given, f"{address}/invitation")
    if given.command == "add":
        return await _add(accounts, who, given)
    if given.command == "rewrap":
        print(json.dumps({"rewrapped": await rewrap(accounts)}))
        return 0
    await audit.append(line(who, AuditAction.ROTATE, clock.now(), at_once=str(given.at_once).lower()))
    kid = await accounts.signing.rotate(at_once=given.at_once)
    print(json.dumps({"kid": kid}))
    return 0


async def administrator(accounts: Accounts, who: Actor, given: argparse.Namespace, address: str) -> int:
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
            f" such as --name {name}-2 (with make: A={name}-2)",
            file=sys.stderr,
        )
        return REFUSED
    else:
        account, code = await accounts.administration.create(
            who, name, given.display or name, given.organisation, {StaffRole.ADMINISTRATOR}, break_glass=True
        )
    if given.json:
        print(json.dumps({**_described(account), "invitation": code, "address": address}, ensure_ascii=False))
    else:
        print(f"Account {account.name} of {account.organisation}. Within 72 hours, once: open\n")
        print(f"  {address}\n\nand give the invitation code\n\n  {code}\n")
    return 0


async def _add(accounts: Accounts, who: Actor, given: argparse.Namespace) -> int:
    if not demo_accounts_wanted():
        print(f"refused: ready accounts are for demos and tests; set {DEMO}=1 if this is one", file=sys.stderr)
        return REFUSED
    for wanted in _wanted(given):
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


def _wanted(given: argparse.Namespace) -> Iterable[dict[str, Any]]:
    if not given.stdin:
        if not (given.organisation and given.roles):
            raise RefusedError("organisation_and_roles_needed")
        return [vars(given) | {"roles": given.roles.split(",")}]
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.identity.cli", description="Staff accounts.")
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("administrator", help=_HELP["administrator"])
    first.add_argument("--organisation", required=True, choices=ORGANISATIONS)
    first.add_argument("--name", type=_name, help="what they sign in as; admin-ORGANISATION if not given")
    first.add_argument("--display", help="the name colleagues know them by")
    first.add_argument("--another", action="store_true", help="although there is one")
    first.add_argument("--json", action="store_true")
    add = commands.add_parser("add", help=_HELP["add"])
    add.add_argument("--organisation", choices=ORGANISATIONS)
    add.add_argument("--roles", help="comma-separated")
    add.add_argument("--name", type=_name, help="what they sign in as; ORGANISATION-ROLES if not given")
    add.add_argument("--display", help="the name colleagues know them by")
    add.add_argument("--stdin", action="store_true", help="a JSON object a line: organisation, roles, name, display")
    add.add_argument("--json", action="store_true", help="the only form of answer: a JSON object a line")
    rotate = commands.add_parser("rotate-signing-key", help=_HELP["rotate-signing-key"])
    rotate.add_argument(
        "--at-once", action="store_true", help="the old keys count no more: they may be known to others"
    )
    rotate.add_argument("--restored", action="store_true", help="in a store whose restore is not finished")
    commands.add_parser("rewrap", help=_HELP["rewrap"])
    return parser


def _name(text: str) -> str:
    if re.match(NAME_PATTERN, text) is None:
        raise argparse.ArgumentTypeError("3 to 40 of a-z, 0-9, dot, hyphen, underscore")
    return text


if __name__ == "__main__":
    process.run_command(main)
