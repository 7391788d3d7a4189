"""The same numbers, counted a second way: from the raw records, after the fact, without a line of the service's code.

It reads the four topics from their beginning, takes of each report and topic the first record of every version, and
then looks at each report once.
"""

import asyncio
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

TOPICS = ("reports", "routings", "cases", "alerts")
VERSION = {"reports": "intake_version", "routings": "version", "cases": "case_version", "alerts": "alert_version"}
BUCKET_BOUNDS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400]
BUCKET_BOUNDS += [28800, 43200, 86400, 172800, 259200, 604800]


async def read_all(bootstrap: str, prefix: str, topic: str) -> list[tuple[str, dict[str, Any]]]:
    """(event type, body) of all records of a topic, in order within each partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(prefix + topic, p) for p in consumer.partitions_for_topic(prefix + topic) or ()]
        if not partitions:
            await consumer._client.force_metadata_update()
            numbers = await consumer._client.fetch_all_metadata()
            partitions = [TopicPartition(prefix + topic, p) for p in numbers.partitions_for_topic(prefix + topic) or ()]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        found: list[tuple[str, dict[str, Any]]] = []
        left = {place for place, end in ends.items() if end}
        async with asyncio.timeout(60):
            while left:
                for place, records in (await consumer.getmany(timeout_ms=500)).items():
                    for record in records:
                        kind = dict(record.headers)["ce_type"].decode()
                        found.append((kind, orjson.loads(record.value)))
                    if records and records[-1].offset + 1 >= ends[place]:
                        left.discard(place)
        return found
    finally:
        await consumer.stop()


async def recount(bootstrap: str, prefix: str) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Counts by (day, cell) and by stage, from all records there are."""
    stories: dict[str, dict[str, dict[int, tuple[str, dict[str, Any]]]]] = defaultdict(lambda: defaultdict(dict))
    for topic in TOPICS:
        for kind, body in await read_all(bootstrap, prefix, topic):
            stories[body["report_id"]][topic].setdefault(body[VERSION[topic]], (kind, body))
    cells: Counter[tuple[str, str]] = Counter()
    stages: Counter[str] = Counter()
    for story in stories.values():
        for day, cell in one(story):
            cells[day, cell] += 1
            if cell.startswith("stage|"):
                stages[cell.removeprefix("stage|")] += 1
    return cells, stages


def one(story: dict[str, dict[int, tuple[str, dict[str, Any]]]]) -> list[tuple[str, str]]:
    """Where one report counts."""
    intake = [body for _, body in sorted_versions(story["reports"]) if "facts" in body]
    routing = sorted_versions(story["routings"])
    if not intake and not routing:
        return []
    first = intake[0] if intake else routing[0][1]
    if first["facts"].get("synthetic"):
        return []
    received = moment(first["received_at"])
    day = (received + timedelta(hours=9)).date().isoformat()
    found = []
    owner = None
    if routing:
        owner = next(body["decision"]["center_id"] for _, body in reversed(routing) if "decision" in body)
        ownership = routing[-1][1]["ownership"]
        found.append("stage|routed")
        if any(k == "alert.sent.v1" and b["ownership"] == ownership for k, b in sorted_versions(story["alerts"])):
            found.append("stage|alerted")
        answers = [
            body
            for kind, body in sorted_versions(story["cases"])
            if kind == "case.acknowledged.v1" and body["ownership"] == ownership
        ]
        if answers:
            seconds = (moment(answers[0]["at"]) - received).total_seconds()
            found += ["stage|acknowledged", f"ack|{sum(seconds > bound for bound in BUCKET_BOUNDS)}"]
    if intake:
        harms = ["all", *set(intake[-1]["facts"]["harm_types"])]
        found += ["stage|accepted", *(f"reports|{owner or 'none'}|{harm}" for harm in harms)]
        found += ["stage|counted"] if owner else []
        found += [f"end|{end}"] if (end := how_it_ended(routing)) else []
    return [(day, cell) for cell in found]


def how_it_ended(routing: list[tuple[str, dict[str, Any]]]) -> str | None:
    """The reason of the last end, unless something later brought the report back."""
    for kind, body in reversed(routing):
        if kind == "report.ended.v1":
            return str(body["reason"])
        if kind == "report.rerouted.v1" or body.get("kind") in {"reopened", "reinstated"}:
            return None
    return None


def sorted_versions(versions: dict[int, tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    return [versions[number] for number in sorted(versions)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
