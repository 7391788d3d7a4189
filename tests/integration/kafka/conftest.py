"""In these tests the bus runs inside the test's own process, which must not end; that it wanted to is a failure."""

from collections.abc import Iterator
from typing import NoReturn

import pytest

from shared import process


class EndedError(RuntimeError):
    """Raised where the process would be gone."""


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the process wanted to end for; a test that expects it empties the list."""
    reasons: list[str] = []

    def die(event: str, error: BaseException | None = None, **fields: object) -> NoReturn:
        reasons.append(f"{event}: {error!r} {fields}")
        raise EndedError(event) from error

    monkeypatch.setattr(process, "die", die)
    yield reasons
    assert reasons == []
