"""Recognise web addresses as people write them: with or without ``https://`` in front. Pure."""

import re
from typing import Final

_BARE: Final = re.compile(
    r"(?:[A-Za-z0-9가-힣](?:[A-Za-z0-9가-힣-]{0,61}[A-Za-z0-9가-힣])?\.)+(?P<end>[A-Za-z]{2,18}|한국)"
    r"(?P<port>:[0-9]{2,5})?(?P<rest>[/?#].*)?",
    re.DOTALL,
)
_FILES: Final = frozenset(
    {
        *("jpg", "jpeg", "png", "gif", "webp", "heic", "bmp", "mp4", "mov", "avi", "mkv", "webm", "mp3", "wav", "zip"),
        *("rar", "pdf", "txt", "hwp", "doc", "docx", "xls", "xlsx", "ppt", "pptx"),
    }
)
"""Endings of names that are files and no hosts."""
_ENDS: Final = frozenset(
    {
        *("com", "net", "org", "info", "biz", "kr", "co", "io", "me", "gg", "tv", "xyz", "site", "online", "shop"),
        *("club", "top", "app", "dev", "page", "live", "link", "to", "cc", "ru", "cn", "jp", "us", "uk", "eu", "de"),
        *("fr", "vn", "th", "ph", "in", "ly", "be", "gl", "la", "ws", "im", "is", "so", "st", "vip", "fun", "icu"),
        *("pro", "blog", "red", "sex", "xxx", "porn", "cam", "adult", "store", "cloud", "art", "team", "world"),
        *("space", "website", "tube", "video", "social", "한국"),
    }
)
"""Ends of hosts that are believed without a path: account names have dots too."""


def completed(text: str) -> str:
    """The address with ``https://`` in front where that is all it lacks; any other text as it is."""
    return f"https://{text}" if is_bare(text) else text


def is_bare(text: str) -> bool:
    """Return whether it is an address without ``https://``: ``t.me/abcd``, ``www.example.com``; not ``a.jpg``."""
    found = _BARE.fullmatch(text)
    if found is None or found["end"].lower() in _FILES:
        return False
    return bool(found["rest"]) or found["end"].lower() in _ENDS or text.lower().startswith("www.")
