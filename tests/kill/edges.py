"""One report after another, each lodged while intake is made to die at a named place, and the accounts at the end."""

import html
import json
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from unittest import mock

import httpx
from pymongo import MongoClient

from shared.settings import KafkaSettings
from tests.integration.intake.harness import log_of
from tests.kill.between import TOLD
from tests.support.waiting import eventually
from tools.demo import frontends
from tools.local import supervisor
from tools.local.settings import LocalSettings
from tools.local.stack import Stack

WAYS: Final = ("form", "api")
_FOUR: Final = re.compile(r"<span>(\d{4})</span>")
_HIDDEN: Final = re.compile(r'type="hidden" name="([^"]+)" value="([^"]*)"')


@contextmanager
def deadly_intake(folder: Path) -> Iterator[tuple[Stack, Path]]:
    """Engines and an intake that dies at the marks of the folder that is given with it."""
    marks = folder / "marks"
    marks.mkdir()
    settings = LocalSettings.on_free_ports(folder / "var")
    settings = settings.model_copy(
        update={"kafka_bootstrap_servers": "", "mongodb_uri": type(settings.mongodb_uri)("")}
    )
    command = [sys.executable, "-m", "tests.kill.between", str(marks)]
    stack = Stack(settings, say=lambda _: None, services=("intake",), commands={"intake": command})
    # Every death is ours: the supervisor need not wait longer each time.
    with mock.patch.object(supervisor, "LONGEST_S", supervisor.FIRST_S):
        try:
            stack.start()
            yield stack, marks
        finally:
            stack.stop()


