"""Where the doctor looks."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tools.doctor import look
from tools.local.settings import LocalSettings
from tools.local.state import State


async def test_public_addresses_are_those_that_people_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind an ingress a service may answer on this machine and be reached by nobody."""
    asked: dict[str, str] = {}

    async def unreachable(http: httpx.AsyncClient, urls: Mapping[str, str]) -> dict[str, str]:
        assert "authorization" not in http.headers, "the token of metrics is for this machine's processes"
        asked.update(urls)
        return {}

    async def topics(_: object) -> list[str]:
        return []

    monkeypatch.setattr(look, "_unreachable", unreachable)
    monkeypatch.setattr(look, "_topics", topics)
    public = {"intake": "https://report.example", "notify": "https://report.example:8443"}
    environment = {"IEUM_PUBLIC_URLS": json.dumps(public), "IEUM_METRICS_TOKEN": "secret"}
    await look.look(LocalSettings(var_dir=tmp_path), State(1, "up", "now"), environment)
    assert asked == public
