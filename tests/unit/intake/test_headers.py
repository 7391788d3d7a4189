"""The Idempotency-Key as the IETF draft writes it, and as most front ends do."""

import pytest
from starlette.requests import Request

from services.intake.dependencies import IdempotencyKey
from shared.web.problems import Problem

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"


async def key_of(*keys: str) -> str | None:
    headers = [(b"idempotency-key", key.encode()) for key in keys]
    return await IdempotencyKey("")(Request({"type": "http", "headers": headers}))


@pytest.mark.parametrize("given", [KEY, f'"{KEY}"', f' "{KEY}" '])
async def test_quoted_or_not_it_is_the_same_key(given: str) -> None:
    assert await key_of(given) == KEY


async def test_there_may_be_none() -> None:
    assert await key_of() is None


@pytest.mark.parametrize("given", ["", '"', '""', f'"{KEY}', f'{KEY}"', f'""{KEY}""', "short", f"{KEY},{KEY}", KEY * 4])
async def test_another_form_is_refused(given: str) -> None:
    with pytest.raises(Problem) as refused:
        await key_of(given)
    [error] = refused.value.errors
    assert (refused.value.status_code, error.field, error.reason) == (400, "Idempotency-Key", "wrong_form")


@pytest.mark.parametrize("keys", [(KEY, KEY), (KEY, f"{KEY}x")])
async def test_two_of_them_are_refused_even_if_they_are_alike(keys: tuple[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        await key_of(*keys)
    assert [(error.field, error.reason) for error in refused.value.errors] == [("Idempotency-Key", "duplicate_header")]
