"""All five services in this process, each built as its ``main`` does, on the real bus and store, with things to guard.

Everybody is signed in with the key identity really signs with, and every service verifies with what identity publishes.
"""

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from services.identity.accounts.service import Ready
from services.identity.main import IdentityService
from services.intake.main import Intake
from services.notify.main import Notify
from services.routing.main import Routing
from shared.clock import SystemClock
from shared.identity.cookies import token_cookie
from shared.identity.principal import Principal
from shared.identity.roles import StaffRole
from shared.identity.source import Identity
from shared.identity.tokens import ACCESS_LASTS, Signer
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.trust.asgi import FirstAnswer

URLS = {
    "intake": "http://127.0.0.1:8001",
    "routing": "http://127.0.0.1:8002",
    "notify": "http://127.0.0.1:8003",
    "analytics": "http://127.0.0.1:8004",
    "identity": "http://127.0.0.1:8006",
}
OWNER, ASKED, STRANGER, ELSEWHERE = "busan", "jeju", "gangwon", "ulsan"
"""Centres: the one that owns the report, the one it is offered to, one that has nothing to do with it (and is closed),
and the owner of another report, which was withdrawn."""
STAFF_ON_DUTY = 3
LEAST: dict[str, Any] = {"role": "victim", "harm_types": ["other"], "age_band": "30s"}


@dataclass(frozen=True, slots=True)
class Lodged:
    """A report and its receipt."""

    report_id: str
    receipt: str


@dataclass(slots=True)
class SystemHarness:
    """The services, and what tests need to knock at them."""

    bus: KafkaSettings
    store: StoreSettings
    clock: SystemClock = field(default_factory=SystemClock)
    apps: dict[str, FastAPI] = field(default_factory=dict)
    identities: list[Identity] = field(default_factory=list)
    tasks: list["asyncio.Task[Any]"] = field(default_factory=list)
    reports: dict[str, Lodged] = field(default_factory=dict)
    intake: Intake = field(init=False)
    routing: Routing = field(init=False)
    notify: Notify = field(init=False)
    identity: IdentityService = field(init=False)
    signer: Signer = field(init=False)
    account: Ready = field(init=False)
    """Somebody of the owning centre, whose account is looked at and who is everybody's reference here."""
    offer_id: str = ""
    front_end: str = ""
    """A credential that may do everything a front end can."""

    def http(self, service: str, address: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
        """A way to a service that carries nothing yet."""
        transport = FirstAnswer(self.apps[service], (address, 40000))
        return httpx.AsyncClient(transport=transport, base_url=URLS[service], headers=headers)

    def token(
        self, organisation: str, *roles: StaffRole | str, service: str = "notify", subject: str = "", **more: Any
    ) -> str:
        """An access token for a service as identity gives it."""
        return self.signer.access(self.principal(organisation, *roles, subject=subject, **more), service)

    def principal(
        self,
        organisation: str,
        *roles: StaffRole | str,
        subject: str = "",
        session: str = "",
        issued_at: datetime | None = None,
        lasts: timedelta = ACCESS_LASTS,
    ) -> Principal:
        """Somebody with these roles, each time in a session of their own."""
        now = issued_at or self.clock.now()
        return Principal(
            subject=subject or self.account.account.subject,
            organisation=organisation,
            roles=frozenset(StaffRole(role) for role in roles),
            session=session or secrets.token_urlsafe(24),
            issued_at=now,
            expires_at=now + lasts,
            confirmed_at=now,
        )

    def bearer(self, organisation: str, *roles: StaffRole | str, service: str = "notify") -> dict[str, str]:
        """Headers of a program."""
        return {"authorization": f"Bearer {self.token(organisation, *roles, service=service)}"}

    def browser(self, organisation: str, *roles: StaffRole | str, service: str = "notify") -> dict[str, str]:
        """Headers of a browser on one of our own pages."""
        cookie = f"{token_cookie(service)}={self.token(organisation, *roles, service=service)}"
        return {"cookie": cookie, "sec-fetch-site": "same-origin", "accept": "text/html"}

    async def learn(self) -> None:
        """Let every service know what identity publishes now, as they do every two seconds over HTTP."""
        document = await self.identity.accounts.signing.document(anew=True)
        for identity in self.identities:
            identity.adopt(document)

    async def act(self, what: str, report_id: str, organisation: str, **body: Any) -> httpx.Response:
        """One act of a counsellor."""
        async with self.http("notify") as http:
            path = f"/api/v1/cases/{report_id}/{what}"
            return await http.post(path, json=body, headers=self.bearer(organisation, "counsellor"))

    async def lodge(self, **body: Any) -> Lodged:
        """A report by a front end."""
        async with self.http("intake", authorization=f"Bearer {self.front_end}") as http:
            answer = await http.post("/api/v1/reports", json={**LEAST, **body})
            assert answer.status_code == 202, answer.text
            return Lodged(answer.json()["report_id"], answer.json()["receipt"])

    async def stored(self, report_id: str) -> dict[str, Any]:
        """A report as intake keeps it."""
        found = await self.intake.reports.collection.find_one({"_id": report_id})
        return found or {}

    async def case(self, report_id: str) -> dict[str, Any]:
        """What a case is: whose, in which state, with which offer. Not its alerts, which go on by themselves."""
        found = await self.notify.case_service.case(report_id)
        return {} if found is None else found.model_dump(include=_CASE)


_CASE = {
    "report_id",
    "center_id",
    "ownership",
    "state",
    "ended",
    "offer",
    "offered_to",
    "awaiting",
    "case_version",
    "acknowledged_by",
    "assignee",
    "contacted_at",
}


async def state(system: SystemHarness) -> dict[str, Any]:
    """Everything that nobody may change who may not, nor anybody with what is long over."""
    found: dict[str, Any] = {}
    for owner, lodged in system.reports.items():
        # What intake reads of the log about a report comes in its own time, and with it the code over it.
        kept = {k: v for k, v in (await system.stored(lodged.report_id)).items() if k != "progress"}
        kept["authentication"] = {k: v for k, v in kept["authentication"].items() if k != "progress"}
        found[owner] = (kept, await system.case(lodged.report_id))
    found["centers"] = await system.notify.centers.collection.find({}).sort("_id").to_list(None)
    # Whoever ends their own sessions makes their browsers unknown, which is noted in their account.
    noted = ("changed_at", "changes", "rev", "seal", "session_kept", "sessions_from")
    accounts = system.identity.accounts.store.collection
    found["accounts"] = await accounts.find({}, dict.fromkeys(noted, 0)).sort("_id").to_list(None)
    found["clients"] = [
        replace(one, last_used=None, newest_used=False) for one in await system.intake.clients.clients.all()
    ]
    found["checks"] = await system.intake.audit.lines.count_documents({"action": "audit.check", "outcome": "done"})
    return found
