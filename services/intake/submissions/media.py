"""Recognises the bytes of a picture, film or sound in a normalised text: as base64, base85, hex, decimal or raw. Pure.

Three signs: a data address, the first bytes of a known kind of file, or a long dense run of encoded bytes. Separators
between pieces do not matter: the first bytes are looked for in what is left without them.
"""

import re
from collections.abc import Callable
from typing import Final

_KEPT: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_SEPARATORS: Final = bytes(sign for sign in range(128) if sign not in _KEPT)
_SPACE: Final = b" \t\r\n"

_FIRST_WORDS: Final = (b"iVBORw0KGg", b"R0lGOD", b"UklGR", b"GZ0eX", b"GkXfo", b"T2dnUw", b"JVBERi0x", b"UEsDB")
_FIRST_BYTES: Final = re.compile(
    rb"iVBORw0KGgo"  # PNG
    rb"|R0lGOD[dl]h"  # GIF
    rb"|UklGR[A-Za-z0-9+/_-]{11}"  # RIFF: WebP, AVI, WAV
    rb"|AAAA[A-Z]GZ0eX"  # ISO media: MP4, MOV, HEIC, AVIF
    rb"|GkXfo[w-z01]"  # EBML: WebM, Matroska
    rb"|T2dnUw[AC]|JVBERi0x|UEsDB[AB]"  # Ogg, PDF, ZIP
)
_JPEG: Final = re.compile(rb"[/_]9j[/_](?:4|2w|7)[A-Za-z0-9+/_-]{12}")
_SHORT_FIRST_BYTES: Final = re.compile(
    rb"(?<![A-Za-z0-9+/_-])(?:"
    rb"(?:SUkqA|TU0AK|SUQz[AB])[A-Za-z0-9+/_-]{24}"  # TIFF, MP3
    rb"|Qk[0-3][A-Za-z0-9+/_-]{48})"  # BMP
)
_SHORT_FIRST_WORDS: Final = (b"SUkqA", b"TU0AK", b"SUQz", b"Qk")
"""Too short to be believed in the middle of something."""

_HEX_WORDS: Final = (
    b"89504e47",
    b"ffd8ff",
    b"1a45dfa3",
    b"47494638",
    b"52494646",
    b"66747970",
    b"25504446",
    b"504b0304",
)
_HEX: Final = re.compile(
    rb"89504e470d0a1a0a"
    rb"|ffd8ff(?:e0|e1|db|ee)(?:[0-9a-f]{16}|[0-9a-f]{4}(?:jfif|exif))"
    rb"|1a45dfa3[0-9a-f]{16}"
    rb"|474946383[79]61"
    rb"|52494646[0-9a-f]{8}(?:57454250|41564920|57415645)"
    rb"|000000[0-9a-f]{2}66747970"
    rb"|255044462d31|504b0304[0-9a-f]{16}"
)
_DECIMALS: Final = (b"13780787113102610", b"255216255224", b"255216255225", b"255216255219", b"717370565597")
"""The same as lists of numbers: PNG, JPEG, GIF."""
_RAW: Final = (b"89PNG0D0A1A", b"89PNGrn", b"GIF89a", b"GIF87a")
"""The same in escapes, and the one whose first bytes are letters."""
MISREAD: Final = ("‰PNG", "\ufffdPNG", "ÿØÿ")
"""The same read as letters of a Latin alphabet."""
_BASE85_WORDS: Final = (b"iBL{Q", b"|JeW", b"M@dFF", b"Qb|Te", b"M,6r;", b"s4IA", b"7nH00", b";Fs>I")
_BASE85: Final = re.compile(
    rb"(?:iBL\{Q4GJ0x|\|JeW[A-G]|M@dFF|Qb\|TeB|M,6r;%14!|s4IA[+01]|7nH00|;Fs>I)[!-~]{16}",  # PNG, JPEG, GIF, RIFF
)
_BASE32_WORDS: Final = (b"RFIE4RYNBI", b"77MP7Y", b"77MP7W")
_BASE32: Final = re.compile(rb"(?:RFIE4RYNBI|77MP7[YW])[A-Z2-7]{16}")
_DATA: Final = re.compile(rb"data:(?:image|video|audio|application|font|text)/[a-z0-9.+-]+[;,]|data:[^,]{0,100};base64")
_DRAWING: Final = re.compile(rb"<svg[\s>]|svgxmlns")
_UUENCODED: Final = re.compile(rb"begin(?:-base64)? [0-7]{3} \S", re.IGNORECASE)


