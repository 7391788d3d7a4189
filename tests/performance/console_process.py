"""A notify process for measuring: the real parts, and tokens for so many people. Prints one JSON line once it answers.

``python -m tests.performance.console_process PORT SMTP_PORT PEOPLE``; bus and store by their usual variables.
"""

import asyncio
import json
import secrets
import sys
from functools import partial

import httpx
from pydantic import SecretStr

from services.notify.main import build
from services.notify.settings import NotifySettings
from shared import log, process
from shared.centers import CENTER_IDS
from shared.clock import SystemClock
from shared.identity.principal import Principal
from shared.identity.roles import StaffRole
from shared.identity.tokens import ACCESS_LASTS
from shared.settings import KafkaSettings, StoreSettings, load
from shared.web.serve import serve
from tests.support.staff import TestIdentity
from tools.local.keys import new_key


async def run(port: int, smtp_port: int, people: int) -> None:
    """Serve until killed."""
    settings = NotifySettings(
        port=port,
        smtp_port=smtp_port,
        IEUM_TICKET_KEY=SecretStr(new_key()),
        IEUM_DIRECTORY_KEY=SecretStr(new_key()),
        audit_key=SecretStr(new_key()),
        stream_clients=2 * people,
    )
    log.configure("notify", "ERROR")
    notify = build(settings, load(KafkaSettings), load(StoreSettings), SystemClock())
    signed_in = TestIdentity(SystemClock())
    notify.identity._fetch = signed_in.fetch
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(notify.work())
        tasks.create_task(serve(notify.app, "127.0.0.1", port))
        await _ready(port)
        tokens = [[center, _token(signed_in, center)] for center in _places(people)]
        sys.stdout.write(json.dumps(tokens) + "\n")
        sys.stdout.flush()


def _places(people: int) -> list[str]:
    return [CENTER_IDS[number % len(CENTER_IDS)] for number in range(people)]


def _token(people: TestIdentity, center_id: str) -> str:
    now = SystemClock().now()
    who = Principal(
        subject=f"s-{secrets.token_hex(4)}",
        organisation=center_id,
        roles=frozenset({StaffRole.COUNSELLOR}),
        session=secrets.token_urlsafe(24),
        issued_at=now,
        expires_at=now + ACCESS_LASTS,
    )
    return people.signer.access(who, "notify")


async def _ready(port: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(60):
        while True:
            try:
                if (await http.get(f"http://127.0.0.1:{port}/health/ready")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    process.run(partial(run, *(int(argument) for argument in sys.argv[1:4])))
