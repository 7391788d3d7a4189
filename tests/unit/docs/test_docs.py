import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.topics import TOPICS
from tools.docs_generation import asyncapi, openapi
from tools.docs_generation.__main__ import differences
from tools.local import plan


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


@pytest.mark.parametrize("service", [*asyncapi.SERVICES, None])
def test_every_reference_in_an_asyncapi_document_resolves(service: str | None) -> None:
    document = asyncapi.document(service)
    found = refs(document)
    assert found
    assert [ref for ref in found if not resolves(document, ref)] == []


def test_the_whole_names_every_topic_writer_and_reader() -> None:
    document = asyncapi.document(None)
    assert set(document["channels"]) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        assert f"{topic.writer}-writes-{topic.name}" in document["operations"]
        assert all(f"{reader}-reads-{topic.name}" in document["operations"] for reader in topic.readers)


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
    assert set(found) == {f"openapi/{service}.json" for service in asyncapi.SERVICES}
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