def _classes(of: Callable[[str], str]) -> bytes:
    return bytes(ord(of(chr(sign))) for sign in range(128)) + bytes(128)


_CASES: Final = _classes(
    lambda sign: "a" if sign.islower() else "A" if sign.isupper() else "0" if sign.isdigit() else sign
)
_CHANGES: Final = (b"aA", b"a0", b"A0", b"0a", b"0A")
"""Between letters and digits, and from small to capital: rare in words, four in ten signs of encoded bytes."""
_NO_CHANGES: Final = b"? .,"
_FEWEST_CHANGES: Final = 2
"""First bytes of a file have as many, in any coding by letters."""
_SIGN_CLASSES: Final = _classes(lambda sign: "a" if sign.isalnum() or sign == "?" else " ")
_SINGLE_SIGNS: Final = b" a a a a a a a a "
_RUN_CHANGES: Final = 30
_STRETCH: Final = 1024
_OVERLAP: Final = 400
_HEX_CLASSES: Final = _classes(
    lambda sign: "h" if sign in "0123456789abcdefABCDEFxX" or not (sign.isalpha() or sign == "?") else "z"
)
_HEX_STRETCH: Final = b"h" * 144
_NUMBER_CLASSES: Final = _classes(lambda sign: "0" if sign.isdigit() or sign in ",; \t\r\n" else "x")
_NUMBER_STRETCH: Final = b"0" * 192
_BIT_CLASSES: Final = _classes(lambda sign: "b" if sign in "01" else "x")
_BYTE: Final = b"b" * 8

_RUN_LENGTH: Final = 200
_LINK_RUN_LENGTH: Final = 800
"""Links carry signed tokens of several hundred characters; prose does not."""
_DISTINCT: Final = 16
"""A drawn line or a scream repeats few characters; encoded bytes do not."""
_DISTINCT_PUNCTUATED: Final = 40
_RUN: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_RUN_LENGTH},}}")
_LINK_RUN: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_LINK_RUN_LENGTH},}}")
_WRAPPED_RUN: Final = re.compile(r"(?<![A-Za-z0-9+/_=-])(?:[A-Za-z0-9+/_-]{56,}\s+){3,}[A-Za-z0-9+/_-]{8,}")
_PUNCTUATED_RUN: Final = re.compile(r"[!-~]{120,}")
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_CHANGE: Final = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[0-9])|[0-9](?=[A-Za-z])")
_DENSE: Final = 80
_DENSE_LENGTH: Final = 400
"""So many changes in so many signs: 16 gift card codes or six wallet addresses in a row have fewer."""
_FINGERPRINT: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32})(?![0-9A-Za-z])")
_FINGERPRINTS: Final = 20
_PAIRS: Final = re.compile(
    r"(?:(?:0x|\\?x|[%=&#])?[0-9A-Fa-f]{2}[^0-9A-Za-z]{1,3}+){64}|(?:(?:0x|\\x|%|=)[0-9A-Fa-f]{2}){48}",
    re.IGNORECASE,
)
"""Signs between two pairs are never given back: as part of the next pair they could be read in two ways, a text of 60
pairs in 2^60."""
_NUMBERS: Final = re.compile(r"(?:[0-9]{1,3}[,;\s]\s{0,2}){96}")
_BITS: Final = re.compile(r"(?:[01]{8}[\s,]{0,2}){32}")
_FEWEST_DIGITS: Final = 30
_DIGITS: Final = b"0123456789"
_HEX_LETTERS: Final = frozenset("abcdef")
_FEWEST_HEX_LETTERS: Final = 4
_DISTINCT_NUMBERS: Final = 32


def found_in(plain: str, letters: bytes, *, link: bool = False, rare: bool = True) -> bool:
    """Return whether a normalised text holds such bytes.

    ``letters`` is the text in ASCII with question marks for all else; bytes are searched many times faster.
    ``link``: the text is an address. Not ``rare``: it has nothing of ``MISREAD``.
    """
    return (
        _is_encoded(plain, letters, link=link)
        or _is_marked_up(letters)
        or (not link and (_is_misread(plain, letters, rare=rare) or _lists_bytes(plain, letters)))
    )


