"""Private corners of aiokafka and FastStream: one file for the one, none for the other."""

import re
from pathlib import Path

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

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
