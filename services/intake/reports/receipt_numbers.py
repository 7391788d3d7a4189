"""Receipts: 15 digits and a check digit, written in fours, sayable on the phone.

The check digit is Damm's: it catches every single wrong digit and every swap of neighbours. Source: H. M. Damm,
"Total anti-symmetrische Quasigruppen" (2004), table of order 10.
"""

import re
from typing import Final

from services.intake.submissions.text import normalised

DIGITS: Final = 16
_PAYLOAD: Final = DIGITS - 1
SPACE: Final = 10**_PAYLOAD
"""How many receipts there are."""

_TABLE = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015\u2212.]+")
_FORM = re.compile(r"[0-9]{16}")


def check_digit(digits: str) -> int:
    """The digit that makes ``digits`` followed by it valid."""
    interim = 0
    for digit in digits:
        interim = _TABLE[interim][int(digit)]
    return interim


def from_number(number: int) -> str:
    """The receipt of a number below ``SPACE``: 16 digits without separators."""
    if not 0 <= number < SPACE:
        raise ValueError("the number is outside the space of receipts")
    payload = f"{number:0{_PAYLOAD}d}"
    return f"{payload}{check_digit(payload)}"


def shown(receipt: str) -> str:
    """A receipt or code in fours: ``1234-5678-9012-3456``."""
    return "-".join(receipt[start : start + 4] for start in range(0, len(receipt), 4))


CODE_DIGITS: Final = 12
"""Of a code for taking a report over: fewer than a receipt has, so that nobody takes one for the other."""
CODE_SPACE: Final = 10 ** (CODE_DIGITS - 1)


def code_from_number(number: int) -> str:
    """The code of a number below ``CODE_SPACE``, with its check digit: 12 digits without separators."""
    payload = f"{number:0{CODE_DIGITS - 1}d}"
    return f"{payload}{check_digit(payload)}"


def read_code(typed: str) -> str | None:
    """The 12 digits of what a person typed, or None where that is no code."""
    digits = _BETWEEN.sub("", normalised(typed).strip())
    fits = len(digits) == CODE_DIGITS and digits.isascii() and digits.isdigit() and check_digit(digits) == 0
    return digits if fits else None


def read(typed: str) -> str | None:
    """The 16 digits of what a person typed, or None where that is no receipt. Spaces and hyphens do not matter."""
    digits = _BETWEEN.sub("", normalised(typed).strip())
    if not _FORM.fullmatch(digits) or check_digit(digits) != 0:
        return None
    return digits
