import pytest

from services.intake import concurrency
from services.intake.concurrency import Attempts


async def test_attempts_are_numbered_pause_longer_and_longer_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(concurrency, "sleep", sleep)
    monkeypatch.setattr("random.random", lambda: 1.0)
    assert [number async for number in Attempts(7)] == list(range(7))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.02, 0.2)
