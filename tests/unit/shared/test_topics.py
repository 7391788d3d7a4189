import pytest

from shared.events.catalog import EVENT_TYPES
from shared.topics import ALERTS, CASES, FOR_EVER, LOADS, REPORTS, ROUTINGS, TOPICS, Topic

SERVICES = {"intake", "routing", "notify", "analytics"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda t: t.name)
def test_every_topic_names_key_writer_readers_types_and_dead_twin(topic: Topic) -> None:
    assert topic.key
    assert topic.writer in SERVICES
    assert topic.readers
    assert set(topic.readers) <= SERVICES
    assert topic.types
    assert topic.dead == f"{topic.name}.dead"


def test_every_event_type_has_its_topic_in_the_table() -> None:
    assert {cls.TOPIC for cls in EVENT_TYPES.values()} == {topic.name for topic in TOPICS}


def test_a_reports_records_share_a_partition_number() -> None:
    assert {t.partitions for t in (REPORTS, ROUTINGS, CASES, ALERTS)} == {0}


def test_everything_is_kept_for_ever_but_loads() -> None:
    assert all(topic.retention_ms == FOR_EVER for topic in TOPICS)
    assert [topic for topic in TOPICS if topic.compacted] == [LOADS]
