"""When a process that ended is started again."""

FIRST_S = 0.2
LONGEST_S = 30.0
HEALTHY_AFTER_S = 30.0
"""A process that ran this long counts as well: its next end is its first again."""


def next_failures(failures: int, ran_s: float) -> int:
    """Return how many ends in a row this one makes."""
    return 1 if ran_s >= HEALTHY_AFTER_S else failures + 1


def delay(failures: int) -> float:
    """Seconds to wait before the next start, after so many ends in a row (from 1): doubles up to a limit."""
    if failures < 1:
        return 0.0
    return min(FIRST_S * 2.0 ** min(failures - 1, 16), LONGEST_S)
