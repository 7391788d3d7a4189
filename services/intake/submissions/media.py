"""Recognise the bytes of a picture, film, sound or document in a normalised text: a data address, or base64. Pure.

Base64 is recognised by the first bytes of a known kind of file, or by its length. Line breaks and other separators
between its pieces do not matter. Codings that no program writes by itself are not chased.
"""

import re
from typing import Final

_KEPT: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_SEPARATORS: Final = bytes(sign for sign in range(128) if sign not in _KEPT)
_SPACE: Final = b" \t\r\n"

_FIRST_BYTES: Final = re.compile(
    rb"iVBORw0KGgo"  # PNG
    rb"|R0lGOD[dl]h"  # GIF
    rb"|UklGR[A-Za-z0-9+/_-]{11}"  # RIFF: WebP, AVI, WAV
    rb"|AAAA[A-Z]GZ0eX"  # ISO media: MP4, MOV, HEIC, AVIF
    rb"|GkXfo[w-z01]"  # EBML: WebM, Matroska
    rb"|T2dnUw[AC]|JVBERi0x|UEsDB[AB]"  # Ogg, PDF, ZIP
    rb"|[/_]9j[/_](?:4|2w|7)[A-Za-z0-9+/_-]{12}"  # JPEG
)
_SHORT_FIRST_BYTES: Final = re.compile(
    rb"(?<![A-Za-z0-9+/_-])(?:"
    rb"(?:SUkqA|TU0AK|SUQz[AB])[A-Za-z0-9+/_-]{24}"  # TIFF, MP3
    rb"|Qk[0-3][A-Za-z0-9+/_-]{48})"  # BMP
)
"""Too short to be believed in the middle of something."""
_DATA: Final = re.compile(rb"data:(?:image|video|audio|application|font|text)/[a-z0-9.+-]+[;,]|data:[^,]{0,100};base64")
_DRAWING: Final = re.compile(rb"<svg[\s>]")

_RUN: Final = re.compile(
    r"[A-Za-z0-9+/_-]{200,}|(?<![A-Za-z0-9+/_=-])(?:[A-Za-z0-9+/_-]{56,}\s+){3,}[A-Za-z0-9+/_-]{8,}"
)
"""In one piece, or wrapped as mail programs wrap it."""
_LINK_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{800,}")
"""Links carry signed tokens of several hundred characters; prose does not."""
_DISTINCT: Final = 24
"""Encoded bytes have more different characters; a drawn line, a scream or a list of fingerprints in hex has fewer."""
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)


def found_in(plain: str, letters: bytes, *, link: bool = False) -> bool:
    """Return whether a normalised text holds such bytes.

    ``letters`` is the text in ASCII with question marks for all else. ``link``: the text is an address.
    """
    return _is_data_address(letters) or _has_first_bytes(letters) or _has_long_run(plain, link=link)


def _is_data_address(letters: bytes) -> bool:
    small = letters.lower()
    if b"data" in small and _DATA.search(small.translate(None, _SPACE).replace(b"%3b", b";").replace(b"%2f", b"/")):
        return True
    return _DRAWING.search(small) is not None


def _has_first_bytes(letters: bytes) -> bool:
    joined = letters.translate(None, _SEPARATORS)
    return _FIRST_BYTES.search(joined) is not None or _SHORT_FIRST_BYTES.search(letters) is not None


def _has_long_run(plain: str, *, link: bool) -> bool:
    runs = _LINK_RUN.findall(plain)
    if not link:
        runs += _RUN.findall(_ADDRESS.sub(" ", plain))
    return any(len(set(run)) >= _DISTINCT for run in runs)
