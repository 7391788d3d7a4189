"""Snapshots of partitions' states: one head document each, and parts beside it that only the head makes count."""

import struct
from contextlib import suppress
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import DuplicateKeyError

from services.routing.assignment.rules import RULE_VERSION
from services.routing.projection import PartitionState
from services.routing.projection.snapshot import Snapshot, head_of, parts_of, restored
from shared.mongo import store_errors

_HEADS: Final = "snapshots"
_PARTS: Final = "snapshot_parts"


class SnapshotStore:
    """The collections ``snapshots`` and ``snapshot_parts``."""

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
        self._heads = database[_HEADS]
        self._parts = database[_PARTS]

    async def save(self, snapshot: Snapshot) -> None:
        """Write the parts, then the head, then clear the parts of before away. One further on in the log stays.

        Two workers that both believe they own the partition cannot spoil it: each writes parts of its own position,
        and any head is true of the log.
        """
        parts = parts_of(snapshot)
        names = [_part(snapshot.partition, snapshot.position, number) for number in range(len(parts))]
        head = head_of(snapshot, RULE_VERSION, len(parts))
        older = [{"position": {"$lt": snapshot.position}}, {"rule_version": {"$ne": RULE_VERSION}}]
        with store_errors(), suppress(DuplicateKeyError):
            for name, part in zip(names, parts, strict=True):
                await self._parts.replace_one({"_id": name}, {"waiting": part}, upsert=True)
            await self._heads.replace_one({"_id": snapshot.partition, "$or": older}, head, upsert=True)
            # Only those of before: whoever is further on may be writing its own at this moment.
            older_parts = {"$gte": f"{snapshot.partition:04d}:", "$lt": _part(snapshot.partition, snapshot.position, 0)}
            await self._parts.delete_many({"_id": older_parts})

    async def restore(self, partition: int) -> PartitionState | None:
        """The state as it was written last; none where there is none that today's rule can use.

        Raises ``ValueError`` if it is damaged.
        """
        with store_errors():
            head = await self._heads.find_one({"_id": partition})
            if head is None or head.get("rule_version") != RULE_VERSION:
                return None
            parts = []
            for number in range(head["parts"]):
                part = await self._parts.find_one({"_id": _part(partition, head["position"], number)})
                if part is None:
                    raise ValueError(f"part {number} of the snapshot at {head['position']} is missing")
                parts.append(part["waiting"])
        try:
            return restored(head, parts)
        except (KeyError, TypeError, struct.error) as error:
            raise ValueError(f"the snapshot at {head.get('position')} is damaged: {type(error).__name__}") from error

    async def drop(self, partition: int) -> None:
        """Forget the snapshot of a partition."""
        with store_errors():
            await self._heads.delete_one({"_id": partition})


def _part(partition: int, position: int, number: int) -> str:
    return f"{partition:04d}:{position:016d}:{number:04d}"
