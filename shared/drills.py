"""What tells a drill that notify begins from one that a front end sends."""

from typing import Final

KEY_PREFIX: Final = "drill:"
"""What the idempotency key of a drill begins with that notify begins, by the calendar or by its button."""
