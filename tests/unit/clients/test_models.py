"""Both clients have every operation of the document, and every field of it can be given."""

import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from ieum_client import AsyncClient, Client
from ieum_client.models import OPERATIONS, Amendment, Submission
from tools.docs_generation import clients

ROOT: Final = Path(__file__).parents[3]
DOCUMENT: Final[dict[str, Any]] = json.loads((ROOT / "docs/openapi/intake.json").read_text(encoding="utf-8"))
API: Final = clients.api_of(DOCUMENT)
HEADERS: Final = {"Idempotency-Key": "idempotency_key", "Ieum-Visitor": "visitor", "Ieum-Callback": "callback"}


def test_the_models_are_what_the_document_says() -> None:
    for path, made in ((clients.PYTHON, clients.python(API)), (clients.TYPESCRIPT, clients.typescript(API))):
        assert (ROOT / "docs" / path).resolve().read_text(encoding="utf-8") == made, "run: make docs"


def fields_of(operation: dict[str, Any]) -> set[str]:
    """What can be sent with an operation, as Python names it."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    found = set(API.schemas[body["$ref"].rpartition("/")[2]]["properties"]) if body else set()
    return found | {HEADERS[parameter["name"]] for parameter in operation.get("parameters", ())}


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("operation", API.operations, ids=lambda operation: operation["operationId"])
def test_every_field_of_an_operation_can_be_given(client: type, operation: dict[str, Any]) -> None:
    name = re.sub(r"(?=[A-Z])", "_", operation["operationId"]).lower()
    given = set(inspect.signature(getattr(client, name)).parameters) - {"self"}
    if name == "submit_report":
        given = given - {"report"} | set(Submission.__annotations__)
    if name == "amend_report":
        given = given - {"amendment"} | set(Amendment.__annotations__)
    assert given == fields_of(operation)
    assert name in OPERATIONS


def test_both_clients_have_one_version() -> None:
    python = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())["project"]["version"]
    assert json.loads((ROOT / "clients/typescript/package.json").read_text())["version"] == python
