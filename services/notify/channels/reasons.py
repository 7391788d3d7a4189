"""Short codes for messages that nobody tried to send, and for those a closed circuit kept back."""

from typing import Final

TOO_LATE: Final = "too_late"
SPARED: Final = "spared"
NOT_SENT: Final = frozenset({TOO_LATE, SPARED})
"""Reasons of messages nobody tried to send: there is nothing to record about them."""
CIRCUIT_OPEN: Final = "circuit_open"
"""The channel failed again and again and is left alone for a while; that is recorded as a failure."""
