"""The one table of topics. A topic exists only if it stands here; topics are created from this table at start."""

from dataclasses import dataclass
from typing import Final

from shared.errors import PermanentError

FOR_EVER: Final = -1
"""Value of ``retention.ms`` that keeps records for ever: rebuilds need them and they are tiny. As ``retention.bytes``
it keeps as many as there are, whatever a broker does by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic: what orders it, who writes, who reads, how long it is kept.

    ``partitions`` 0 means the number of the deployment (``KAFKA_TOPIC_PARTITIONS``), the same for every such topic
    and fixed at creation: a report's records in `reports`, `routings`, `cases` and `alerts` share a partition number.
    """

    name: str
    key: str
    writer: str
    readers: tuple[str, ...]
    partitions: int = 0
    compacted: bool = False
    retention_ms: int = FOR_EVER

    @property
    def dead(self) -> str:
        """Name of the dead-letter topic."""
        return f"{self.name}.dead"

    @property
    def source(self) -> str:
        """The CloudEvents source of its writer's records."""
        return source_of(self.writer)


def source_of(service: str) -> str:
    """The CloudEvents source of what a service writes."""
    return f"/ieum/{service}"


REPORTS: Final = Topic(name="reports", key="report_id", writer="intake", readers=("routing", "analytics"))
ROUTINGS: Final = Topic(
    name="routings", key="report_id", writer="routing", readers=("notify", "analytics", "intake", "routing")
)
CASES: Final = Topic(
    name="cases", key="report_id", writer="notify", readers=("routing", "analytics", "intake", "notify")
)
ALERTS: Final = Topic(name="alerts", key="report_id", writer="notify", readers=("analytics", "notify"))
CENTERS: Final = Topic(
    name="centers",
    key="center_id",
    writer="notify",
    readers=("routing", "analytics", "intake", "notify"),
    partitions=1,
)
LOADS: Final = Topic(
    name="loads", key="partition", writer="routing", readers=("routing",), partitions=1, compacted=True
)

TOPICS: Final[tuple[Topic, ...]] = (REPORTS, ROUTINGS, CASES, ALERTS, CENTERS, LOADS)
AUDIT_ANCHORS: Final = Topic(
    name="audit-anchors", key="service", writer="every service with an audit", readers=("verifier",), partitions=1
)
"""Signed heads of the audits (``shared/audit/published.py``). Not in the table above: its records are no events, nobody
consumes it, it has no dead-letter topic, and no backup holds it, since it must outlive what it speaks of."""
BY_NAME: Final = {topic.name: topic for topic in TOPICS}
_SOURCES: Final = {topic.name: topic.source.encode() for topic in TOPICS}


def check_source(topic: str, source: bytes | None) -> None:
    """Refuse a record that does not say it comes from its topic's writer; ``source`` is its header ``ce_source``.

    Kafka's ACLs let only the writer write; this is the second lock, and catches a writer on the wrong topic.
    Raises ``PermanentError``: ``no_attribute`` or ``wrong_source``. What was found is never repeated.
    """
    if source is None:
        raise PermanentError("no_attribute", "header ce_source is missing")
    if source != _SOURCES.get(topic):
        declared = BY_NAME[topic].source if topic in BY_NAME else "a topic of the table"
        raise PermanentError("wrong_source", f"header ce_source is not {declared}")