class Edges:
    """Somebody who lodges reports and is not put off."""

    def __init__(self, stack: Stack, marks: Path) -> None:
        """``marks`` is the folder of the intake in the stack."""
        self.lodged: dict[str, str] = {}
        """What each report says, and the receipt that was given for it."""
        self.struck: Counter[str] = Counter()
        self.faults: list[str] = []
        self._stack = stack
        self._marks = marks
        credential = frontends.credential(stack.environment_of("intake"), "edges", stack.run_once)
        self._headers = {"Authorization": f"Bearer {credential}"}
        self._pid = 0

    async def lodge(self, way: str, point: str) -> None:
        """One report, with the process dying at the point on its way."""
        said = f"report {len(self.lodged)} by {way}, {point}"
        await self._at_rest()
        self._pid = self._stack.pids["intake"]
        timeout = httpx.Timeout(40)
        async with httpx.AsyncClient(base_url=self._stack.urls["intake"], trust_env=False, timeout=timeout) as http:
            await again(lambda: http.get("/health/ready"))
            receipt = await (self._by_form if way == "form" else self._by_api)(http, said, point)
        self.lodged[said] = receipt
        await self._died(way, point)

    async def _by_api(self, http: httpx.AsyncClient, said: str, point: str) -> str:
        body = {"role": "victim", "harm_types": ["other"], "division": "busan", "narrative": said}
        headers = {**self._headers, "Idempotency-Key": f"edges-of-a-report-{len(self.lodged)}"}
        answers = await self._sent(point, lambda: http.post("/api/v1/reports", json=body, headers=headers))
        if {answer.status_code for answer in answers} != {202}:
            self.faults.append(f"{said}: answered {[answer.status_code for answer in answers]}")
        receipts = {answer.json().get("receipt", "") for answer in answers}
        return self._one(said, receipts)

    async def _by_form(self, http: httpx.AsyncClient, said: str, point: str) -> str:
        async def step(slug: str, **fields: str) -> httpx.Response:
            return await http.post(f"/form/{slug}?lang=ko", data={"go": "next", **fields})

        await again(lambda: step("who", role="victim"))
        await again(lambda: step("what", harm_types="other"))
        if point == "draft":
            self._set(point)
            await _cut_off(lambda: step("words", narrative=said), self.faults, said)
            shown = await again(lambda: http.get("/form/words?lang=ko"))
            if said not in shown.text:
                self.faults.append(f"{said}: the draft was durable and is not there any more")
        else:
            await again(lambda: step("words", narrative=said))
        page = await again(lambda: http.get("/form/check?lang=ko"))
        form = {name: html.unescape(value) for name, value in _HIDDEN.findall(page.text)}
        if form.get("narrative") != said:
            self.faults.append(f"{said}: what is to be sent is not what was typed")
        answers = await self._sent(point, lambda: http.post("/?lang=ko", data=form, follow_redirects=True))
        after = await again(lambda: http.get("/form/check"))
        if after.headers.get("location") not in ("/", "/receipt?again"):  # with the cookie of a draft, and without
            self.faults.append(f"{said}: the draft of a sent report is still there")
        await again(lambda: http.post("/leave"))  # with it goes the page of the receipt
        return self._one(said, {"-".join(_FOUR.findall(answer.text)) for answer in answers})

    async def _sent(self, point: str, send: Callable[[], Awaitable[httpx.Response]]) -> list[httpx.Response]:
        """Send as often as it takes, and once more: all answers but those that did not come."""
        answers = []
        if point == "report":
            self._set(point)
            await _cut_off(send, self.faults, point)
        elif point in {"answered", "published"}:
            self._set(point)
            answers.append(await again(send))
            (self._marks / TOLD).touch()
        await self._struck(point)
        return [*answers, await again(send), await again(send)]

    def _one(self, said: str, receipts: set[str]) -> str:
        if len(receipts) != 1 or len(next(iter(receipts))) != len("1234-5678-9012-3456"):
            self.faults.append(f"{said}: {len(receipts)} receipts were given")
        return next(iter(receipts))

    def _set(self, point: str) -> None:
        (self._marks / TOLD).unlink(missing_ok=True)
        (self._marks / point).touch()

    async def _struck(self, point: str) -> None:
        await eventually(lambda: not (self._marks / point).exists(), f"a process dies at {point}")

    async def _died(self, way: str, point: str) -> None:
        await eventually(lambda: self._stack.pids.get("intake") not in {None, self._pid}, f"{way}, {point}: restarted")
        self.struck[f"{way}, {point}"] += 1

    async def _at_rest(self) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(self._stack.mongodb)
        with client:
            reports = client["ieum_intake"]["reports"]
            await eventually(lambda: not reports.count_documents({"outbox": {"$exists": True}}), "all is published")

    async def accounts(self) -> list[str]:
        """What is not as it must be, after everything: in the store, in the log, between the two."""
        await self._at_rest()
        client: MongoClient[dict[str, Any]] = MongoClient(self._stack.mongodb)
        with client:
            stored = [document["_id"] for document in client["ieum_intake"]["reports"].find({}, {"_id": 1})]
            drafts = client["ieum_intake"]["drafts"].count_documents({})
        log = [(key, value) for key, value in await log_of(KafkaSettings(bootstrap_servers=self._stack.kafka))]
        faults = list(self.faults)
        if len(stored) != len(self.lodged) or len(set(self.lodged.values())) != len(self.lodged):
            faults.append(f"{len(self.lodged)} reports were lodged and {len(stored)} are stored")
        if drafts > len(self.lodged):  # a page of a receipt whose answer was lost stays until its time is over
            faults.append(f"{drafts} drafts of sent reports are left")
        if {key for key, _ in log} != set(stored):
            faults.append("the log does not have exactly the stored reports")
        by_report: dict[str, set[str]] = {}
        for key, value in log:
            by_report.setdefault(key, set()).add(json.dumps(json.loads(value), sort_keys=True))
        faults += [
            f"{key}: its event was published with another content" for key, all_ in by_report.items() if len(all_) > 1
        ]
        twice = len(log) - len(by_report)
        expected = sum(number for name, number in self.struck.items() if name.endswith("published"))
        if twice < expected:
            faults.append(f"{expected} deaths between publishing and marking, and only {twice} records came twice")
        return faults


async def again(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Ask as a person does who loads a page anew until it is there."""

    async def answered() -> httpx.Response | None:
        try:
            answer = await ask()
        except httpx.TransportError:
            return None
        return answer if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR else None

    return cast("httpx.Response", await eventually(answered, "intake comes back"))


async def _cut_off(send: Callable[[], Awaitable[httpx.Response]], faults: list[str], said: str) -> None:
    try:
        await send()
    except httpx.TransportError:
        return
    faults.append(f"{said}: an answer came although the process was to die before it")
