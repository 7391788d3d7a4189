"""Put a backup back into an empty store and empty topics. Services do not start before ``finish``."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson

from shared.kafka.admin import ensure_topics
from shared.settings import KafkaSettings, StoreSettings
from shared.store_access import DATABASES
from shared.topics import TOPICS
from tools.backup import archive, stores, topics
from tools.backup.archive import ArchiveError
from tools.backup.topics import TopicLoader, TopicReader


class TargetError(Exception):
    """Nothing may be restored there; the text says why and nothing was changed."""


async def refuse_unless_empty(kafka: KafkaSettings, store: StoreSettings, manifest: Mapping[str, Any]) -> None:
    """Raises ``TargetError`` where something is there already, or topics have another number of partitions."""
    with stores.client_of(store) as client:
        found = stores.first_not_empty(client, store)
    if found is not None:
        raise TargetError(f"{found} is not empty: a backup is restored into an empty store only; nothing was changed")
    # Before topics are made: their number of partitions is fixed for ever.
    refuse_other_partitions({topic.name: topic.partitions or kafka.topic_partitions for topic in TOPICS}, manifest)
    await ensure_topics(kafka)
    async with TopicReader(kafka) as reader:
        ends = await reader.ends()
    for (topic, number), end in sorted(ends.items()):
        if end:
            raise TargetError(
                f"topic {topic}/{number} holds {end} records: a backup is restored into empty topics only;"
                " nothing was changed"
            )
    refuse_other_partitions(Counter(topic for topic, _ in ends), manifest)


def refuse_other_partitions(found: Mapping[str, int], manifest: Mapping[str, Any]) -> None:
    """Raises ``TargetError`` where a topic has, or would get, another number of partitions than in the backup."""
    for topic, count in found.items():
        wanted = manifest["partitions"].get(topic, count)
        if count != wanted:
            raise TargetError(
                f"setting KAFKA_TOPIC_PARTITIONS: the backup's topic {topic} has another number of partitions; found"
                f" {count}; expected {wanted}, and topics made with it; example: KAFKA_TOPIC_PARTITIONS={wanted}"
            )


async def load(path: Path, identity: str, kafka: KafkaSettings, store: StoreSettings) -> dict[str, Any]:
    """Check the whole archive, then the target, then write; returns the manifest.

    Raises ``ArchiveError`` or ``TargetError`` before anything is written. The databases say that their restore is not
    finished from the first write on, so that no service serves them before ``finish``.
    """
    manifest = archive.verified(path, identity)
    await refuse_unless_empty(kafka, store, manifest)
    offsets: dict[str, Any] = {}
    with stores.client_of(store) as client:
        stores.mark(client, store, manifest["backup"])
        documents = stores.StoreLoader(client, store)
        async with TopicLoader(kafka) as records:
            for part, document in archive.parts_of(path, identity):
                if part.startswith(stores.PART):
                    documents.add(part, document)
                elif part == topics.OFFSETS:
                    offsets = bson.decode(document.raw)
                else:
                    await records.add(part, bson.decode(document.raw))
            documents.flush()
            await records.flush()
        await topics.commit(kafka, offsets)
        compare(client, store, manifest)
    await _compare_topics(kafka, manifest)
    return manifest


def compare(client: stores.Client, store: StoreSettings, manifest: Mapping[str, Any]) -> None:
    """Raises ``ArchiveError`` where a collection does not hold what the manifest counts."""
    for part, said in manifest["parts"].items():
        if part.startswith(stores.PART):
            _, service, name = part.split("/", 2)
            found = client[f"{store.database_prefix}{service}"][name].count_documents({})
            if found != said["count"]:
                raise ArchiveError(f"{service}.{name} holds {found} documents, the backup has {said['count']}")


async def _compare_topics(kafka: KafkaSettings, manifest: Mapping[str, Any]) -> None:
    async with TopicReader(kafka) as reader:
        ends = await reader.ends()
    for (topic, number), end in ends.items():
        said = manifest["parts"].get(f"{topics.PART}{topic}/{number}", {"count": 0})["count"]
        if end != said:
            raise ArchiveError(f"topic {topic}/{number} ends at {end}, the backup at {said}")


def mark_replayed(store: StoreSettings) -> None:
    """All is back and erasures were made again, but for those that were named: services may be let start."""
    with stores.client_of(store) as client:
        stores.mark_replayed(client, store)


def refuse_unless_replayed(store: StoreSettings) -> None:
    """Raises ``TargetError`` where a restore broke off before erasures were made again, and where there is none."""
    with stores.client_of(store) as client:
        found = stores.marked(client, store)
    if not found:
        raise TargetError("no restore waits to be opened here; nothing was changed")
    if not all(found.values()):
        raise TargetError(
            f"the restore of {min(found, key=found.__getitem__)} broke off before all of it was back and erasures"
            " were made again: empty stores and topics and restore again"
        )


def finish(store: StoreSettings) -> None:
    """Erasures were replayed, identity has a new signing key and nothing is wrong: services may start."""
    with stores.client_of(store) as client:
        stores.note_restored(client, store, datetime.now(UTC))
        stores.unmark(client, store, *DATABASES)
