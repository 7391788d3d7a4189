"""Looks at everything that can be looked at when the blows are over, from outside the services."""

import asyncio
import base64
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import httpx
from pymongo import MongoClient

from shared.encryption import Keyring, WrappedKey
from shared.errors import PermanentError
from tests.kill.verdict import Evidence, faults
from tests.support.waiting import DEADLINE_S
from tools.demo.auditor import DemoAuditor, Place
from tools.demo.people import SignedIn
from tools.local.stack import Stack

_STORE_LIMIT_MS = 10_000
_NATURAL = [("$natural", 1)]
_OF_A_CASE = {"center_id": 1, "entries": 1, "outbox": 1, "ended": 1, "ladder": 1}
_OF_A_REPORT = {"outbox": 1, "life": 1, "sealed.key_id": 1, "sealed.key": 1}
Document = dict[str, Any]


class Gatherer:
    """Reads topics, stores, the mailbox and analytics' own word; ``collect`` may be called again and again."""

    def __init__(
        self, stack: Stack, auditor: SignedIn, prefix: str = "ieum_", garbage: Collection[Place] = frozenset()
    ) -> None:
        """``auditor`` may see analytics' numbers; ``prefix`` begins the names of the services' databases.

        ``garbage``: records that were put on the bus to be refused.
        """
        self._garbage = garbage
        self._stack = stack
        self._signed_in = auditor
        self._prefix = prefix
        self._auditor = DemoAuditor(stack.kafka_settings(), garbage=garbage)
        self._mails: dict[int, tuple[str, ...]] = {}

    async def start(self) -> None:
        """Connect to the broker."""
        await self._auditor.start()

    async def stop(self) -> None:
        """Let go of the broker."""
        await self._auditor.stop()

    async def collect(self, promised: Evidence) -> Evidence:
        """Everything as it is now, beside what was ``promised`` by answers."""
        evidence = replace(promised, ledger=await self._auditor.catch_up(), mailed=Counter())
        await asyncio.to_thread(self._from_store, evidence, await self._mail_ids())
        evidence.standing = await self._reconciliation()
        evidence.not_buried = [repr(place) for place in self._garbage if place not in self._auditor.buried]
        if not faults(evidence):  # else there will be another look
            evidence.audit = await asyncio.to_thread(self._verify_audit)
        return evidence

    def _from_store(self, evidence: Evidence, mailed: set[str]) -> None:
        client: MongoClient[Document] = MongoClient(
            self._stack.mongodb, serverSelectionTimeoutMS=_STORE_LIMIT_MS, socketTimeoutMS=_STORE_LIMIT_MS * 3
        )
        with client:
            notify, intake, analytics = (client[f"{self._prefix}{n}"] for n in ("notify", "intake", "analytics"))
            owners: dict[str, str] = {}
            ended: dict[str, str | None] = {}
            alerting: set[str] = set()
            for case in notify["cases"].find({}, _OF_A_CASE).hint(_NATURAL):
                owners[case["_id"]] = case["center_id"]
                ended[case["_id"]] = case.get("ended")
                if case.get("ladder") is not None:
                    alerting.add(case["_id"])
                sent = {entry["alert_id"] for entry in case["entries"] if entry["kind"] == "sent"}
                evidence.mailed[case["_id"]] = len(sent & mailed)
                evidence.unpublished += len(case.get("outbox", ()))
            evidence.notify_owner, evidence.notify_ended, evidence.alerting = owners, ended, frozenset(alerting)
            self._from_intake(evidence, intake["reports"].find({}, _OF_A_REPORT).hint(_NATURAL))
            facts = list(analytics["facts"].find({}, {"owner": 1, "ended": 1}).hint(_NATURAL))
            evidence.analytics_owner = {fact["_id"]: fact.get("owner") for fact in facts}
            evidence.analytics_ended = {fact["_id"]: fact.get("ended") for fact in facts}
            evidence.cells = stages(list(analytics["totals"].find().hint(_NATURAL)))

    def _from_intake(self, evidence: Evidence, reports: Iterable[Document]) -> None:
        """What is published, taken back, and under which key: the present one alone must open every report."""
        keyring = Keyring([base64.b64decode(self._stack.secrets["INTAKE_MASTER_KEY"])])
        gone, wrong = set(), []
        for report in reports:
            evidence.unpublished += len(report.get("outbox", ()))
            life = report.get("life") or {}
            if life.get("withdrawal") is not None:
                gone.add(report["_id"])
            if life.get("erased_at") is None and not _opens(keyring, report):
                wrong.append(report["_id"])
        evidence.intake_withdrawn, evidence.wrong_keys = frozenset(gone), wrong

    def _verify_audit(self) -> list[str]:
        status, wrote = self._stack.run_once(["tools.command", "audit", "verify"], self._stack.verifier_environment())
        return (wrote.splitlines() or [f"it ended with status {status} and without a word"]) if status else []

    async def _mail_ids(self) -> set[str]:
        """Alert ids of all mails that reached the sink."""
        async with httpx.AsyncClient(base_url=self._stack.urls["mail"], trust_env=False, timeout=DEADLINE_S) as mail:
            answer = await mail.get("/messages", params={"after": max(self._mails, default=0)})
        for message in answer.raise_for_status().json()["messages"]:
            self._mails[message["number"]] = tuple(message["alert_ids"])
        return {alert_id for ids in self._mails.values() for alert_id in ids}

    async def _reconciliation(self) -> int:
        url = self._stack.urls["analytics"]
        async with httpx.AsyncClient(
            base_url=url, auth=self._signed_in, trust_env=False, timeout=DEADLINE_S
        ) as analytics:
            said = (await analytics.get("/api/v1/reconciliation")).raise_for_status().json()
        return sum(abs(int(said[name])) for name in ("difference", "in_flight", "dead", "ahead"))


def _opens(keyring: Keyring, report: Document) -> bool:
    sealed = report["sealed"]
    try:
        keyring.unwrap_key(report["_id"], WrappedKey(sealed["key_id"], bytes(sealed["key"])))
    except (PermanentError, KeyError):
        return False
    return True


def stages(totals: list[Document]) -> Counter[str]:
    """Sums over all partitions, by stage."""
    found: Counter[str] = Counter()
    for of_partition in totals:
        found.update(of_partition.get("n", {}))
    return found
