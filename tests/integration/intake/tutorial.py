"""Runs the blocks of the tutorial for front ends, one after the other, as a reader would."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support.commands import skip_without_network

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs" / "tutorials" / "first-report.md"
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_URL: Final = "http://127.0.0.1:8001"
_CREDENTIAL: Final = "tutorial.…"
_RECEIPT: Final = "0000-0000-0000-0000"
_IEUM: Final = """#!/usr/bin/env bash
cd "$ROOT" && exec "$PYTHON" -m tools.command "$@"
"""
LIMIT_S: Final = 240


def blocks(page: Path = PAGE) -> list[tuple[str, str]]:
    """Language and text of each block, in order."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


class Reader:
    """Somebody who does what the page says: keeps the shell's variables, puts in their own credential and receipt."""

    def __init__(self, folder: Path, url: str, environment: Mapping[str, str]) -> None:
        """``environment`` is what the command that makes a credential needs."""
        self._folder = folder
        self._url = url
        self.said: list[str] = []
        tools = folder / "tools"
        tools.mkdir()
        (tools / "ieum").write_text(_IEUM)
        (tools / "ieum").chmod(0o755)
        clean = shutil.ignore_patterns("node_modules", "dist", "build", "*.egg-info", "__pycache__")
        shutil.copytree(ROOT / "clients", folder / "clients", ignore=clean)
        python = Path(sys.executable).parent
        self._environment = {
            **os.environ,
            **environment,
            "ROOT": str(ROOT),
            "PYTHON": sys.executable,
            # An environment of its own, with what the client needs there already.
            "PIP_TARGET": str(folder / "own"),
            "PIP_NO_DEPS": "1",
            "PYTHONPATH": str(folder / "own"),
            "PATH": f"{tools}:{folder / 'own' / 'bin'}:{python}:{os.environ['PATH']}",
            "npm_config_audit": "false",
            "npm_config_fund": "false",
        }

    def does(self, language: str, text: str) -> str:
        """What a block prints. Raises AssertionError where it does not end well."""
        text = text.replace(_URL, self._url)
        if _CREDENTIAL in text:
            [credential] = re.findall(r"credential=(\S+)", "".join(self.said))
            text = text.replace(_CREDENTIAL, credential)
        if _RECEIPT in text:
            text = text.replace(_RECEIPT, re.findall(r'"receipt":"([\d-]{19})"', "".join(self.said))[-1])
        match language:
            case "sh":
                # Variables go on from block to block, as in the reader's terminal.
                command = ["bash", "-euc", f". ./variables\n{text}\ndeclare -p IEUM_CREDENTIAL > variables || true"]
                (self._folder / "variables").touch()
            case "python":
                (self._folder / "report.py").write_text(text)
                command = ["bash", "-euc", ". ./variables; export IEUM_CREDENTIAL; python report.py"]
            case "ts":
                (self._folder / "report.mts").write_text(text)
                return ""
            case _:
                raise AssertionError(f"a block of {language}: nothing says how it is run")
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        if done.returncode and re.search(r"\b(?:pip|npm|npx) ", text):
            skip_without_network(done.stdout + done.stderr, "the tutorial")
        assert done.returncode == 0, f"{text}\nfailed:\n{(done.stdout + done.stderr)[-3000:]}"
        self.said.append(done.stdout)
        return done.stdout
