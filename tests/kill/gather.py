"""Looks at everything that can be looked at when the blows are over, from outside the services."""

import asyncio
from collections import Counter
from typing import Any

import httpx
from pymongo import MongoClient

from deploy.demo.auditor import Auditor
from deploy.local.stack import Stack
from tests.kill.verdict import Evidence

_STORE_LIMIT_MS = 10_000
_NATURAL = [("$natural", 1)]
Document = dict[str, Any]


class Gatherer:
    """Reads topics, stores, the mailbox and analytics' own word; ``collect`` may be called again and again."""

    def __init__(self, stack: Stack, prefix: str = "ieum_") -> None:
        """``prefix`` begins the names of the services' databases."""
        self._stack = stack
        self._prefix = prefix
        self._auditor = Auditor(stack.kafka)
        self._mails: dict[int, str] = {}

    async def start(self) -> None:
        """Connect to the broker."""
        await self._auditor.start()

    async def stop(self) -> None:
        """Let go of the broker."""
        await self._auditor.stop()

    async def collect(self, accepted: frozenset[str], conflicts: list[str]) -> Evidence:
        """Everything as it is now."""
        ledger = await self._auditor.catch_up()
        evidence = Evidence(accepted=accepted, conflicting_answers=conflicts, ledger=ledger)
        await asyncio.to_thread(self._from_store, evidence, await self._mail_ids())
        evidence.standing = await self._reconciliation()
        return evidence

    def _from_store(self, evidence: Evidence, mailed: set[str]) -> None:
        client: MongoClient[Document] = MongoClient(
            self._stack.mongodb, serverSelectionTimeoutMS=_STORE_LIMIT_MS, socketTimeoutMS=_STORE_LIMIT_MS * 3
        )
        with client:
            notify, intake, analytics = (client[f"{self._prefix}{n}"] for n in ("notify", "intake", "analytics"))
            owners: dict[str, str] = {}
            for case in notify["cases"].find({}, {"center_id": 1, "entries": 1, "outbox": 1}).hint(_NATURAL):
                owners[case["_id"]] = case["center_id"]
                sent = {entry["alert_id"] for entry in case["entries"] if entry["kind"] == "sent"}
                evidence.mailed[case["_id"]] = len(sent & mailed)
                evidence.unpublished += len(case.get("outbox", ()))
            evidence.notify_owner = owners
            for report in intake["reports"].find({}, {"outbox": 1}).hint(_NATURAL):
                evidence.unpublished += len(report.get("outbox", ()))
            facts = analytics["facts"].find({}, {"owner": 1}).hint(_NATURAL)
            evidence.analytics_owner = {fact["_id"]: fact["owner"] for fact in facts}
            evidence.cells = stages(list(analytics["days"].find().hint(_NATURAL)))

    async def _mail_ids(self) -> set[str]:
        """Alert ids of all mails that reached the sink."""
        async with httpx.AsyncClient(base_url=self._stack.urls["mail"], trust_env=False, timeout=30) as mail:
            answer = await mail.get("/messages", params={"after": max(self._mails, default=0)})
        for message in answer.raise_for_status().json()["messages"]:
            self._mails[message["number"]] = message["message_id"].strip("<>").partition("@")[0]
        return set(self._mails.values())

    async def _reconciliation(self) -> int:
        headers = {"Authorization": f"Bearer {self._stack.secrets['IEUM_DEMO_TOKEN']}"}
        url = self._stack.urls["analytics"]
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30) as analytics:
            said = (await analytics.get("/api/v1/reconciliation")).raise_for_status().json()
        return sum(abs(int(said[name])) for name in ("difference", "in_flight", "dead", "ahead"))


def stages(days: list[Document]) -> Counter[str]:
    """Sums over all partitions and days of the stage cells, by stage."""
    found: Counter[str] = Counter()
    for day in days:
        for cell, number in day.get("n", {}).items():
            kind, _, stage = cell.partition("|")
            if kind == "stage":
                found[stage] += number
    return found
