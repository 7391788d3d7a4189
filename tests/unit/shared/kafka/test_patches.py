"""Private corners of aiokafka and FastStream: one file for the one, none for the other."""

import re
from pathlib import Path

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from shared.kafka import patches
from tests.integration.kafka.test_header_names import NoText

ROOT = Path(__file__).parents[4]
ALLOWED = ROOT / "shared" / "kafka" / "patches.py"
PRIVATE = re.compile(
    r"\b(?:consumer|producer|client|broker|subscriber|config|_consumer|_connected\(\))\._[a-z]"
    r"|from (?:aiokafka|faststream)[\w.]* import (?:[\w, ]*\b)?_[A-Za-z]|faststream\._internal"
)


def test_private_names_of_aiokafka_and_faststream_stand_in_one_file() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("shared", "services", "tools")
        for path in (ROOT / folder).rglob("*.py")
        if path != ALLOWED and re.search("aiokafka|faststream|shared.kafka", text := path.read_text(encoding="utf-8"))
        for number, line in enumerate(text.splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert found == []
    assert PRIVATE.search(ALLOWED.read_text(encoding="utf-8"))


def test_aiokafka_cannot_read_a_batch_with_a_header_name_that_is_no_text() -> None:
    builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1 << 16)
    builder.append(0, timestamp=0, key=b"k", value=b"v", headers=[(NoText("x"), b"content")])
    batch = MemoryRecords(bytes(builder.build())).next_batch()
    with pytest.raises(Exception, match=r"(?i)utf-8|decode") as raised:
        list(batch)
    assert isinstance(raised.value, UnicodeDecodeError) or isinstance(raised.value.__cause__, UnicodeDecodeError)


def _batch(codec: int, value: bytes, offset: int) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, 1 << 16)
    builder.append(0, timestamp=0, key=b"k", value=value, headers=[])
    batch = builder.build()
    batch[:8] = offset.to_bytes(8, "big")
    return bytes(batch)


@pytest.mark.parametrize("codec", [1, 3, 4], ids=["gzip", "lz4", "zstd"])
def test_a_batch_that_swells_is_passed_over_and_those_beside_it_are_read(
    codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    patches.read_any_batch()
    large, small = b"\0" * (patches.MOST_UNPACKED + 1), b"small" * 100
    fetched = fetcher.MemoryRecords(_batch(codec, small, 0) + _batch(codec, large, 1) + _batch(codec, small, 2))
    read = []
    while fetched.has_next():
        batch = fetched.next_batch()
        read.append((batch.next_offset, [record.value for record in batch]))
    assert read == [(1, [small]), (2, []), (3, [small])]
    assert len(list(MemoryRecords(_batch(codec, large, 1)).next_batch())) == 1  # aiokafka itself unpacks all of it


@pytest.mark.parametrize("codec", [0, 2], ids=["plain", "snappy"])
def test_what_cannot_swell_is_not_unpacked_twice(codec: int) -> None:
    assert not patches.swells(codec, memoryview(b"anything"))


@pytest.mark.parametrize("codec", [1, 3, 4], ids=["gzip", "lz4", "zstd"])
@pytest.mark.parametrize("packed", [b"garbage", b"\x1f\x8b\x08\0"])
def test_what_cannot_be_unpacked_at_all_ends_no_process(codec: int, packed: bytes) -> None:
    assert patches.swells(codec, memoryview(packed))


def _many(records: int, odd: int | None = None) -> bytes:
    """A batch of so many records; one may have a header name that is no text."""
    builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1 << 20)
    for number in range(records):
        name = NoText("x") if number == odd else "name"
        builder.append(number, timestamp=0, key=b"k", value=str(number).encode(), headers=[(name, b"content")])
    return bytes(builder.build())


@pytest.mark.parametrize("records", [1, 2, 3, 4, 9, 10])
@pytest.mark.parametrize("odd", [None, 0, 1, 4, 8])
def test_a_batch_is_read_whole_whichever_record_has_a_header_name_that_is_no_text(
    records: int, odd: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    patches.read_any_batch()
    read = list(fetcher.MemoryRecords(_many(records, odd)).next_batch())
    assert [int(record.value) for record in read] == list(range(records))
    assert [dict(record.headers) for record in read] == [
        {"\\xffname\\xfe" if number == odd else "name": b"content"} for number in range(records)
    ]
