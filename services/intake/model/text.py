"""What no text field may hold: resident registration numbers, media bytes, control characters.

Pure recognisers. They look at plain text only and say a stable reason code or None; what they found is never repeated.
A person who is refused wrongly can rephrase, while what is stored wrongly cannot be taken back: where the two cannot
be told apart, the text is refused.
"""

import calendar
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

REGISTRATION_NUMBER: Final = "resident_registration_number"
MEDIA: Final = "media_bytes"
CONTROL: Final = "control_character"
SWELLING: Final = "swelling_characters"

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 without tab and line ends, and the marks that reverse the reading direction of what follows."""

_NUMBER = re.compile(
    r"(?<![0-9+])([0-9]{2})([0-9]{2})([0-9]{2})([\s\-\u2010-\u2015\u2212._/·~]{0,3})([1-8])([0-9]{6})(?![0-9])"
)
"""Six digits of birth, up to three separators, century digit and six more. Source: 주민등록법 시행규칙 art. 2.

A leading plus marks a telephone number (+82 010 …). Century digits 9 and 0 stand for people born before 1900.
"""

_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_MONTHS: Final = 12
_MILLISECOND_YEARS = range(15, 20)
"""Thirteen digits that begin with 15 to 19 are also milliseconds since 1970, from 2017 to 2033, common in links."""

_SWELLING_FACTOR: Final = 4
_SWELLING_ROOM: Final = 64
"""Some characters stand for up to 18 (U+FDFA); a text of them is an attack on the recognisers, not a report."""

_RUN_LENGTH: Final = 200
_LINK_RUN_LENGTH: Final = 800
"""Links carry signed tokens of several hundred characters; prose does not."""
_DISTINCT: Final = 16
"""A drawn line or a scream repeats few characters; encoded bytes do not."""

_RUN = re.compile(rf"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{{{_RUN_LENGTH},}}={{0,2}}")
_LINK_RUN = re.compile(rf"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{{{_LINK_RUN_LENGTH},}}={{0,2}}")
_WRAPPED_RUN = re.compile(r"(?<![A-Za-z0-9+/_=-])(?:[A-Za-z0-9+/_-]{56,}\s+){3,}[A-Za-z0-9+/_-]{8,}")
_DATA_URI = re.compile(
    r"data:\s*(?:image|video|audio|application|font|text)/[a-z0-9.+-]+\s*[;,]|data:[^,\s]{0,100};\s*base64",
    re.IGNORECASE,
)
_MAGIC = re.compile(
    r"(?<![A-Za-z0-9+_-])(?:"
    r"[/_]9j[/_](?:4|2w|7)[A-Za-z0-9+/_-]{12}"  # JPEG
    r"|iVBORw0KGgo"  # PNG
    r"|R0lGOD[dl]h"  # GIF
    r"|UklGR[A-Za-z0-9+/_-]{11}"  # RIFF: WebP, AVI, WAV
    r"|AAAA[A-Z]GZ0eX"  # ISO media: MP4, MOV, HEIC, AVIF
    r"|GkXfo[w-z01]"  # EBML: WebM, Matroska
    r"|(?:SUkqA|TU0AK)[A-Za-z0-9+/_-]{24}"  # TIFF
    r"|Qk[0-3][A-Za-z0-9+/_-]{48}"  # BMP
    r"|T2dnUw[AC]|SUQz[AB][A-Za-z0-9+/_-]{24}|JVBERi0x|UEsDB[AB]"  # Ogg, MP3, PDF, ZIP
    r")"
)
_HEX_MAGIC = re.compile(r"89504e470d0a1a0a|ffd8ff(?:e0|e1|db|ee)[0-9a-f]{16}|1a45dfa3[0-9a-f]{16}", re.IGNORECASE)
_DRAWING = re.compile(r"<svg[\s>]", re.IGNORECASE)


def refused(text: str, *, link: bool = False) -> str | None:
    """The reason code for refusing a text, or None. ``link`` is for addresses, which carry tokens and timestamps."""
    if _CONTROL.search(text):
        return CONTROL
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if len(plain) > _SWELLING_FACTOR * len(text) + _SWELLING_ROOM:
        return SWELLING
    if link and "%" in plain:
        plain = unquote(plain)
    if holds_media(plain, link=link):
        return MEDIA
    if holds_registration_number(plain, link=link):
        return REGISTRATION_NUMBER
    return None


def holds_registration_number(text: str, *, link: bool = False) -> bool:
    """Whether a text holds what may be a resident or foreigner registration number (13 digits, real birth date)."""
    return any(_is_number(match, link=link) for match in _NUMBER.finditer(text))


def _is_number(match: re.Match[str], *, link: bool) -> bool:
    year, month, day, between, century, _ = match.groups()
    if not 1 <= int(month) <= _MONTHS:
        return False
    full_year = (1900 if century in "1256" else 2000) + int(year)
    if not 1 <= int(day) <= calendar.monthrange(full_year, int(month))[1]:
        return False
    # In a link a date beside a number (/240824/1055513) and milliseconds are everyday sights.
    look_alike = link and (int(year) in _MILLISECOND_YEARS if not between else between != "-")
    return not look_alike or _check_digit_fits(match[0].replace(between, ""))


def _check_digit_fits(digits: str) -> bool:
    # Numbers given out since October 2020 carry no check digit, so this may only ever narrow a look-alike.
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=False))
    return (11 - total % 11) % 10 == int(digits[12])


def holds_media(text: str, *, link: bool = False) -> bool:
    """Whether a text holds the bytes of a picture, film or sound: data URI, encoded file, or a long encoded run."""
    if _DATA_URI.search(text) or _MAGIC.search(text) or _HEX_MAGIC.search(text) or _DRAWING.search(text):
        return True
    runs = _LINK_RUN if link else _RUN
    return any(len(set(found[0])) >= _DISTINCT for found in (*runs.finditer(text), *_WRAPPED_RUN.finditer(text)))
