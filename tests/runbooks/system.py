"""The running stack of these trials, and what its people do with it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from pymongo import MongoClient
from pymongo.collection import Collection

from shared.centers import CENTRAL
from shared.identity.roles import StaffRole
from shared.settings import KafkaSettings
from shared.store_access import USERS
from tests.chaos.launch import put_ahead
from tests.support.waiting import eventually
from tests.unit.docs.test_paths import PROJECT
from tools.demo import frontends, people
from tools.local import drilling
from tools.local.settings import AS_GIVEN, LocalSettings
from tools.local.stack import Stack

COUNSELLOR: Final = people.Wanted("busan", (StaffRole.COUNSELLOR,))
LEAD: Final = people.Wanted("busan", (StaffRole.LEAD,))
CENTRAL_LEAD: Final = people.Wanted(CENTRAL, (StaffRole.COUNSELLOR, StaffRole.LEAD))
_MINUTE: Final = 60.0
BODY: Final = {"role": "victim", "harm_types": ["distribution_threat"], "division": "busan"}


class System:
    """The stack with whoever works with it."""

    def __init__(
        self, stack: Stack, settings: dict[str, dict[str, str]], clocks: Mapping[str, Path], version: Path
    ) -> None:
        """``settings`` are those that services are given beside their own; change them and ``apply``.

        ``clocks`` are the files that say how far ahead the clock of each process is; ``version`` the one that says of
        which build the recount is, where it is of another.
        """
        self.stack, self.settings, self._clocks, self.version = stack, settings, clocks, version
        self.credential = frontends.create(stack.environment_of("intake")).portal
        drills = drilling.file_of(stack.settings.var)  # a stack whose processes are started otherwise makes none
        drills.parent.mkdir(exist_ok=True)
        drills.write_text(self.credential, encoding="ascii")
        self.store: MongoClient[dict[str, Any]] = MongoClient(stack.mongodb)
        wanted = (COUNSELLOR, LEAD, CENTRAL_LEAD)
        self.crew = people.Crew(stack.urls, people.create(stack.environment_of("identity"), wanted))

    def apply(self) -> None:
        """Restart each process whose settings changed."""
        self.stack.renew_secrets()

    def restart(self, *names: str) -> None:
        """Stop processes and start them again."""
        for name in names:
            self.stack.hold(name)
            self.stack.release(name)
        self.stack.wait_ready(240, *names)

    @asynccontextmanager
    async def without(self, name: str) -> AsyncIterator[None]:
        """Without one process for a while."""
        await asyncio.to_thread(self.stack.hold, name)
        try:
            yield
        finally:
            await asyncio.to_thread(self.stack.release, name)
            await asyncio.to_thread(self.stack.wait_ready, 240)

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """As a machine that hangs: they answer nobody, and go on afterwards."""
        pids = [self.stack.pids[name] for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def later(self, seconds: float, *names: str) -> Iterator[None]:
        """With the clocks of these processes put forward, as if nobody had done anything for so long.

        Where none is named, of all. Afterwards they are right again: people sign in, and receivers judge signatures, by
        the machine's own.
        """
        clocks = [self._clocks[name] for name in names or self._clocks]
        for clock in clocks:
            put_ahead(clock, seconds)
        try:
            yield
        finally:
            for clock in clocks:
                put_ahead(clock, 0.0)

    async def report(
        self, *, critical: bool = False, drill: bool = False, callback: str | None = None
    ) -> httpx.Response:
        """Send a report; ``callback`` is the reference by which its front end asks to be told how it stands."""
        headers = self._headers() | ({"Ieum-Callback": callback} if callback is not None else {})
        threat = {"threat_deadline": (datetime.now(UTC) + timedelta(hours=6)).isoformat()} if critical else {}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=30) as http:
            return await http.post(
                f"{self.stack.urls['intake']}/api/v1/reports", json={**BODY, **threat, "synthetic": drill}
            )

    async def case(self, *, critical: bool = False) -> str:
        """Send a report and wait until its centre has it as a case and its first alert was tried; its id."""
        answer = (await self.report(critical=critical)).raise_for_status().json()
        report_id = str(answer["report_id"])

        def there() -> bool:
            tried = {"alert_version": {"$gt": 0}, "lease_by": None}
            return self.cases.find_one({"_id": report_id, **tried}) is not None

        await eventually(there, "the report becomes a case", seconds=60)
        return report_id

    @property
    def cases(self) -> Collection[dict[str, Any]]:
        """The cases in notify's store."""
        return self.store["ieum_notify"]["cases"]

    async def does(self, who: people.Wanted, report_id: str, command: str, **said: object) -> None:
        """Have somebody do something with a case."""
        async with self.crew.client(who.name) as notify:
            (await notify.post(f"/api/v1/cases/{report_id}/{command}", json=said)).raise_for_status()

    async def acknowledge_waiting(self) -> None:
        """Have the centre that all these reports go to acknowledge every case that still waits."""
        waiting = {"center_id": COUNSELLOR.organisation, "state": "waiting", "ended": None}
        for case in list(self.cases.find(waiting, {"_id": 1})):
            await self.does(COUNSELLOR, case["_id"], "acknowledge")

    async def read_dead_letters(self) -> None:
        """Mark every dead letter as read, as central does in the console."""
        async with self.crew.client(CENTRAL_LEAD.name) as notify:
            for letter in self.store["ieum_notify"]["dead"].find({"open": True}):
                answer = await notify.post("/dead/read", data={"origin": letter["_id"], "letter": letter["letter"]})
                assert answer.status_code == httpx.codes.SEE_OTHER

    async def keep_reporting(self) -> None:
        """Send reports, all of which are refused; the first answer of a kind alone is no rise of its counter."""
        while True:
            assert (await self.report()).status_code == httpx.codes.SERVICE_UNAVAILABLE
            await asyncio.sleep(1)

    async def ready(self, service: str) -> str:
        """What a service says it waits for."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            return (await http.get(f"{self.stack.urls[service]}/health/ready")).text

    async def status(self, receipt: str) -> httpx.Response:
        """Ask with a receipt how its report stands."""
        async with httpx.AsyncClient(trust_env=False, headers=self._headers(), timeout=30) as http:
            return await http.post(f"{self.stack.urls['intake']}/api/v1/receipts/status", json={"receipt": receipt})

    async def keep_withdrawing(self) -> None:
        """Send reports, take them back and undo that; the first rise of a counter may come before it is scraped."""
        url = f"{self.stack.urls['intake']}/api/v1/receipts"
        while True:
            receipt = (await self.report()).raise_for_status().json()["receipt"]
            async with httpx.AsyncClient(trust_env=False, headers=self._headers(), timeout=30) as http:
                for step in ("withdraw", "reinstate"):
                    (await http.post(f"{url}/{step}", json={"receipt": receipt})).raise_for_status()
            await asyncio.sleep(1)

    async def guess(self, credential: str, times: int) -> None:
        """Ask so often, as a front end, how a report stands whose receipt there is not."""
        headers = {"Authorization": f"Bearer {credential}"}
        url = f"{self.stack.urls['intake']}/api/v1/receipts/status"
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=_MINUTE) as http:
            answers = await asyncio.gather(*(http.post(url, json={"receipt": f"{n:020}"}) for n in range(times)))
        assert {answer.status_code for answer in answers} == {httpx.codes.NOT_FOUND}

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credential}"}

    @contextmanager
    def altered(self, database: str, collection: str, key: object, **fields: object) -> Iterator[None]:
        """With a document altered by hand, as somebody with the store's password can; put back as it was."""
        found = self.store[database][collection]
        document = found.find_one({"_id": key})
        assert document is not None
        found.update_one({"_id": key}, {"$set": fields})
        try:
            yield
        finally:
            found.replace_one({"_id": key}, document)

    @asynccontextmanager
    async def reading_only(self, user: str) -> AsyncIterator[None]:
        """With a user of the store that lost its right to write.

        The embedded store asks for rights as a connection is made, so that it is started anew for each change.
        """
        [known] = [one for one in USERS if one.name == user]
        roles = known.roles("ieum_")
        self.store.admin.command("updateUser", user, roles=[{**role, "role": "read"} for role in roles])
        try:
            await asyncio.to_thread(self.restart, "store")
            yield
        finally:
            self.store.admin.command("updateUser", user, roles=roles)
            await asyncio.to_thread(self.restart, "store")

    def provision(self, administrator: KafkaSettings, passwords: Path) -> int:
        """Give every principal of Kafka its rights and passwords, as an operator does; the exit status."""
        given = {
            f"KAFKA_{name.upper()}": str(value)
            for name, value in administrator.model_dump(exclude_unset=True).items()
            if value is not None
        }
        command = [sys.executable, "-m", "tools.command", "provision", "--passwords", str(passwords)]
        return subprocess.run(command, cwd=PROJECT, env={**os.environ, **given}, check=False).returncode

    def ieum(self, *words: str) -> tuple[int, str]:
        """Run a command of a runbook: its exit status and what it said."""
        given = {
            str(field.validation_alias): str(getattr(self.stack.settings, name))
            for name, field in LocalSettings.model_fields.items()
            if name.endswith("_port") or name == "var_dir"
        }
        done = subprocess.run(
            [sys.executable, "-m", "tools.command", *words],
            cwd=PROJECT,
            env={**{name: value for name, value in os.environ.items() if name != AS_GIVEN}, **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def lose_end_of(self, topic: str, report_id: str) -> None:
        """Take the newest batch, which is about a report, off the log of a stopped broker, as a power cut can."""
        data = self.stack.settings.var / "kafka"
        [log] = [
            file
            for file in data.rglob("*.log")
            if file.parent.name[:-2] == topic and report_id.encode() in file.read_bytes()
        ]
        written, at, newest = log.read_bytes(), 0, 0
        while at < len(written):
            newest = at
            at += 12 + int.from_bytes(written[at + 8 : at + 12], "big")  # offset, length, and what it counts
        assert report_id.encode() in written[newest:]
        log.write_bytes(written[:newest])
        for note in data.rglob(".kafka_cleanshutdown"):
            note.unlink()

    async def said(self, *words: str) -> str:
        """The same, for what it said alone."""
        _, said = await asyncio.to_thread(self.ieum, *words)
        return said
