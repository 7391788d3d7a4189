"""Client of Ieum's intake API for front ends, and the checks a server of that API has to pass."""

from ieum_client.callbacks import verify_callback
from ieum_client.calls import RetryPolicy, new_idempotency_key
from ieum_client.client import AsyncClient, Client
from ieum_client.errors import (
    FieldError,
    IeumError,
    NotGenuineError,
    NotReachedError,
    RefusedError,
    UnexpectedAnswerError,
)
from ieum_client.rate_limit import RateLimit

__all__ = [
    "AsyncClient",
    "Client",
    "FieldError",
    "IeumError",
    "NotGenuineError",
    "NotReachedError",
    "RateLimit",
    "RefusedError",
    "RetryPolicy",
    "UnexpectedAnswerError",
    "new_idempotency_key",
    "verify_callback",
]
