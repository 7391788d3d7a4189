import pytest

from shared.errors import PermanentError
from shared.events.catalog import EVENT_TYPES, types_of
from shared.kafka.admin import wanted_topics
from shared.settings import KafkaSettings
from shared.topics import ALERTS, CASES, FOR_EVER, LOADS, REPORTS, ROUTINGS, TOPICS, Topic, check_source

SERVICES = {"intake", "routing", "notify", "analytics"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda t: t.name)
def test_every_topic_names_key_writer_readers_types_and_dead_twin(topic: Topic) -> None:
    assert topic.key
    assert topic.writer in SERVICES
    assert topic.readers
    assert set(topic.readers) <= SERVICES
    assert types_of(topic.name)
    assert topic.dead == f"{topic.name}.dead"


def test_every_event_type_has_its_topic_in_the_table() -> None:
    assert {cls.TOPIC for cls in EVENT_TYPES.values()} == {topic.name for topic in TOPICS}


def test_a_reports_records_share_a_partition_number() -> None:
    assert {t.partitions for t in (REPORTS, ROUTINGS, CASES, ALERTS)} == {0}


def test_everything_is_kept_for_ever_but_loads() -> None:
    assert all(topic.retention_ms == FOR_EVER for topic in TOPICS)
    assert [topic for topic in TOPICS if topic.compacted] == [LOADS]
    made = wanted_topics(KafkaSettings()).values()
    assert {topic.topic_configs["retention.bytes"] for topic in made} == {"-1"}, "whatever the broker's default"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda t: t.name)
def test_a_record_counts_only_from_the_topics_writer(topic: Topic) -> None:
    check_source(topic.name, f"/ieum/{topic.writer}".encode())
    for other in SERVICES - {topic.writer}:
        with pytest.raises(PermanentError) as caught:
            check_source(topic.name, f"/ieum/{other}".encode())
        assert caught.value.reason == "wrong_source"
        assert f"/ieum/{topic.writer}" in caught.value.detail
        assert other not in caught.value.detail
