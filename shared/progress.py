"""How far long work is: whoever does it says so, whoever started it may show it."""

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Takes how much is done, and of how much where that is known."""


def silent(done: int, total: int | None) -> None:
    """Show nothing."""
    del done, total
