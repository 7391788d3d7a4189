"""What may be done with a case when, to read at a glance: the state machine as a table, checked against the decisions.

``yes``, or the code of the refusal that whoever acts for the owning centre gets under the present ownership. Whoever
saw an older ownership gets ``owner_changed``, whoever's case it never was ``not_allowed``, whatever the state.
"""

from enum import StrEnum
from typing import Final


class Situation(StrEnum):
    """Where a case stands, for what may be done with it."""

    WAITING = "waiting"
    """Nobody at the centre has acknowledged it."""
    ACKNOWLEDGED = "acknowledged"
    """By a colleague."""
    UNREAD = "unread"
    """Acknowledged, and something new has come since."""
    MOVING = "moving"
    """Another centre has accepted it; routing has not moved it yet."""
    CLOSING = "closing"
    REOPENING = "reopening"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


_TEXT: Final = """
act               waiting           acknowledged          unread  moving                closing               reopening  closed  withdrawn
acknowledge       yes               already_acknowledged  already_acknowledged  already_acknowledged  already_acknowledged  ended      ended   ended
assign            not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
contact           not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
support           not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
request_deletion  not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
move_deletion     not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
refer             not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
join              not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
part              not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
offer             not_acknowledged  yes                   yes     moving                closing               ended      ended   ended
close             not_acknowledged  yes                   unread  moving                closing               ended      ended   ended
reopen            not_ended         not_ended             not_ended  moving             closing               reopening  yes     ended
open_details      yes               yes                   yes     yes                   yes                   yes        yes     withdrawn
"""  # noqa: E501  # a table is read in columns


def _read() -> dict[str, dict[Situation, str]]:
    head, *lines = [line.split() for line in _TEXT.strip().splitlines()]
    columns = [Situation(name) for name in head[1:]]
    return {line[0]: dict(zip(columns, line[1:], strict=True)) for line in lines}


TABLE: Final = _read()
EVENTS: Final = {
    "acknowledge": "case.acknowledged",
    "assign": "case.assigned",
    "contact": "case.contacted",
    "support": "case.supported",
    "request_deletion": "case.supported",
    "refer": "case.referred",
    "join": "case.assigned",
    "offer": "case.transfer_offered",
    "close": "case.closed",
    "reopen": "case.reopened",
}
"""What the bus hears of an act that counts; of the others, nothing. Only if something changes that it knows of."""
