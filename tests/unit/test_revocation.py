"""What was revoked is over everywhere within seconds (decision 7): how often each service asks, without waiting."""

import importlib
from pathlib import Path
from typing import Any, Final

import pytest

from services.notify.console.broadcaster import ConsoleBroadcaster
from shared.clock import SystemClock
from shared.identity.source import Identity
from shared.jobs import Jobs, Work
from shared.settings import KafkaSettings, StoreSettings, load
from tools.local import keys
from tools.local.settings import SERVICES

SECONDS: Final = 5
"""Within seconds: so long a revoked session, an open stream or a replaced credential may still count."""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[float, Work]]:
    """The periodic work of the services that are built, by its name: how often, and what."""
    added: dict[str, tuple[float, Work]] = {}

    def every(jobs: Jobs, seconds: float, name: str, work: Work, **_: object) -> None:
        del jobs
        added[name] = seconds, work

    monkeypatch.setattr(Jobs, "every", every)
    for name, value in keys.ensure(tmp_path).items():
        monkeypatch.setenv(name, value)
    return added


def built(service: str) -> Any:
    main = importlib.import_module(f"services.{service}.main")
    settings = getattr(importlib.import_module(f"services.{service}.settings"), f"{service.title()}Settings")
    return main.build(load(settings), load(KafkaSettings), load(StoreSettings), SystemClock())


@pytest.mark.parametrize("service", SERVICES)
async def test_an_ended_session_is_over_in_every_service_within_seconds(
    jobs: dict[str, tuple[float, Work]], service: str
) -> None:
    made = built(service)
    if service == "intake":
        made._add_jobs()
    pace, work = jobs["identity"]
    assert getattr(work, "__func__", None) is Identity.refresh
    assert pace <= SECONDS


async def test_a_console_that_is_open_is_closed_within_seconds_of_the_end_of_its_session(
    jobs: dict[str, tuple[float, Work]],
) -> None:
    built("notify")
    pace, work = jobs["sign-outs"]
    assert getattr(work, "__func__", None) is ConsoleBroadcaster.check_sign_ins
    assert jobs["identity"][0] + pace <= SECONDS


async def test_a_replaced_secret_or_disabled_front_end_is_refused_within_seconds(
    jobs: dict[str, tuple[float, Work]],
) -> None:
    intake = built("intake")
    intake._add_jobs()
    pace, work = jobs["clients"]
    assert work == intake.clients.keep_fresh
    assert pace <= SECONDS
