"""The back-off between retries. Pure."""

from typing import Final

FIRST_SECONDS: Final = 0.1
MOST_SECONDS: Final = 20.0


def backoff(attempt: int, chance: float, most: float = MOST_SECONDS, first: float = FIRST_SECONDS) -> float:
    """Return the seconds before attempt ``attempt + 1`` (the first failure is attempt 1).

    It starts at ``first`` and doubles up to ``most``. ``chance`` from 0 to 1 spreads the wait over its upper half, so
    that processes that failed together do not retry together.
    """
    return min(most, first * (1 << min(attempt - 1, 20))) * (0.5 + 0.5 * chance)
