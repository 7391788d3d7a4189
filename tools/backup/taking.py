"""Take a backup of a running system.

Order: how far each group has read, where each topic ends, all stores at one instant, then the topics up to the first
record that the stores do not know (``cut``). So no store is ahead of its topics, and no topic ahead of its writer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from shared.progress import Progress, silent
from shared.settings import KafkaSettings, StoreSettings
from tools.backup import stores, topics
from tools.backup.archive import SUFFIX, ArchiveWriter
from tools.backup.cut import Cut, Known, Place
from tools.backup.topics import DEAD, KEPT, TopicReader

LASTS: Final = timedelta(days=30)
"""So long an archive may be kept: an erasure is complete when the last one from before it is gone (decision 9)."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup."""

    path: Path
    manifest: dict[str, Any]


def name_at(now: datetime) -> str:
    """Return the name of a backup that begins then."""
    return f"ieum-{now:%Y%m%dT%H%M%SZ}"


def too_old(folder: Path, now: datetime) -> list[str]:
    """Return the archives of a folder in which what was erased lives longer than it may."""
    oldest = name_at(now - LASTS)
    return sorted(path.name for path in folder.glob(f"ieum-*{SUFFIX}") if path.name < oldest)


async def take(
    kafka: KafkaSettings,
    store: StoreSettings,
    *,
    to: Path,
    recipient: str,
    now: datetime,
    progress: Progress = silent,
) -> Backup:
    """Write an archive into a folder. Raises ``ArchiveError``, ``TransientError`` or ``PyMongoError``: none is left."""
    name = name_at(now)
    with ArchiveWriter(to / f"{name}{SUFFIX}", recipient, progress) as archive, stores.client_of(store) as client:
        offsets = await topics.committed(kafka)
        async with TopicReader(kafka) as reader:
            before = await reader.ends()
            known = Known()
            for part, document in stores.snapshot(client, store):
                archive.add(part, document)
                stores.learn(known, part, document)
            cut = Cut(known, before)
            ends = await _copy(reader, archive, cut)
        archive.add(topics.OFFSETS, topics.clamped(offsets, ends))
        manifest = archive.finish(
            {
                "backup": name,
                "taken_at": now,
                "partitions": {topic: sum(1 for found, _ in ends if found == topic) for topic in (*KEPT, *DEAD)},
                "left_out": {f"{topic}/{number}": count for (topic, number), count in sorted(cut.left_out.items())},
            }
        )
    return Backup(to / f"{name}{SUFFIX}", manifest)


async def _copy(reader: TopicReader, archive: ArchiveWriter, cut: Cut) -> dict[Place, int]:
    """Copy the topics; returns where each partition of the copy ends."""
    # Routings first: what they follow from is then in the topics that are asked after them.
    ends = await reader.ends(("routings",)) | await reader.ends(name for name in (*KEPT, *DEAD) if name != "routings")
    copied: dict[Place, int] = {}
    for place in topics.ordered(ends):
        topic, number = place
        copied[place] = 0
        async for record in reader.read(place, ends[place]):
            kept = cut.keeps_letter(number, record.headers) if topic in DEAD else cut.keeps(record)
            if not kept and topic in DEAD:
                break
            if kept:
                archive.add(f"{topics.PART}{topic}/{number}", topics.record_document(record))
                copied[place] += 1
    return copied
