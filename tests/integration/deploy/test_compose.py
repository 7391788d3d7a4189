"""The compose file against the schema of Compose, from the library that Docker's own command reads it with."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from tests.support.commands import fetched

COMPOSE: Final = Path(__file__).parents[3] / "deploy" / "compose" / "compose.yaml"
LIBRARY: Final = "github.com/compose-spec/compose-go/v2@v2.16.2"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if shutil.which("go") is None:
        pytest.skip("the schema comes as a Go module, and Go is not installed")
    folder = tmp_path_factory.mktemp("module")
    (folder / "go.mod").write_text("module schema\n", encoding="utf-8")
    done = fetched(["go", "mod", "download", "-json", LIBRARY], folder)
    file = Path(json.loads(done.stdout)["Dir"]) / "schema" / "compose-spec.json"
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found


def test_it_is_what_compose_takes(schema: dict[str, Any]) -> None:
    composed = yaml.load(COMPOSE.read_text(encoding="utf-8"), yaml.CSafeLoader)
    jsonschema.validate(composed, schema)
    composed["services"]["intake"]["read_onyl"] = True
    with pytest.raises(jsonschema.ValidationError, match="read_onyl"):
        jsonschema.validate(composed, schema)
