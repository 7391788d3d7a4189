"""How long to wait before trying again. Pure."""

from typing import Final

FIRST_SECONDS: Final = 0.1
MOST_SECONDS: Final = 20.0


def backoff(attempt: int, chance: float, most: float = MOST_SECONDS) -> float:
    """Seconds before attempt ``attempt + 1`` (the first failure is attempt 1): doubled each time, capped, and spread.

    ``most`` is the cap. ``chance`` from 0 to 1 spreads the wait over its upper half, so that processes that failed
    together do not retry together.
    """
    return min(most, FIRST_SECONDS * (1 << min(attempt - 1, 20))) * (0.5 + 0.5 * chance)
