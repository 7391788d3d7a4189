"""`ieum`: every command explains itself, and every line of it in a document is one that it understands."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tools.command import main
from tools.command.app import app
from tools.local import keys
from tools.local.processes import PROJECT
from tools.local.settings import AS_GIVEN

COMMAND = typer.main.get_command(app)


def paths(command: Any = COMMAND, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group, as one types them."""
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from paths(inner, (*words, name))


@pytest.mark.parametrize("words", [*paths()], ids=" ".join)
def test_every_command_says_what_it_is_for(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    assert f"Usage: {' '.join(('ieum', *words))} " in capsys.readouterr().out


DOCUMENTS = [
    *(PROJECT / name for name in ("README.md", "README.ko.md", "CONTRIBUTING.md", "tests/README.md")),
    *(path for path in (PROJECT / "docs").rglob("*.md") if "decisions" not in path.parts),
    *(path for path in (PROJECT / "clients").rglob("README.md") if "node_modules" not in path.parts),
    *(path for part in ("compose", "kubernetes") for path in (PROJECT / "deploy" / part).rglob("*.yaml")),
]
IN_TEXT = re.compile(r"`(?:[\w./]*/)?ieum ([^`]+)`")
IN_BLOCK = re.compile(r"(?:^|[ \"']|bin/)(?<!-n )ieum ((?:[a-z-]+)(?: .*)?)$", re.MULTILINE)
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
IN_YAML = re.compile(r"command: \[ieum, (.+)\]")
REST = re.compile(r"\s+#.*|\s*(?:&&|\||>|\)).*|[\"']?\s*\\?$")


def lines_of(text: str) -> Iterator[str]:
    """The commands of a document, without what follows them in a shell."""
    blocks = "".join(BLOCK.findall(text))
    for found in (*IN_TEXT.findall(BLOCK.sub("", text)), *IN_BLOCK.findall(blocks)):
        yield REST.sub("", found)
    for found in IN_YAML.findall(text):
        yield found.replace(", ", " ")


def understood(line: str) -> str | None:
    """Why a line is not understood, or None. Nothing is run. A line may end where a document does not need the rest."""
    words = shlex.split(line.replace("…", "x"))
    if words:
        command: Any = COMMAND
        names: list[str] = []
        while words and words[0] in getattr(command, "commands", {}):
            names.append(words.pop(0))
            command = command.commands[names[-1]]
        if not words or words[-1] == "--help":
            return None
        if getattr(command, "commands", {}) and not words[0].startswith("-"):
            return f"{' '.join(names)} has no command {words[0]}"
        known = {name for option in command.params for name in option.opts}
        return next((f"no option {word}" for word in words if word.startswith("--") and word not in known), None)
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_line_of_a_document_is_one_the_command_understands(document: Path) -> None:
    found = {line: understood(line) for line in lines_of(document.read_text(encoding="utf-8"))}
    assert {line: why for line, why in found.items() if why is not None} == {}


def test_the_guides_for_the_night_name_commands() -> None:
    """Else the test above would look at nothing."""
    counts = {path.stem: len([*lines_of(path.read_text(encoding="utf-8"))]) for path in DOCUMENTS}
    assert min(counts[guide] for guide in ("runbooks", "operator", "restore", "kubernetes")) > 3


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("redriv reports", "has no command"),
        ("client ad x", "has no command"),
        ("backup take --into x", "no option"),
    ],
)
def test_a_line_that_is_wrong_is_found(line: str, wrong: str) -> None:
    assert wrong in (understood(line) or "")


def test_what_is_called_wrongly_ends_with_two_and_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["redrive", "nothing"],
        ["client", "callback", "portal"],
        ["client", "callback", "portal", "--off", "--rotate"],
        ["rebuild", "--accept", "--back"],
        ["restore", "archive"],
        ["admin", "invite", "--organisation", "nowhere"],
        ["audit", "verify", "--anchor", "intake=none"],
    ):
        assert main(words) == 2, words
        assert "Error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [(["client", "list"], "no settings of a service are in the environment"), (["recount"], "`ieum up`")],
)
def test_where_nothing_was_started_and_nothing_is_set_a_command_says_so(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (AS_GIVEN, "MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IEUM_VAR_DIR", str(tmp_path))
    assert main(words) == 1
    assert says in capsys.readouterr().err


def test_where_the_launcher_has_stopped_a_command_says_what_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (AS_GIVEN, "MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IEUM_VAR_DIR", str(tmp_path))
    keys.ensure(tmp_path)
    assert main(["client", "list"]) == 1
    assert capsys.readouterr().err == "nothing runs here: start it with `ieum up`, then try again\n"


def test_what_is_not_installed_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main(["up"]) == 1
    assert "pip install 'ieum[local]'" in capsys.readouterr().err
