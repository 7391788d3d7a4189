"""What a person types behind `make` reaches the command as it was typed."""

import os
import shutil
import subprocess

import pytest

from tools.local.processes import PROJECT


@pytest.mark.skipif(shutil.which("make") is None, reason="left out: make is not installed")
def test_the_reasons_for_a_revision_may_have_apostrophes_and_quotes() -> None:
    """They are published: a shell that ends a word at an apostrophe refuses them, or leaves some of them out."""
    why = {"KO": "센터의 '시간' \"정정\"", "EN": "the centre's hours were \"typed\" as a year's; $HOME and `id` stay"}
    given = [f"{name}={text.replace('$', '$$')}" for name, text in why.items()]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "revise", "MONTH=2026-11", *given, "PY=printf '<%s>'"]
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=True)
    assert f"<--why-ko><{why['KO']}><--why-en><{why['EN']}>" in done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="left out: make is not installed")
@pytest.mark.parametrize("target", ["redrive", "republish", "revise", "client", "callback", "verify-backup", "restore"])
def test_a_command_that_lacks_what_it_is_about_says_how_it_is_called(target: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", target, "PY=true"], cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )
    assert f"say which: make {target} " in done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="left out: make is not installed")
@pytest.mark.parametrize("target", ["backup", "verify-backup", "forecast", "restore"])
def test_where_backups_and_their_keys_are_is_left_to_the_command_unless_it_is_said(target: str) -> None:
    """It knows ``IEUM_VAR_DIR``."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", target, "FROM=archive", "NO_REGISTER=1", "PY=printf '<%s>'"]
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=True)
    assert "<tools.backup>" in done.stdout
    assert "var/" not in done.stdout
    given = [*command, "KEYS=/media/the keys"]
    done = subprocess.run(given, cwd=PROJECT, env=env, capture_output=True, text=True, check=True)
    assert "<--keys></media/the keys>" in done.stdout
