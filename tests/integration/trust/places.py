"""Every place where something may have been written: topics, logs, metrics, mails, documents, answers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from tests.support.waiting import DEADLINE_S
from tools.local.settings import SERVICES
from tools.local.stack import Stack

Place = tuple[str, bytes]
"""Where it is, and what stands there."""
_WAIT_MS = 500
PAGES = frozenset({"text/html"})
"""Pages show people what they typed themselves; whether they may is asked elsewhere."""


@dataclass(slots=True)
class Answers:
    """Remembers what the services answered: headers of all, bodies of all but pages."""

    places: list[Place] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    meant: set[str] = field(default_factory=set)
    """Paths whose body is meant to hold a secret for whoever asked: a receipt, a token, a ticket."""

    async def note(self, answer: httpx.Response) -> None:
        """A hook of ``httpx``."""
        await answer.aread()
        status, path = answer.status_code, answer.request.url.path
        self.statuses[status] = self.statuses.get(status, 0) + 1
        where = f"answer {status} to {answer.request.method} {path[:60]}"
        headers = "\n".join(f"{k}: {v}" for k, v in answer.headers.items() if k not in {"set-cookie", "traceparent"})
        self.places.append((f"headers of {where}", headers.encode()))
        page = answer.headers.get("content-type", "").partition(";")[0] in PAGES
        if not page and not (answer.is_success and path in self.meant):
            self.places.append((where, answer.content))


async def topics(bootstrap: str) -> list[Place]:
    """Every record of every topic, dead ones included: key, value, headers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    described = await admin.describe_topics()
    await admin.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    found: list[Place] = []
    try:
        for topic in sorted(described, key=lambda one: str(one["topic"])):
            parts = [TopicPartition(topic["topic"], one["partition"]) for one in topic["partitions"]]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            await consumer.seek_to_beginning(*parts)
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for records in (await consumer.getmany(timeout_ms=_WAIT_MS)).values():
                    for record in records:
                        headers = b"\n".join(f"{name}=".encode() + value for name, value in record.headers)
                        where = f"topic {record.topic} {record.partition}/{record.offset}"
                        found.append((where, b"\n".join((record.key or b"", headers, record.value or b""))))
    finally:
        await consumer.stop()
    return found


def documents(uri: str) -> Iterator[Place]:
    """Every document of every database, byte for byte, and the names of collections."""
    client: MongoClient[Any] = MongoClient(uri, document_class=RawBSONDocument)
    with client:
        for name in client.list_database_names():
            database = client[name]
            for collection in database.list_collection_names():
                yield f"collection {name}.{collection}", collection.encode()
                for document in database[collection].find({}).hint([("$natural", 1)]):
                    # The raw bytes may come as a view of what the driver received.
                    yield f"document of {name}.{collection}", bytes(document.raw)


def logs(stack: Stack) -> Iterator[Place]:
    """Every line of every process, engines included."""
    for file in sorted((stack.settings.var / "logs").glob("*")):
        for number, line in enumerate(file.read_bytes().splitlines(), start=1):
            yield f"log {file.name}:{number}", line


def metrics(stack: Stack) -> Iterator[Place]:
    """``/metrics`` of every service, and what health says."""
    for service in SERVICES:
        for path in ("/metrics", "/health/ready", "/health/live"):
            answer = httpx.get(f"{stack.urls[service]}{path}", trust_env=False, timeout=DEADLINE_S)
            # A busy machine may be degraded, or not ready for a moment: what is looked for is what it says.
            allowed = {httpx.codes.OK} if path == "/metrics" else {httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE}
            assert answer.status_code in allowed, (service, path)
            yield f"{service} {path}", answer.content


def mails(stack: Stack) -> Iterator[Place]:
    """Every mail that was sent."""
    answer = httpx.get(f"{stack.urls['mail']}/messages", trust_env=False, timeout=DEADLINE_S).raise_for_status()
    for number, message in enumerate(answer.json()["messages"]):
        yield f"mail {number}", repr(message).encode()
