"""Front ends by command: ``python -m services.intake.clients add|rotate|end-old|disable|enable|list|callback``.

A secret is printed once and kept nowhere. Running intakes take notice within seconds.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

from services.intake.callbacks.rules import url_refused
from services.intake.clients.authentication import ClientAuthentication
from services.intake.clients.models import CLIENT_ID, MOST_PER_MINUTE, PER_MINUTE
from services.intake.clients.repository import ClientError, ClientRepository
from services.intake.clients.service import RESERVED, ClientService
from services.intake.encryption.keys import keys_of
from services.intake.settings import IntakeSettings
from shared import log, mongo
from shared.audit.model import SYSTEM, AuditEntry
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.identity.roles import Action, Scope
from shared.settings import StoreSettings, load

Row = dict[str, Any]
_NOT_POSSIBLE: Final = 1
_AWAY: Final = 2


def main(arguments: Sequence[str]) -> int:
    """0; 1 where it is not possible; 2 while the store is away."""
    given = _parser().parse_args(arguments)
    settings, store = load(IntakeSettings), load(StoreSettings)
    url = getattr(given, "callback", None) or getattr(given, "url", None)
    if url is not None and (wrong := url_refused(url, settings.callback_networks)) is not None:
        sys.stderr.write(f"{given.id}: the callback's address {wrong}\n")
        return _NOT_POSSIBLE
    log.configure("intake-clients", settings.log_level)  # to stderr: what is printed is the result
    try:
        result = asyncio.run(_do(given, settings, store))
    except ClientError as error:
        sys.stderr.write(f"{given.id}: {error.code}\n")
        return _NOT_POSSIBLE
    except TransientError as error:
        sys.stderr.write(f"{error}\n")
        return _AWAY
    if given.json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    else:
        rows = result if isinstance(result, list) else [result]
        sys.stdout.write("".join("  ".join(f"{k}={_plain(v)}" for k, v in row.items()) + "\n" for row in rows))
    return 0


async def _do(given: argparse.Namespace, settings: IntakeSettings, store: StoreSettings) -> Row | list[Row]:
    clock = SystemClock()
    database = mongo.connect(store, "intake")
    keys = keys_of(settings)
    clients = ClientRepository(database, ClientAuthentication(keys.client_authentication, lambda _client_id: None))
    client_service = ClientService(clients, keys, clock)
    if given.command == "list":
        return [
            {
                "id": client.client_id,
                "name": client.name,
                "scopes": sorted(client.scopes),
                "per_minute": client.per_minute,
                "disabled": client.disabled,
                "secrets": len(client.digests),
                "newest_used": client.newest_used,
                "version": client.version,
                "last_used": client.last_used,
                "callback": client.callback.url if client.callback else None,
            }
            for client in await clients.all()
        ]
    audit = AuditLog(database, settings.audit_keys(), clock, "intake", settings.audit_heads)
    line = AuditEntry(
        at=clock.now(),
        action=Action.CLIENTS_MANAGE,
        where="command",
        actor=SYSTEM,
        reason=given.command,
        detail={"client": given.id},
    )
    await audit.append(line)
    match given.command:
        case "add":
            scopes = given.scope or [Scope.REPORTS_SUBMIT]
            credential = await client_service.add(given.id, given.name or given.id, scopes, given.per_minute)
            made = {"id": given.id, "credential": credential, "scopes": sorted(scopes)}
            if given.callback is not None:
                made["callback_secrets"] = await client_service.set_callback(given.id, given.callback)
            return made
        case "callback":
            if given.rotate or given.end_old:
                signing = await client_service.rotate_callback(given.id, end_old=given.end_old)
            else:
                signing = await client_service.set_callback(given.id, given.url)
            return {"id": given.id, "callback_secrets": signing}
        case "rotate":
            credential = await client_service.rotate(given.id, only=given.only, version=given.version)
            return {"id": given.id, "credential": credential}
        case "end-old":
            await clients.end_old(given.id, version=given.version)
            return {"id": given.id, "secrets": 1}
        case command:
            await clients.disable(given.id, disabled=command == "disable")
            return {"id": given.id, "disabled": command == "disable"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.intake.clients", description="Front ends of the API.")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="a new front end; prints its credential once")
    add.add_argument("--name", default="", help="as people call it")
    add.add_argument("--scope", action="append", type=Scope, choices=list(Scope), help="may be repeated")
    add.add_argument("--per-minute", type=_pace, default=PER_MINUTE, help="requests a minute and process")
    add.add_argument("--callback", metavar="URL", help="where it is told how reports stand; prints the signing secret")
    callback = commands.add_parser("callback", help="where a front end is told how reports stand; prints what signs it")
    what = callback.add_mutually_exclusive_group(required=True)
    what.add_argument("--url", help="https; the secrets stay as they are")
    what.add_argument("--off", action="store_true", help="tell it nothing any more")
    what.add_argument("--rotate", action="store_true", help="sign with a new secret as well, until --end-old")
    what.add_argument("--end-old", action="store_true", help="sign with the newest secret alone")
    rotate = commands.add_parser("rotate", help="a new secret; the one in use stays valid until end-old")
    rotate.add_argument("--only", action="store_true", help="the old secrets end now")
    ending = commands.add_parser("end-old", help="only the newest secret counts from now on")
    for command in (rotate, ending):
        command.add_argument("--version", type=int, help="as list shows it: refused where it has changed since")
    commands.add_parser("disable", help="turn it away")
    commands.add_parser("enable", help="let it in again")
    listing = commands.add_parser("list", help="all front ends, without secrets")
    for command in (add, rotate, ending, callback, commands.choices["disable"], commands.choices["enable"]):
        command.add_argument("id", type=_id, help="lower-case letters, digits, hyphens")
    for command in (add, rotate, ending, callback, commands.choices["disable"], commands.choices["enable"], listing):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _id(text: str) -> str:
    if not CLIENT_ID.fullmatch(text) or text in RESERVED:
        raise argparse.ArgumentTypeError("must be lower-case letters, digits, hyphens, and no name of our own forms")
    return text


def _pace(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_PER_MINUTE:
        raise argparse.ArgumentTypeError(f"must be 1 to {MOST_PER_MINUTE}")
    return int(text)


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