def _is_encoded(plain: str, letters: bytes, *, link: bool) -> bool:
    # Neighbours of what is left out count as changes too: too many are no harm here, and most of a text is left out.
    reports = sum(map(letters.translate(_CASES, _NO_CHANGES).count, _CHANGES))
    if reports < _FEWEST_CHANGES and _SINGLE_SIGNS not in letters.translate(_SIGN_CLASSES):
        return False
    return _has_first_bytes(letters) or (
        reports >= _RUN_CHANGES and _may_be_dense(letters.translate(_CASES)) and _is_dense(plain, link=link)
    )


def _is_marked_up(letters: bytes) -> bool:
    small = letters.lower()
    if b"data" in small and _DATA.search(small.translate(None, _SPACE).replace(b"%3b", b";").replace(b"%2f", b"/")):
        return True
    return b"svg" in small and _DRAWING.search(small) is not None


def _is_misread(plain: str, letters: bytes, *, rare: bool) -> bool:
    if b"begin" in letters.lower() and _UUENCODED.search(letters):
        return True
    return rare and not plain.isascii() and any(sign in plain for sign in MISREAD)


def _may_be_dense(cases: bytes) -> bool:
    """Return whether one stretch has the changes, and not only the text as a whole."""
    return any(
        sum(cases.count(change, at, at + _STRETCH + _OVERLAP) for change in _CHANGES) >= _RUN_CHANGES
        for at in range(0, len(cases), _STRETCH)
    )


def _has_first_bytes(letters: bytes) -> bool:
    joined = letters.translate(None, _SEPARATORS)
    if (
        (_holds(joined, _FIRST_WORDS) and _FIRST_BYTES.search(joined))
        or (b"9j" in joined and _JPEG.search(joined))
        or (_holds(letters, _SHORT_FIRST_WORDS) and _SHORT_FIRST_BYTES.search(letters))
        or _holds(joined, _RAW)
        or (_holds(letters, _BASE85_WORDS) and _BASE85.search(letters.translate(None, _SPACE)))
        or (_holds(joined, _BASE32_WORDS) and _BASE32.search(joined))
    ):
        return True
    lower = joined.lower()
    written = (lower, lower.replace(b"0x", b""), lower.replace(b"x", b"")) if b"x" in lower else (lower,)
    return any(_holds(one, _HEX_WORDS) and _HEX.search(one) for one in written)


def _holds(text: bytes, words: tuple[bytes, ...]) -> bool:
    # No any(): for short texts, and most are, it would cost more than the search; a pattern more for long ones.
    for word in words:  # noqa: SIM110  # as said above
        if word in text:
            return True
    return False


def _is_dense(plain: str, *, link: bool) -> bool:
    """Return whether a stretch of a text is encoded bytes, in one run or in pieces."""
    if link:
        return any(len(set(run)) >= _DISTINCT for run in _LINK_RUN.findall(plain))
    for address in _ADDRESS.findall(plain):
        if any(len(set(run)) >= _DISTINCT for run in _LINK_RUN.findall(address)):
            return True
    plain = _ADDRESS.sub(" ", plain)
    prints = len(_FINGERPRINT.findall(plain))
    if 0 < prints <= _FINGERPRINTS:
        plain = _FINGERPRINT.sub(" ", plain)
    if any(len(set(run)) >= _DISTINCT for run in (*_RUN.findall(plain), *_WRAPPED_RUN.findall(plain))):
        return True
    if any(len(set(run)) >= _DISTINCT_PUNCTUATED for run in _PUNCTUATED_RUN.findall(plain)):
        return True
    at = [change.start() for change in _CHANGE.finditer(plain)]
    return any(last - first <= _DENSE_LENGTH for first, last in zip(at, at[_DENSE - 1 :], strict=False))


def _lists_bytes(plain: str, letters: bytes) -> bool:
    """Return whether bytes are written one by one: in hex, as numbers, as bits."""
    if len(letters) - len(letters.translate(None, _DIGITS)) < _FEWEST_DIGITS:
        return False
    if _HEX_STRETCH in letters.translate(_HEX_CLASSES):
        for pairs in _PAIRS.findall(plain):
            if len(_HEX_LETTERS & set(pairs.lower())) >= _FEWEST_HEX_LETTERS:
                return True
    joined = letters.translate(None, _SEPARATORS)
    if any(numbers in joined for numbers in _DECIMALS):
        return True
    if _NUMBER_STRETCH in letters.translate(_NUMBER_CLASSES):
        for numbers in _NUMBERS.findall(plain):
            if len(set(re.findall("[0-9]+", numbers))) >= _DISTINCT_NUMBERS:
                return True
    return _BYTE in letters.translate(_BIT_CLASSES) and _BITS.search(plain) is not None
