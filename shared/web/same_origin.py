"""Against forged requests: whatever changes something with a sign-in cookie must come from our own pages.

The cookie is ``SameSite=Strict`` already; this is the second lock. ``Sec-Fetch-Site`` decides where the browser sends
it (https and loopback), ``Origin`` elsewhere. Our pages send no referrer, which makes a form's ``Origin`` ``null``:
that alone is never enough.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from shared.web.problems import Problem
from shared.web.translations import gettext_noop

SESSION_COOKIE: Final = "ieum_session"


def origins_of(urls: Mapping[str, str]) -> frozenset[str]:
    """The origins of the services' public addresses."""
    parts = [urlsplit(url) for url in urls.values()]
    return frozenset(f"{part.scheme}://{part.netloc}".lower() for part in parts)


def check(scheme: str, headers: Mapping[bytes, bytes], own_origins: frozenset[str]) -> Problem | None:
    """A 403 problem for an unsafe request with a sign-in cookie that is not provably from our pages, else None."""
    if SESSION_COOKIE.encode() + b"=" not in headers.get(b"cookie", b""):
        return None
    site = headers.get(b"sec-fetch-site")
    if site in (b"same-origin", b"none"):
        return None
    origin = headers.get(b"origin", b"").decode("latin-1").lower()
    own = f"{scheme}://{headers.get(b'host', b'').decode('latin-1')}".lower()
    # "cross-site" is refused even with a listed origin: our services are siblings on one site.
    if site in (None, b"same-site") and origin and origin != "null" and (origin == own or origin in own_origins):
        return None
    return Problem(403, "foreign_origin", gettext_noop("This request did not come from one of our own pages."))
