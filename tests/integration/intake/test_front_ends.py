"""What front-end teams use against one running intake: generated clients and the published ones.

Clients that three generators make of the OpenAPI document submit a drill and read its status; nothing of them is
written by hand but the few lines in ``generated/`` that call them. The published clients do every operation once.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from services.intake.settings import IntakeSettings
from shared.settings import variable_of
from shared.web.openapi import openapi_of
from tests.browser.helpers import serving
from tests.integration.intake.harness import IntakeHarness, settings
from tests.integration.intake.published import every_operation
from tests.integration.intake.tutorial import Reader, blocks
from tests.support.commands import LIMIT_S, fetched, ran
from tests.unit.clients.conftest import built

ROOT: Final = Path(__file__).parents[3]
CALLS: Final = Path(__file__).parent / "generated"
TOOLS: Final = ROOT / "var" / "generators"
"""What is installed for these tests, kept from one run to the next."""
GO: Final = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"
PYTHON: Final = "openapi-python-client==0.29.1"
PACKAGE: Final = "ieum_generated"


def go_client(document: Path, folder: Path) -> list[str | Path]:
    """oapi-codegen: types and client in Go, compiled."""
    if shutil.which("go") is None:
        pytest.skip("left out: oapi-codegen needs Go")
    for name in ("main.go", "go.mod", "go.sum"):
        shutil.copy(CALLS / name, folder / name)
    TOOLS.mkdir(parents=True, exist_ok=True)
    if not (TOOLS / "oapi-codegen").exists():
        fetched(["go", "install", GO], folder, GOBIN=str(TOOLS), GOFLAGS="-mod=mod")
    (folder / "api").mkdir()
    ran(
        [
            TOOLS / "oapi-codegen",
            "-generate",
            "types,client,skip-prune",
            "-package",
            "api",
            "-o",
            "api/api.go",
            document,
        ],
        folder,
    )
    fetched(["go", "build", "-o", "drill", "."], folder)
    return [folder / "drill"]


def python_client(document: Path, folder: Path) -> list[str | Path]:
    """openapi-python-client: models and client in Python, in an environment of its own."""
    home = TOOLS / PYTHON
    if not (home / "done").exists():
        ran([sys.executable, "-m", "venv", home], ROOT)
        fetched([home / "bin" / "pip", "install", "--quiet", PYTHON], ROOT)
        (home / "done").touch()
    made: list[str | Path] = ["generate", "--path", document, "--meta", "none", "--output-path", folder / PACKAGE]
    ran([home / "bin" / "openapi-python-client", *made], folder, PATH=f"{home / 'bin'}:{os.environ['PATH']}")
    shutil.copy(CALLS / "drill.py.txt", folder / "drill.py")
    return [home / "bin" / "python", folder / "drill.py"]


def typescript_client(document: Path, folder: Path) -> list[str | Path]:
    """openapi-typescript: types for openapi-fetch, compiled strictly."""
    found = subprocess.run(
        [ROOT / "tools" / "local" / "node_tools.sh", "openapi-typescript"],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    if found.returncode:
        pytest.skip(found.stdout.strip())
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(CALLS / "drill.ts", folder / "drill.ts")
    binaries = ROOT / "node_modules" / ".bin"
    # Otherwise a field with a default would have to be sent.
    ran([binaries / "openapi-typescript", document, "-o", "api.ts", "--default-non-nullable=false"], folder)
    ran(
        [binaries / "tsc", "--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck", "drill.ts"],
        folder,
    )
    return ["node", folder / "drill.js"]


def credential_of(harness: IntakeHarness) -> str:
    return harness.headers()["Authorization"].removeprefix("Bearer ")


@pytest.mark.timeout(3 * LIMIT_S)
@pytest.mark.parametrize("made", [go_client, python_client, typescript_client])
async def test_a_generated_client_submits_a_drill_and_reads_its_status(
    harness: IntakeHarness, tmp_path: Path, made: Callable[[Path, Path], list[str | Path]]
) -> None:
    document = tmp_path / "intake.json"
    document.write_text(json.dumps(openapi_of(harness.intake.app)))
    folder = tmp_path / "client"
    folder.mkdir()
    drill = await asyncio.to_thread(made, document, folder)
    async with serving(harness.intake.app) as url:
        done = await asyncio.to_thread(ran, [*drill, url, credential_of(harness), str(uuid.uuid4())], folder)
    report_id, state = done.stdout.split()
    assert state == "received"
    stored = await harness.collection.find_one({"_id": report_id})
    assert stored is not None
    assert stored["facts"]["synthetic"]


async def test_the_python_client_does_every_operation(harness: IntakeHarness) -> None:
    async with serving(harness.intake.app) as url:
        report_id = await asyncio.to_thread(every_operation, url, credential_of(harness))
    stored = await harness.collection.find_one({"_id": report_id})
    assert stored is not None
    assert stored["facts"]["synthetic"]


@pytest.mark.timeout(LIMIT_S)
async def test_the_typescript_client_does_every_operation(harness: IntakeHarness, tmp_path: Path) -> None:
    await asyncio.to_thread(built, tmp_path)
    script, client = CALLS.parent / "published.mjs", tmp_path / "dist" / "index.js"
    async with serving(harness.intake.app) as url:
        done = await asyncio.to_thread(ran, ["node", script, client, url, credential_of(harness)], tmp_path)
    stored = await harness.collection.find_one({"_id": done.stdout.strip()})
    assert stored is not None
    assert stored["facts"]["synthetic"]


@pytest.mark.timeout(2 * LIMIT_S)
@pytest.mark.skipif(shutil.which("npm") is None, reason="left out: the tutorial needs Node.js")
async def test_every_block_of_the_tutorial_does_what_the_page_says(harness: IntakeHarness, tmp_path: Path) -> None:
    given = settings()
    secrets = {
        variable_of(IntakeSettings, name): getattr(given, name).get_secret_value()
        for name in ("master_key", "receipt_key", "link_key", "signing_key", "ticket_key", "audit_key")
    }
    store = {
        "MONGODB_URI": harness.store_settings.uri.get_secret_value(),
        "MONGODB_DATABASE_PREFIX": harness.store_settings.database_prefix,
    }
    said = []
    async with serving(harness.intake.app) as url:
        reader = Reader(tmp_path, url, secrets | store)
        for language, text in blocks():
            said.append((text, await asyncio.to_thread(reader.does, language, text)))
        # The first lines of each client's README, in the same place.
        for language, run in (("python", ""), ("typescript", "npx tsx report.mts")):
            [block, *_] = [
                one for one in blocks(ROOT / "clients" / language / "README.md") if one[0] in {"python", "ts"}
            ]
            answer = await asyncio.to_thread(reader.does, *block)
            answer = await asyncio.to_thread(reader.does, "sh", run) if run else answer
            assert re.fullmatch(r"\d{4}(-\d{4}){3}", answer.strip()), answer
    made = [json.loads(answer) for text, answer in said if text.startswith(("KEY=", "curl"))]
    assert [sorted(answer) for answer in made[:1]] == [["proof", "receipt", "received_at", "report_id"]]
    assert made[1]["state"] == "received"
    assert (made[2]["code"], made[2]["errors"][0]["field"]) == ("invalid", "role")
    clients = [answer for text, answer in said if "import" in text or text.startswith("npx")]
    assert [re.sub(r"\d{4}(-\d{4}){3}", "receipt", answer).split() for answer in clients if answer] == [
        ["receipt", "received"]
    ] * 2
    checked = said[-1][1].splitlines()
    assert re.fullmatch(r"(\d+) of \1 checks hold, \d+ left out|(\d+) of \2 checks hold", checked[-1]), said[-1][1]
    assert {language for language, _ in blocks()} == {"sh", "python", "ts"}
