"""Intake dies after a draft is kept, and after a report is taken, before the browser hears of it."""

import asyncio
import html
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pymongo import MongoClient

from deploy.local.settings import LocalSettings
from deploy.local.stack import Stack

pytestmark = [pytest.mark.kill, pytest.mark.timeout(180)]
LIMIT_S = 60.0
STORY = "적고 있던 이야기"


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture
def stack(tmp_path: Path, marks: Path) -> Iterator[Stack]:
    settings = LocalSettings.on_free_ports(tmp_path / "var")
    settings = settings.model_copy(
        update={"kafka_bootstrap_servers": "", "mongodb_uri": type(settings.mongodb_uri)("")}
    )
    command = [sys.executable, "-m", "tests.kill.between", str(marks)]
    started = Stack(settings, say=lambda _: None, services=("intake",), commands={"intake": command})
    try:
        started.start()
        yield started
    finally:
        started.stop()


async def again(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Ask as a person does who loads a page anew until it is there."""
    until = time.monotonic() + LIMIT_S
    while True:
        try:
            answer = await ask()
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code < 500:
            return answer
        assert time.monotonic() < until, "intake did not come back"
        await asyncio.sleep(0.1)


async def test_a_draft_and_a_report_outlive_the_death_of_intake_before_the_answer(stack: Stack, marks: Path) -> None:
    async with httpx.AsyncClient(base_url=stack.urls["intake"], trust_env=False, timeout=20) as http:

        async def sent(slug: str, **fields: str) -> httpx.Response:
            return await http.post(f"/form/{slug}?lang=ko", data={"go": "next", **fields})

        assert (await again(lambda: sent("who", role="victim"))).status_code == 303
        assert (await sent("what", harm_types="other")).status_code == 303
        (marks / "draft").touch()
        with pytest.raises(httpx.TransportError):
            await sent("words", narrative=STORY)
        shown = await again(lambda: http.get("/form/words?lang=ko"))
        assert STORY in shown.text, "what was durable before the blow is there after it"

        await again(lambda: http.get("/health/ready"))
        page = await http.get("/form/check?lang=ko")
        form = {k: html.unescape(v) for k, v in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)}
        assert form["narrative"] == STORY
        (marks / "report").touch()
        with pytest.raises(httpx.TransportError):
            await http.post("/?lang=ko", data=form)
        answers = [await again(lambda: http.post("/?lang=ko", data=form)) for _ in range(2)]
        receipts = {tuple(re.findall(r"<span>(\d{4})</span>", answer.text)) for answer in answers}
        assert len(receipts) == 1
        assert len(receipts.pop()) == 4
        assert (await http.get("/form/check")).headers["location"] == "/"
    assert stack.restarts["intake"] == 2, "both blows were struck"
    client: MongoClient[dict[str, object]] = MongoClient(stack.mongodb)
    with client:
        assert client["ieum_intake"]["reports"].count_documents({}) == 1
        assert client["ieum_intake"]["drafts"].count_documents({}) == 0
