"""Front ends by command: ``ieum client add|rotate|end-old|disable|enable|list|callback``.

A secret is printed once and kept nowhere. Running intakes take notice within seconds.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from services.intake.callbacks.rules import url_refused
from services.intake.clients.authentication import ClientAuthentication
from services.intake.clients.models import CLIENT_ID
from services.intake.clients.repository import ClientError, ClientRepository
from services.intake.clients.service import RESERVED, ClientService
from services.intake.encryption.keys import keys_of
from services.intake.settings import IntakeSettings
from shared import log, mongo, process
from shared.audit.model import SYSTEM, AuditEntry
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.identity.roles import Action, Scope
from shared.settings import StoreSettings, load

Row = dict[str, Any]
Change = Callable[[ClientService, ClientRepository], Awaitable[Row]]
_NOT_POSSIBLE: Final = 1


def add(
    client_id: str, *, name: str, scopes: Sequence[Scope], per_minute: int, callback_url: str | None, as_json: bool
) -> int:
    """Make a front end."""

    async def change(service: ClientService, _: ClientRepository) -> Row:
        wanted = scopes or [Scope.REPORTS_SUBMIT]
        credential = await service.add(client_id, name or client_id, wanted, per_minute)
        made = {"id": client_id, "credential": credential, "scopes": sorted(wanted)}
        if callback_url is not None:
            made["callback_secrets"] = await service.set_callback(client_id, callback_url)
        return made

    return _changed("add", client_id, change, as_json=as_json, url=callback_url)


def set_callback(client_id: str, url: str | None, *, as_json: bool) -> int:
    """Tell a front end at this address how reports stand; None: nowhere."""

    async def change(service: ClientService, _: ClientRepository) -> Row:
        return {"id": client_id, "callback_secrets": await service.set_callback(client_id, url)}

    return _changed("callback", client_id, change, as_json=as_json, url=url)


def rotate_callback(client_id: str, *, end_old: bool, as_json: bool) -> int:
    """Sign callbacks with a new secret as well, or with the newest alone."""

    async def change(service: ClientService, _: ClientRepository) -> Row:
        return {"id": client_id, "callback_secrets": await service.rotate_callback(client_id, end_old=end_old)}

    return _changed("callback", client_id, change, as_json=as_json)


def rotate(client_id: str, *, only: bool, version: int | None, as_json: bool) -> int:
    """Give a front end a new secret."""

    async def change(service: ClientService, _: ClientRepository) -> Row:
        return {"id": client_id, "credential": await service.rotate(client_id, only=only, version=version)}

    return _changed("rotate", client_id, change, as_json=as_json)


def end_old(client_id: str, *, version: int | None, as_json: bool) -> int:
    """Let the newest secret alone count."""

    async def change(_: ClientService, clients: ClientRepository) -> Row:
        await clients.end_old(client_id, version=version)
        return {"id": client_id, "secrets": 1}

    return _changed("end-old", client_id, change, as_json=as_json)


def disable(client_id: str, *, disabled: bool, as_json: bool) -> int:
    """Turn a front end away, or let it in again."""

    async def change(_: ClientService, clients: ClientRepository) -> Row:
        await clients.disable(client_id, disabled=disabled)
        return {"id": client_id, "disabled": disabled}

    return _changed("disable" if disabled else "enable", client_id, change, as_json=as_json)


def show_all(*, as_json: bool) -> int:
    """Print all front ends, without secrets."""
    return _run("list", _all, as_json=as_json)


def _changed(command: str, client_id: str, change: Change, *, as_json: bool, url: str | None = None) -> int:
    if url is not None and (wrong := url_refused(url, load(IntakeSettings).callback_networks)) is not None:
        sys.stderr.write(f"{client_id}: the callback's address {wrong}\n")
        return _NOT_POSSIBLE

    async def run(settings: IntakeSettings, store: StoreSettings) -> Row:
        clock, database = SystemClock(), mongo.connect(store, "intake")
        clients = _repository(settings, store)
        audit = AuditLog(database, settings.audit_keys(), clock, "intake", settings.audit_heads)
        line = AuditEntry(
            at=clock.now(),
            action=Action.CLIENTS_MANAGE,
            where="command",
            actor=SYSTEM,
            reason=command,
            detail={"client": client_id},
        )
        await audit.append(line)
        return await change(ClientService(clients, keys_of(settings), clock), clients)

    return _run(client_id, run, as_json=as_json)


def _run(
    subject: str,
    work: Callable[[IntakeSettings, StoreSettings], Coroutine[Any, Any, Row | list[Row]]],
    *,
    as_json: bool,
) -> int:
    """0; 1 where it is not possible; 75 while the store is away."""
    settings, store = load(IntakeSettings), load(StoreSettings)
    log.configure("intake-clients", settings.log_level)  # to stderr: what is printed is the result
    try:
        result = asyncio.run(work(settings, store))
    except ClientError as error:
        sys.stderr.write(f"{subject}: {error.code}\n")
        return _NOT_POSSIBLE
    except TransientError as error:
        sys.stderr.write(f"{error}\n")
        return process.EXIT_AWAY
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    else:
        rows = result if isinstance(result, list) else [result]
        sys.stdout.write("".join("  ".join(f"{k}={_plain(v)}" for k, v in row.items()) + "\n" for row in rows))
    return 0


def _repository(settings: IntakeSettings, store: StoreSettings) -> ClientRepository:
    authentication = ClientAuthentication(keys_of(settings).client_authentication, lambda _client_id: None)
    return ClientRepository(mongo.connect(store, "intake"), authentication)


async def _all(settings: IntakeSettings, store: StoreSettings) -> list[Row]:
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
        for client in await _repository(settings, store).all()
    ]


def refused_id(text: str) -> str | None:
    """Why this cannot be a front end's id, or None."""
    if not CLIENT_ID.fullmatch(text) or text in RESERVED:
        return "must be lower-case letters, digits, hyphens, and no name of our own forms"
    return None


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
