import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.events.catalog import EVENT_TYPES
from shared.topics import TOPICS
from tools.docs_generation import asyncapi, openapi
from tools.docs_generation.__main__ import differences
from tools.local import plan
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
    sends = {name for name, one in described["operations"].items() if one["action"] == "send"}
    assert sends == {f"{topic.writer}-writes-{topic.name}" for topic in TOPICS}
    assert set(asyncapi.routers()) == set(SERVICES) - {"identity"}
    read = {
        (name.partition("-writes-")[0].partition(".")[0].partition("-")[0], channel["address"])
        for name, channel in described["channels"].items()
        if name not in sends
    }
    assert read == {
        (service, topic.name)
        for service, router in asyncapi.routers().items()
        for spec in router.specs
        for topic in spec.topics
    }


def test_the_asyncapi_document_shows_an_example_of_every_event(described: dict[str, Any]) -> None:
    messages = described["components"]["messages"].values()
    shown = [example["name"] for message in messages for example in message.get("examples", ())]
    assert sorted(shown) == sorted(EVENT_TYPES)


def test_names_in_the_asyncapi_document_are_those_its_standard_allows(described: dict[str, Any]) -> None:
    parts = (described["channels"], described["operations"], *described["components"].values())
    assert [name for part in parts for name in part if not re.fullmatch(r"[A-Za-z0-9._-]+", name)] == []
    assert [list(part) for part in parts] == [sorted(part) for part in parts]


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
        assert yaml.safe_load(text)["asyncapi"] == "3.0.0"


def test_every_service_describes_its_api() -> None:
    found = {path: json.loads(text) for path, text in openapi.files().items()}
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
