"""Reject content that no text field may hold: resident registration numbers, media bytes, control characters.

Pure recognisers. A text is normalised once (invisible characters, widths, digits of all scripts), then everything is
recognised in the normalised text. They say a stable reason code or None; what they found is never repeated.
A person who is refused wrongly can rephrase, while what is stored wrongly cannot be taken back: where the two cannot
be told apart, the text is refused. What frightened people do write (phone numbers with a country code, order and
company numbers, file names with a date) can be told apart, and is.
"""

import html
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from services.intake.submissions import media, registration_numbers

REGISTRATION_NUMBER: Final = "resident_registration_number"
MEDIA: Final = "media_bytes"
CONTROL: Final = "control_character"
SWELLING: Final = "swelling_characters"

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202e]")
"""C0 and C1 without the white space of word processors, and the override that turns what follows around."""
_BREAKS = re.compile(r"[\x0b\x0c]")
"""Line and page breaks of word processors."""
_DIRECTION = re.compile(r"[\u202a-\u202d\u2066-\u2069]")
"""Marks of reading direction that telephones put around a copied number."""

_SWELLING_FACTOR: Final = 4
_SWELLING_ROOM: Final = 64
"""Some characters stand for up to 18 (U+FDFA); a text of them is an attack on the recognisers, not a report."""
_UNQUOTED: Final = 2
"""How often an address is unquoted: what was quoted twice is read too."""

_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20e3\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0"
)
"""Zero-width characters, fillers, marks of direction and of how an emoji is drawn."""
_DASHES: Final = "\u2010-\u2015\u2043\u2212\u2796\u2e3a\u2e3b\u30fc\ufe58\ufe63\uff0d"
_DIGITS: Final = "".join(chr(code) for code in range(0x80, 0x10000) if unicodedata.category(chr(code)) == "Nd")
"""Decimal digits of all scripts of the basic plane; of the other planes the compatibility form is enough."""
_UNUSUAL = re.compile(f"[{_INVISIBLE}{_DASHES}{_DIGITS}]")
_PHONE_SPACES = re.compile(r"\s+")


def refused(text: str, *, link: bool = False) -> str | None:
    """The reason code for refusing a text, or None. ``link`` is for addresses, which carry tokens and timestamps."""
    if _CONTROL.search(text):
        return CONTROL
    if link and "%" in text:
        for _ in range(_UNQUOTED):
            text = unquote(text)
    return _refused(normalised(text), text, link=link)


def refused_in_plain_address(address: str) -> str | None:
    """The same for an address of visible ASCII signs, none of them quoted."""
    letters = address.encode()
    if media.found_in(address, letters, link=True):
        return MEDIA
    return REGISTRATION_NUMBER if registration_numbers.found_in(address, letters, link=True) else None


def _refused(plain: str, text: str, *, link: bool) -> str | None:
    if len(plain) > _SWELLING_FACTOR * len(text) + _SWELLING_ROOM:
        return SWELLING
    letters = plain.encode("ascii", "replace")  # bytes are searched many times faster
    if media.found_in(plain, letters, link=link):
        return MEDIA
    if registration_numbers.found_in(plain, letters, link=link):
        return REGISTRATION_NUMBER
    return None


def normalised(text: str) -> str:
    """The text as the recognisers read it: compatibility form, no invisible characters, ASCII digits and hyphens."""
    if "&#" in text:
        text = html.unescape(text)
    if text.isascii():
        return text
    return _UNUSUAL.sub(_usual, unicodedata.normalize("NFKC", text))


def _usual(found: re.Match[str]) -> str:
    sign = found[0]
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    if sign in "\u2028\u2029":
        return "\n"
    return "-" if unicodedata.category(sign) in {"Pd", "Po", "Sm", "So", "Lm"} else ""


def tidied(text: str) -> str:
    """The text as it is kept: breaks of word processors as line ends, no marks of reading direction."""
    if text.isprintable():
        return text
    return _DIRECTION.sub("", _BREAKS.sub("\n", text))


def visible(text: str) -> str:
    """The text without invisible characters; for addresses, in which they have no meaning."""
    return text if text.isascii() else "".join(sign for sign in text if unicodedata.category(sign) != "Cf")


def plain_phone(text: str) -> str:
    """A phone number as it is dialled and kept: ASCII digits, hyphens and single spaces."""
    return _PHONE_SPACES.sub(" ", normalised(text)).strip()
