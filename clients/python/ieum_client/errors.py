"""Why a call came to nothing. No error holds what a person wrote, a receipt or the credential."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ieum_client.rate_limit import RateLimit


class FieldError(NamedTuple):
    """One refused field. ``reason`` is stable; ``detail`` may be shown; ``allowed`` are values that do."""

    field: str
    reason: str
    detail: str
    allowed: tuple[str, ...]


class IeumError(Exception):
    """Every error of this package."""


class RefusedError(IeumError):
    """The server said no, or stayed busy. ``code`` is stable, and explained at ``/problems``."""

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, retry_after: float | None, rate_limit: RateLimit | None
    ) -> None:
        """``problem`` is the problem document (RFC 9457); empty where the answer was none."""
        self.status: Final = status
        self.code: Final = _text(problem, "code") or "unknown"
        self.detail: Final = _text(problem, "detail")
        """A sentence for the person, in the language of the client."""
        self.errors: Final = tuple(_field_errors(problem.get("errors")))
        self.trace_id: Final = _text(problem, "trace_id")
        """Say it when you ask about this answer."""
        self.retry_after: Final = retry_after
        """Seconds after which the same request may be sent again with the same key, where the server said so."""
        self.rate_limit: Final = rate_limit
        super().__init__(f"{status} {self.code}")


class NotReachedError(IeumError):
    """No answer came, again and again. Nothing is known of the request.

    A report, message, addition or hand-over is sent again later with the same key: it is stored once. After any other
    call, ask for the status first. Meanwhile show the person 1366 and 112.
    """


class UnexpectedAnswerError(IeumError):
    """The server, or something on the way to it, answered what the API does not say. Act as after NotReachedError."""


class NotGenuineError(IeumError):
    """A callback that the server did not sign with your secret, or signed long ago. Answer 400 and do nothing."""


def _field_errors(found: object) -> list[FieldError]:
    entries = [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []
    return [
        FieldError(
            _text(entry, "field"), _text(entry, "reason"), _text(entry, "detail"), _allowed(entry.get("allowed"))
        )
        for entry in entries
    ]


def _allowed(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _text(found: Mapping[str, Any], name: str) -> str:
    text = found.get(name)
    return "" if text is None else str(text)
