"""Against forged requests: whatever changes something with a sign-in cookie must come from our own pages.

The cookie is ``SameSite=Strict`` already; this is the second lock. ``Sec-Fetch-Site`` decides where the browser sends
it (https and loopback), ``Origin`` elsewhere. Our pages send no referrer, which makes a form's ``Origin`` ``null``:
that alone is never enough.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from shared.identity.cookies import OURS
from shared.web.problems import Problem
from shared.web.translations import gettext_noop

SIGN_IN_PATHS: Final = ("/session", "/invitation", "/api/v1/sign-in", "/api/v1/session")
"""Paths that sign a person in: another site must not request them, even if there is no cookie yet."""
TICKET_PATH: Final = "/details"
"""Where a ticket is the proof and no cookie need come along: a browser that says where it comes from is asked for."""


def origins_of(urls: Mapping[str, str]) -> frozenset[str]:
    """The origins of the services' public addresses."""
    parts = [urlsplit(url) for url in urls.values()]
    return frozenset(f"{part.scheme}://{part.netloc}".lower() for part in parts)


def check(
    scheme: str,
    headers: Mapping[bytes, bytes],
    own_origins: frozenset[str],
    path: str = "/",
    cookies: bytes | None = None,
) -> Problem | None:
    """A 403 problem for an unsafe request that is not provably from our pages, else None.

    Asked of requests with a cookie of ours, of tickets, and of every sign-in (login CSRF). A sign-in that carries
    neither header comes from no browser: browsers have sent ``Origin`` with every POST since 2020. ``cookies`` are all
    ``Cookie`` headers joined, since HTTP/2 may split them; None: the one in ``headers``.
    """
    bare = headers.get(b"sec-fetch-site") is None and headers.get(b"origin") is None
    given = headers.get(b"cookie", b"") if cookies is None else cookies
    if not has_cookie(given) and path != TICKET_PATH and (bare or not is_sign_in(path)):
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


def has_cookie(cookies: bytes) -> bool:
    """Return whether the request carries a session cookie."""
    return any(pair.partition(b"=")[0].strip() in OURS for pair in cookies.split(b";"))


def is_sign_in(path: str) -> bool:
    """Return whether an address is part of signing in."""
    return any(path == own or path.startswith(f"{own}/") for own in SIGN_IN_PATHS)
