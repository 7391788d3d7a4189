"""Decide which records of a running system belong to a snapshot of its stores. Pure.

The stores are read as they were at one instant; topics are read afterwards and hold records of things that happened
since. Restored together, a record about something its own writer does not know would take a version number that the
writer gives away again, and readers, who take the first record of each version, would ignore the second. So each
partition ends before the first record that the snapshot does not know. What stands behind it and is known was not yet
cleared from an outbox at that instant, because it was published later: it is published again (decision 36).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import IeumError
from shared.events.base import Event
from shared.kafka.dead_letters import origin_headers
from shared.kafka.decoding import RawRecord, decode_record
from shared.topics import CENTERS, REPORTS, ROUTINGS, Topic


@dataclass
class Known:
    """State of the snapshot: the newest version by topic and key, and how far readers had read."""

    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    read: "dict[Place, int]" = field(default_factory=dict)

    def add(self, topic: Topic, key: str, version: int) -> None:
        """The writer of a topic has given away versions up to this one, or a reader of it has taken them in."""
        self.versions[topic.name, key] = max(version, self.of(topic.name, key))

    def add_read(self, topic: str, partition: int, end: int) -> None:
        """A reader keeps in its store what stands there before this offset."""
        self.read[topic, partition] = max(end, self.read.get((topic, partition), 0))

    def of(self, topic: str, key: str) -> int:
        """The newest version; 0 for what is not there."""
        return self.versions.get((topic, key), 0)


Place = tuple[str, int]
"""Topic and partition."""


@dataclass
class Cut:
    """Decides record by record, in the order of each partition; ``reports`` to ``centers`` before ``routings``."""

    known: Known
    before: Mapping[Place, int]
    """Where each partition ended before the snapshot was begun: what stands there is older, and always kept."""
    ends: dict[Place, int] = field(default_factory=dict)
    """The offset at which a partition was cut; missing where it was not."""
    left_out: dict[Place, int] = field(default_factory=dict)
    """How many records of it stay behind."""
    _gone: set[str] = field(default_factory=set)
    """Ids of events that were left out."""

    def keeps(self, record: RawRecord) -> bool:
        """Return whether a record belongs to the snapshot. Call it once for each, in order."""
        place = (record.topic, record.partition)
        if place not in self.ends and self._follows(record):
            self.ends[place] = record.offset
        if place not in self.ends:
            return True
        self.left_out[place] = self.left_out.get(place, 0) + 1
        if (event_id := _event_id(record.headers)) is not None:
            self._gone.add(event_id)
        return False

    def keeps_letter(self, partition: int, headers: Sequence[tuple[str, bytes | None]]) -> bool:
        """Return whether the record that a dead letter was made of was kept."""
        told = origin_headers(headers)
        end = self.ends.get((told.get("topic", ""), partition))
        offset = told.get("offset", "")
        return end is None or not offset.isdecimal() or int(offset) < end

    def _follows(self, record: RawRecord) -> bool:
        """Return whether a record is newer than the snapshot."""
        place = (record.topic, record.partition)
        if record.offset < max(self.before.get(place, 0), self.known.read.get(place, 0)):
            return False
        try:
            event = decode_record(record, record.topic).event
        except IeumError:
            return False  # no event of ours: consumers bury it, as they did
        return self._routed_since(event) if record.topic == ROUTINGS.name else self._unknown(event)

    def _unknown(self, event: Event) -> bool:
        return event.sequence > self.known.of(event.TOPIC, event.key)

    def _routed_since(self, event: Event) -> bool:
        """Routing keeps no store: what it wrote falls with what it wrote it for, unless a reader knows it already."""
        if not self._unknown(event):
            return False
        intake_version = getattr(event, "intake_version", 0)
        if intake_version > self.known.of(REPORTS.name, event.key):
            return True
        cause = getattr(event, "cause", None)
        named = cause.event_id if cause is not None else None
        if named is not None:
            return named in self._gone
        # A closed centre is a level, not an event: in doubt it closed since. Of what stands before here in a partition
        # no reader can know what stands behind: all read in order.
        return (CENTERS.name, 0) in self.ends


def _event_id(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    found = next((value for name, value in headers if name == "ce_id" and value), None)
    return found.decode("ascii", "replace") if found is not None else None
