"""The fast partitioner says what Kafka's own says."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.publisher import partition_of


@given(st.binary(max_size=80), st.integers(1, 200))
def test_it_agrees_with_the_slow_one(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == DefaultPartitioner()(key, list(range(partitions)), [])


def test_it_agrees_with_the_values_of_kafkas_own_tests() -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    known = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    }
    for key, murmur in known.items():
        assert partition_of(key, 1_000_003) == (murmur & 0x7FFFFFFF) % 1_000_003
