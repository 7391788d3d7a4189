"""The state that a launcher leaves for `ieum status`, and for `make up`, which waits for it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.waiting import eventually_blocking
from tools.local import stack
from tools.local.settings import LocalSettings
from tools.local.stack import Stack
from tools.local.state import State
from tools.local.supervisor import Supervisor


def test_that_everything_is_up_is_told_at_once_without_asking_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LocalSettings.on_free_ports(tmp_path / "var").model_copy(
        update={"kafka_bootstrap_servers": "k:1", "mongodb_uri": SecretStr("mongodb://m"), "smtp_host": "mail"}
    )
    nothing = Stack(settings, say=lambda _: None, services=())

    def phase() -> str | None:
        state = nothing.run_folder.read()
        return state.phase if state is not None else None

    def start(_: Supervisor, __: float) -> None:
        eventually_blocking(lambda: phase() == "starting", "the state of a start")

    known: list[Mapping[str, int]] = []

    def state(ready: Mapping[str, int]) -> State:
        known.append(ready)
        return Stack.state(nothing, ready)

    monkeypatch.setattr(stack, "_STATE_EVERY_S", 3600.0)
    monkeypatch.setattr(nothing, "state", state)
    monkeypatch.setattr(Supervisor, "pids", {"one": 7})
    monkeypatch.setattr(Supervisor, "start", start)
    try:
        nothing.start()
        eventually_blocking(lambda: phase() == "up", "the state of what is up")
        assert known == [{}, {"one": 7}]
    finally:
        nothing.stop()
