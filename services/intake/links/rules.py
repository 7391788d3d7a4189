"""Decide which reports belong together: the same address, the same file, the same offender's account. Pure.

Each becomes a keyed digest that never leaves intake; nobody who reads the store can try addresses without the key, and
no digest says what it is of. Drills have digests of their own, so that none is ever linked to a real report.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from services.intake.encryption.keys import KeyedDigests
from services.intake.links.addresses import normal_address

MOST_LINKED: Final = 10
"""Newest reports named as linked; whoever helps looks at the newest first, and each of them names older ones."""
MOST_DIGESTS: Final = 100
"""Of one report, additions included; the oldest are kept. A submission brings at most 50."""
SHORTEST_HANDLE: Final = 5
"""Characters. Shorter names are shared by many people, three syllables of a Korean name among them."""

_DIGEST_BYTES: Final = 16
"""128 bits: no two things will share one by chance."""
_EMPTY_FILE: Final = hashlib.sha256(b"").hexdigest()
_PLATFORMS: Final = (
    r"telegram|텔레그램|텔레|tg|instagram|insta|인스타그램|인스타|ig|twitter|트위터|x|kakaotalk|kakao|카카오톡|카톡|discord|디스코드|line|라인"
    r"|snapchat|스냅챗|facebook|페이스북|페북|fb|tiktok|틱톡|signal|시그널|session|세션"
)
_NAMED_PLATFORM: Final = re.compile(
    rf"^(?:{_PLATFORMS})(?:\s*(?:id|아이디|계정))?(?:\s*[:/：]\s*|\s+)(?=\S)", re.IGNORECASE
)
_PROFILE: Final = re.compile(
    r"^(?:t\.me|instagram\.com|x\.com|facebook\.com|tiktok\.com|threads\.net|threads\.com|snapchat\.com/add"
    r"|line\.me/ti/p|discord\.gg|discord\.com/users|open\.kakao\.com/o)/(@?[^/?#]+)$"
)
_PHONE: Final = re.compile(r"^\+?[(0-9][0-9\s().-]{7,20}$")
_SPACES: Final = re.compile(r"\s+")
_INVISIBLE: Final = re.compile(r"[\u200b-\u200f\u2060\ufeff]")


def _digest(keys: KeyedDigests, kind: str, value: str, *, synthetic: bool) -> str:
    """HMAC-SHA256 of one thing, cut to 128 bits, hex."""
    # No part of its own, whose length would go in: older reports would no longer be found.
    return keys.mac(f"link {'drill ' if synthetic else ''}{kind}\x00{value}")[:_DIGEST_BYTES].hex()


def digests_of(keys: KeyedDigests, parts: Mapping[str, Any], *, synthetic: bool) -> tuple[str, ...]:
    """The digests of ``urls``, ``fingerprints`` and ``offender_handles`` of a submission or an addition, each once."""
    found = dict.fromkeys(
        _digest(keys, kind, value, synthetic=synthetic)
        for kind, value in (
            *(("address", normal_address(url)) for url in parts.get("urls") or ()),
            *(("file", _file(print_)) for print_ in parts.get("fingerprints") or ()),
            *(_handle(handle) for handle in parts.get("offender_handles") or ()),
        )
        if value is not None
    )
    return tuple(found)


def merged(known: Sequence[str], new: Iterable[str]) -> list[str]:
    """A report's digests after an addition."""
    return list(dict.fromkeys((*known, *new)))[:MOST_DIGESTS]


def newest(found: Iterable[str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """The linked reports as published: those found now, newest first, then those known, without repeats."""
    return tuple(dict.fromkeys((*found, *known)))[:MOST_LINKED]


def normal_handle(typed: str) -> str | None:
    """An offender's account name, phone number or mail address in one form; None where it says too little.

    The platform is left out: people forget it, and offenders use one name on several. A profile's address counts as
    the name in it.
    """
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", typed)).strip()
    address = normal_address(plain if "://" in plain else f"https://{plain}") if "/" in plain else None
    profile = _PROFILE.match(address) if address is not None else None
    if profile is not None:
        plain = profile[1]
    elif "://" in plain:
        return f"address {address}" if address is not None else None
    elif _PHONE.match(plain):
        digits = "".join(character for character in plain if character.isdigit())
        return "phone " + (f"0{digits[2:].removeprefix('0')}" if digits.startswith("82") else digits)
    plain = _NAMED_PLATFORM.sub("", plain).lstrip("@").casefold()
    plain = _SPACES.sub(" ", plain).strip()
    return plain if len(plain) >= SHORTEST_HANDLE and not plain.endswith(":") else None


def _handle(typed: str) -> tuple[str, str | None]:
    plain = normal_handle(typed)
    kind, _, address = (plain or "").partition(" ")
    return ("address", address) if kind == "address" and "/" in address else ("handle", plain)


def _file(fingerprint: str) -> str | None:
    return None if fingerprint == _EMPTY_FILE else fingerprint
