"""How long to wait before trying again. Pure."""

from typing import Final

FIRST_SECONDS: Final = 0.1
MOST_SECONDS: Final = 20.0


def backoff(attempt: int, chance: float) -> float:
    """Seconds before attempt ``attempt + 1`` (the first failure is attempt 1): doubled each time, capped, and spread.

    ``chance`` from 0 to 1 spreads the wait over its upper half, so that processes that failed together do not retry
    together.
    """
    return min(MOST_SECONDS, FIRST_SECONDS * (1 << min(attempt - 1, 20))) * (0.5 + 0.5 * chance)
