"""This build beside its successor on one bus and one store, under load: services are replaced one by one.

Writers go first, so records with a field and words that this build does not know reach its readers (decision 25).
"""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from shared.settings import KafkaSettings, StoreSettings
from shared.topics import ALERTS, REPORTS, ROUTINGS, TOPICS, Topic
from tests.integration.intake.harness import log_of
from tests.integration.routing.running import Process
from tests.integration.upgrade import builds
from tests.integration.upgrade.builds import NEW_FIELD, NEW_HARM, NEW_WAY
from tests.support.mail import mail_sink
from tests.support.waiting import eventually
from tools.demo import frontends
from tools.local.plan import SECRETS_OF
from tools.local.ports import free_port
from tools.local.processes import PROJECT

READERS_FIRST = ("analytics", "notify", "routing", "intake")
WRITERS_FIRST = ("intake", "routing", "notify", "analytics")
START_S, CATCH_UP_S = 180, 180
BESIDE = 8
"""How many reports are accepted while two builds of a service run beside each other."""


def _key(name: str) -> str:
    """A key of its own for each secret: a service refuses one that two of them share."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


_EVERY_S = 0.2


@dataclass
class Load:
    """Front ends that report all the time, at each intake that runs."""

    headers: dict[str, str]
    intakes: list[tuple[str, bool]] = field(default_factory=list)
    """Address, and whether that build knows the new words."""
    accepted: dict[str, bool] = field(default_factory=dict)
    """By report: whether it was said with new words."""
    refused: list[str] = field(default_factory=list)
    working: "asyncio.Task[None] | None" = None

    async def run(self) -> None:
        """Report until cancelled."""
        async with httpx.AsyncClient(timeout=60, trust_env=False, headers=self.headers) as http:
            number = 0
            while True:
                await asyncio.sleep(_EVERY_S)  # how often people report is the load
                number += 1
                if self.intakes:
                    await self._report(http, *self.intakes[number % len(self.intakes)])

    async def _report(self, http: httpx.AsyncClient, address: str, new_words: bool) -> None:  # of a pair
        body: dict[str, Any] = {"role": "victim", "harm_types": ["distribution"], "division": "busan"}
        if new_words:
            body |= {"harm_types": [NEW_HARM, "distribution"], "contact": {"channels": [NEW_WAY]}}
        answer = await http.post(f"{address}/api/v1/reports", json=body)
        if answer.status_code == httpx.codes.ACCEPTED:
            self.accepted[answer.json()["report_id"]] = new_words
        else:
            self.refused.append(f"{answer.status_code}: {answer.text[:200]}")

    async def more(self, reports: int) -> None:
        """Until so many more were accepted."""
        wanted = len(self.accepted) + reports
        await eventually(
            lambda: len(self.accepted) >= wanted or self.refused,
            what="reports are accepted",
            seconds=START_S,
            working=self.working,
        )


@dataclass
class Fleet:
    """The processes, by service; a build is the folder it runs from."""

    kafka: KafkaSettings
    store: StoreSettings
    folder: Path
    env: dict[str, str]
    running: dict[str, Process] = field(default_factory=dict)
    everybody: list[Process] = field(default_factory=list)
    started_so_far: int = 0

    async def started(self, service: str, build: Path) -> Process:
        """A process of the build, ready."""
        self.started_so_far += 1
        log = self.folder / f"{service}-{self.started_so_far}" / "log"
        log.parent.mkdir()
        port = free_port()
        env = {**self.env, f"{service.upper()}_PORT": str(port), "ROUTING_STATE_DIR": str(log.parent / "state")}
        process = Process(self.kafka, self.store, log, module=(f"services.{service}",), **env)
        process.sources, process.port = build, port
        process.start()
        self.everybody.append(process)
        async with httpx.AsyncClient(trust_env=False) as http:

            async def ready() -> bool:
                assert process.ended() is None, process.log()[-2000:]
                with contextlib.suppress(httpx.HTTPError):
                    return (await http.get(f"http://127.0.0.1:{port}/health/ready")).is_success
                return False

            await eventually(ready, seconds=START_S, what=f"{service} of {build.name} is ready")
        return process

    async def replace(self, service: str, build: Path, load: Load) -> None:
        """A process of another build beside the present one, under load; then the present one is stopped."""
        process = await self.started(service, build)
        if service == "intake":
            load.intakes.append((f"http://127.0.0.1:{process.port}", True))
        await load.more(BESIDE)
        before = self.running.get(service)
        self.running[service] = process
        if before is None:
            return
        if service == "intake":
            load.intakes.pop(0)
            await load.more(2)
        assert before.child is not None
        before.child.terminate()
        await eventually(lambda: before.ended() is not None, what=f"the former {service} ends")
        assert before.ended() == 0, before.log()[-2000:]
        self.everybody.remove(before)


@pytest.fixture
def later(tmp_path: Path) -> Path:
    return builds.later(tmp_path / "later")


@pytest.fixture
def fleet(bus_settings: KafkaSettings, store_settings: StoreSettings, tmp_path: Path) -> Iterator[Fleet]:
    smtp = free_port()
    secrets = {name for names in SECRETS_OF.values() for name in names}
    more = {"NOTIFY_SMTP_PORT": str(smtp), "NOTIFY_POLL_S": "0.2"}
    env = {name: _key(name) for name in secrets} | more
    made = Fleet(bus_settings, store_settings, tmp_path, env)
    with mail_sink(smtp):
        yield made
        for process in made.everybody:
            process.kill()


@pytest.fixture
async def load(fleet: Fleet) -> AsyncIterator[Load]:
    tool = Process(fleet.kafka, fleet.store, fleet.folder / "log", **fleet.env)
    secret = await asyncio.to_thread(frontends.credential, tool.env, "upgrade")
    load = Load({"Authorization": f"Bearer {secret}"})
    load.working = asyncio.create_task(load.run())
    yield load
    load.working.cancel()


async def bodies(settings: KafkaSettings, topic: Topic) -> list[dict[str, Any]]:
    return [json.loads(value) for _, value in await log_of(settings, topic)]


def counted(store: StoreSettings) -> set[str]:
    with MongoClient[dict[str, Any]](store.uri.get_secret_value()) as client:
        facts = client[f"{store.database_prefix}analytics"]["facts"]
        return {one["_id"] for one in facts.find() if one.get("acc") and one.get("owner") and one.get("sent")}


async def settled(fleet: Fleet, load: Load) -> None:
    """Until accepted, owned, alerted and counted are the same reports."""

    async def missing() -> dict[str, int]:
        found = {"counted": await asyncio.to_thread(counted, fleet.store)}
        if found["counted"] == load.accepted.keys():  # the last to know; reading the topics takes longer
            routings, alerts = await bodies(fleet.kafka, ROUTINGS), await bodies(fleet.kafka, ALERTS)
            found["owned"] = {one["report_id"] for one in routings if one["version"] == 1}
            found["alerted"] = {one["report_id"] for one in alerts if one.get("channel") == "email"}
        accepted = load.accepted.keys()
        return {name: len(accepted ^ reports) for name, reports in found.items() if reports != accepted}

    last: dict[str, int] = {}

    async def equal() -> bool:
        last.clear()
        last.update(await missing())
        return not last

    try:
        await eventually(equal, seconds=CATCH_UP_S)
    except AssertionError as error:
        raise AssertionError(f"{len(load.accepted)} reports were accepted; so many differ: {last}") from error


@pytest.mark.timeout(900)
async def test_builds_run_side_by_side_and_what_a_successor_adds_reaches_everybody(
    fleet: Fleet, load: Load, later: Path
) -> None:
    for service in READERS_FIRST:
        fleet.running[service] = await fleet.started(service, PROJECT)
    load.intakes.append((f"http://127.0.0.1:{fleet.running['intake'].port}", False))
    await load.more(BESIDE)
    for service in WRITERS_FIRST:
        await fleet.replace(service, later, load)
    await load.more(BESIDE)
    load.intakes.clear()
    await settled(fleet, load)
    assert load.refused == []
    assert [process.ended() for process in fleet.everybody] == [None] * len(WRITERS_FIRST)
    dead = {topic.name: await log_of(fleet.kafka, replace(topic, name=topic.dead)) for topic in TOPICS}
    assert {name: len(records) for name, records in dead.items() if records} == {}
    added = {report for report, new_words in load.accepted.items() if new_words}
    assert len(added) > BESIDE
    for topic in (REPORTS, ROUTINGS):
        facts = {one["report_id"]: one["facts"] for one in await bodies(fleet.kafka, topic)}
        kept = {report for report, one in facts.items() if NEW_HARM in one["harm_types"]}
        assert kept == added, topic.name
        assert {tuple(facts[report]["contact_channels"]) for report in added} == {(NEW_WAY,)}
    received = await bodies(fleet.kafka, REPORTS)
    assert {one["report_id"] for one in received if one.get(NEW_FIELD) is True} == added
