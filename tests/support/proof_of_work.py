"""Solve the puzzles of the form's proof of work, as the page's script does."""

import hashlib
from itertools import count

from services.intake.rate_limits.proof_of_work import BITS, PUZZLES, seed_of


def solve(challenge: str) -> str:
    """The answer to a challenge: for each puzzle the first number whose hash begins with enough zero bits."""
    return ",".join(str(_first_number(f"{seed_of(challenge)}.{index}")) for index in range(PUZZLES))


def _first_number(seed: str) -> int:
    found = (number for number in count() if _is_solved(hashlib.sha256(f"{seed}.{number}".encode()).digest()))
    return next(found)


def _is_solved(digest: bytes) -> bool:
    return int.from_bytes(digest[:4], "big") >> (32 - BITS) == 0
