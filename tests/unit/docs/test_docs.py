import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.events.catalog import EVENT_TYPES, types_of
from shared.events.envelope import HEADERS
from shared.kafka.access import PRINCIPALS
from shared.kafka.dead_letters import to_dead_letter
from shared.kafka.decoding import DeadLetter, RawRecord
from shared.topics import TOPICS
from tools.docs_generation import asyncapi, openapi
from tools.docs_generation.__main__ import differences
from tools.local import plan
from tools.local.processes import PROJECT
from tools.local.settings import SERVICES


def refs(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in refs(value)]
    return [ref for item in node for ref in refs(item)] if isinstance(node, list) else []


def resolves(document: dict[str, Any], ref: str) -> bool:
    node: Any = document
    for part in ref.removeprefix("#/").split("/"):
        if part not in node:
            return False
        node = node[part]
    return True


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return asyncapi.document()


def test_every_reference_in_the_asyncapi_document_resolves(described: dict[str, Any]) -> None:
    assert refs(described)
    assert [ref for ref in refs(described) if not resolves(described, ref)] == []


def test_the_asyncapi_document_has_every_writer_and_every_consumer(described: dict[str, Any]) -> None:
    operations = described["operations"]
    sends = {name for name, one in operations.items() if one["action"] == "send" and not name.endswith(".dead")}
    assert sends == {f"{topic.writer}.sends.{topic.name}" for topic in TOPICS}
    dead = {name for name, one in operations.items() if one["action"] == "send" and name.endswith(".dead")}
    assert dead == {f"{one.name}.sends.{topic.dead}" for one in PRINCIPALS for topic in one.writes_dead}
    assert set(asyncapi.routers()) == set(SERVICES) - {"identity"}
    received = {
        (one["bindings"]["kafka"]["groupId"]["enum"][0], one["channel"]["$ref"].removeprefix("#/channels/"))
        for one in operations.values()
        if one["action"] == "receive"
    }
    groups = {group for principal in PRINCIPALS for group in principal.groups}
    assert {group for group, _ in received} <= groups
    assert {(group.partition("-")[0], topic) for group, topic in received} == {
        (service, topic.name)
        for service, router in asyncapi.routers().items()
        for spec in router.specs
        for topic in spec.topics
    }


def test_each_topic_and_its_dead_letters_are_one_channel_of_the_asyncapi_document(described: dict[str, Any]) -> None:
    channels = described["channels"]
    assert {one["address"] for one in channels.values()} == {name for one in TOPICS for name in (one.name, one.dead)}
    for topic in TOPICS:
        assert set(channels[topic.name]["messages"]) == set(types_of(topic.name))
    for name, channel in channels.items():
        found = channel["bindings"]["kafka"]
        assert name == found["topic"]
        assert found["partitions"] >= 1


def test_the_asyncapi_document_shows_an_example_of_every_event_with_its_headers(described: dict[str, Any]) -> None:
    headers = described["components"]["schemas"]["Headers"]
    for name in EVENT_TYPES:
        (example,) = described["components"]["messages"][name]["examples"]
        jsonschema.validate(example["headers"], headers)
        assert set(example["headers"]) <= set(headers["properties"])
    assert set(headers["properties"]) == set(HEADERS)


def test_every_property_of_the_asyncapi_document_is_described(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    silent = [
        f"{title}.{name}"
        for title, schema in schemas.items()
        for name, found in schema.get("properties", {}).items()
        if not found.get("description") and not schemas[found["$ref"].rpartition("/")[2]].get("description")
    ]
    assert silent == []


def test_dead_letters_have_the_headers_the_asyncapi_document_says(described: dict[str, Any]) -> None:
    record = RawRecord("reports", 2, 7, 0, b"k" * 2_000_000, b"v" * 2_000_000, [])
    _, _, headers = to_dead_letter(DeadLetter(record, "invalid", "x"), group="g", service="s", now=datetime.now(UTC))
    described_headers = described["components"]["schemas"]["DeadLetterHeaders"]
    given = {name: (value or b"").decode() for name, value in headers}
    assert set(given) <= set(described_headers["properties"])
    jsonschema.validate(given, described_headers)


def test_the_asyncapi_document_and_the_page_on_delivery_say_the_same_of_unknown_types(
    described: dict[str, Any],
) -> None:
    page = (PROJECT / "docs/reference/delivery.md").read_text(encoding="utf-8")
    for text in (" ".join(described["info"]["description"].split()), page):
        assert re.search(r"[Ss]top, or pass over and count", text)
        assert "its report may be ahead of what you know" in text


def test_names_in_the_asyncapi_document_are_those_its_standard_allows(described: dict[str, Any]) -> None:
    parts = (described["channels"], described["operations"], *described["components"].values())
    assert [name for part in parts for name in part if not re.fullmatch(r"[A-Za-z0-9._-]+", name)] == []
    assert [list(part) for part in parts[1:]] == [sorted(part) for part in parts[1:]]


def test_check_finds_missing_changed_and_stale_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.docs_generation.__main__.DOCS", tmp_path)
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "a.json").write_text("old")
    (tmp_path / "events" / "gone.json").write_text("")
    found = differences({"events/a.json": "new", "events/b.json": "x"})
    assert found == [
        "docs/events/a.json is not what the code says",
        "docs/events/b.json is missing",
        "docs/events/gone.json describes nothing any more",
    ]


def test_asyncapi_files_parse_as_yaml() -> None:
    for text in asyncapi.files().values():
        assert yaml.load(text, yaml.CSafeLoader)["asyncapi"] == "3.0.0"


def test_every_service_describes_its_api() -> None:
    """`make check` sees that the files are what the services say of themselves now."""
    files = (PROJECT / "docs" / "openapi").glob("*.json")
    found = {f"openapi/{file.name}": json.loads(file.read_text(encoding="utf-8")) for file in files}
    assert set(found) == {f"openapi/{service}.json" for service in SERVICES}
    for document in found.values():
        assert document["openapi"].startswith("3.1")
        assert document["paths"]
        assert [ref for ref in refs(document) if not resolves(document, ref)] == []
    assert "/api/v1/reports" in found["openapi/intake.json"]["paths"]


def test_a_service_that_cannot_be_built_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi, "SERVICES", ("nothing",))
    monkeypatch.setitem(plan.SECRETS_OF, "nothing", ())
    with pytest.raises(RuntimeError, match="nothing could not be described"):
        openapi.files()
