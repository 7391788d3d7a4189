"""One form for all the addresses of one thing seen on the web. For telling two reports of it apart from two things.

The result is no address to open: the scheme is gone, and what only says how somebody came there. Own code, because
libraries that clean addresses keep them openable and so keep apart what is the same here (http and https, the mobile
host, a shared link and the page it leads to). Pure.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import idna

_FRONT_LABELS: Final = frozenset({"www", "m", "mobile", "mobi", "touch", "amp"})
"""First labels of a host that only say which look of the same site it is."""
_SAME_SITE: Final = {
    "twitter.com": "x.com",
    "telegram.me": "t.me",
    "telegram.dog": "t.me",
    "fb.com": "facebook.com",
    "old.reddit.com": "reddit.com",
    "new.reddit.com": "reddit.com",
    "music.youtube.com": "youtube.com",
}
_TRACKING: Final = frozenset(
    {
        *("fbclid", "gclid", "gclsrc", "dclid", "wbraid", "gbraid", "msclkid", "yclid", "twclid", "ttclid"),
        *("igsh", "igshid", "mibextid", "mc_cid", "mc_eid", "_ga", "_gl", "vero_id", "ref", "ref_src", "ref_url"),
        *(
            "referrer",
            "spm",
            "si",
            "feature",
            "app",
            "share_id",
            "share",
            "phpsessid",
            "jsessionid",
            "sessionid",
            "sid",
        ),
    }
)
_TRACKING_FAMILIES: Final = ("utm_", "_hs")
_TRACKING_ENDS: Final = ("oly_", "_id")
"""Parameters that say who sent somebody there, or whose visit it is. In small letters."""
_OF_SITE: Final = {"x.com": frozenset({"s", "t"}), "youtube.com": frozenset({"t", "pp", "list", "index", "ab_channel"})}
_DEFAULT_PORTS: Final = frozenset({80, 443})
_INDEX: Final = re.compile(r"/index\.(?:html?|php|asp|jsp)$")
_PLAIN: Final = re.compile(
    r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)+)((?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?)(?:\?([A-Za-z0-9_.~=&-]*))?"
)
"""Most addresses: nothing is encoded, no port, no fragment, no path that goes up. Taken apart the fast way."""
_PLAIN_PATH: Final = re.compile(r"^(?:/[A-Za-z0-9_.~-]+)*/?$")
_PLAIN_QUERY: Final = re.compile(r"[A-Za-z0-9_.~=&-]*")
_KEPT_IN_PATH: Final = "!$&'()*+,;=:@~"
_YOUTUBE: Final = "youtube.com"
_LABELS: Final = 2


def normal_address(address: str) -> str | None:
    """The one form, or None for what is no web address or only the front page of a site, where many things are."""
    if plain := _PLAIN.fullmatch(address):
        name, path, asked = plain.groups(default="")
        port, fragment = None, ""
        path = path.removesuffix("/")
        if "/index." in path:
            path = _INDEX.sub("", path)
    else:
        try:
            parts = urlsplit(unicodedata.normalize("NFC", address.strip()))
            port, typed = parts.port, parts.hostname
        except ValueError:
            return None
        if parts.scheme.lower() not in {"http", "https"} or not typed:
            return None
        name, path, asked = typed, _path(parts.path), parts.query
        fragment = parts.fragment if parts.fragment.startswith(("!", "/")) else ""
    host = _host(name)
    host, path, query = _shared_link(host, path, _query(asked, host))
    if path == "" and not query and not fragment:
        return None
    shown = _shown(query)
    where = host if port is None or port in _DEFAULT_PORTS else f"{host}:{port}"
    return where + path + (f"?{shown}" if shown else "") + (f"#{fragment}" if fragment else "")


def _host(name: str) -> str:
    plain = name.rstrip(".").lower()
    if not plain.isascii():
        try:
            plain = idna.encode(plain, uts46=True).decode("ascii")
        except idna.IDNAError:
            plain = unicodedata.normalize("NFKC", plain)
    labels = plain.split(".")
    while len(labels) > _LABELS and labels[0] in _FRONT_LABELS:
        labels = labels[1:]
    plain = ".".join(labels)
    return _SAME_SITE.get(plain, plain)


def _path(path: str) -> str:
    if _PLAIN_PATH.match(path) and "/." not in path:
        return _INDEX.sub("", path.removesuffix("/"))  # as below, and most are so
    kept: list[str] = []
    for segment in path.split("/"):
        plain = unicodedata.normalize("NFC", unquote(segment))
        if plain == "..":
            kept = kept[:-1]
        elif plain not in {"", "."}:
            # A slash inside a segment is written out: it is no border.
            kept.append(quote(plain, safe=_KEPT_IN_PATH))
    return _INDEX.sub("", "".join(f"/{segment}" for segment in kept))


def _query(query: str, host: str) -> list[tuple[str, str]]:
    if not query:
        return []
    dropped = _OF_SITE.get(host, frozenset())
    return sorted([pair for pair in _pairs(query) if not _tracks(pair[0].lower(), dropped)])


def _pairs(query: str) -> list[tuple[str, str]]:
    if _PLAIN_QUERY.fullmatch(query):  # nothing is encoded, as in most addresses: as below in a fifth of the time
        pieces = [piece.partition("=") for piece in query.split("&") if piece]
        return [(name, value) for name, _, value in pieces]
    pairs = parse_qsl(query, keep_blank_values=True)
    return [(name, unicodedata.normalize("NFC", value)) for name, value in pairs]


def _shown(query: list[tuple[str, str]]) -> str:
    if not query:
        return ""
    shown = "&".join([f"{name}={value}" for name, value in query])
    # As many signs as there are borders, so none is part of a name or a value.
    as_written = shown.count("=") == len(query) == shown.count("&") + 1
    return shown if as_written and _PLAIN_QUERY.fullmatch(shown) else urlencode(query)


def _tracks(name: str, dropped: frozenset[str]) -> bool:
    # Sets and beginnings, no pattern: this runs for every parameter of every address while somebody waits.
    if name in _TRACKING or name in dropped or name.startswith(_TRACKING_FAMILIES):
        return True
    first, last = _TRACKING_ENDS
    return name.startswith(first) and name[len(first) :].endswith(last)


def _shared_link(host: str, path: str, query: list[tuple[str, str]]) -> tuple[str, str, list[tuple[str, str]]]:
    """Return the main address of a thing, if a site's short or second address has a fixed meaning."""
    first, _, rest = path[1:].partition("/")
    if host == "youtu.be" and first:
        return _YOUTUBE, "/watch", [("v", first)]
    if host == _YOUTUBE and first in {"shorts", "embed", "live"} and rest:
        return _YOUTUBE, "/watch", [("v", rest)]
    if host == "t.me" and first == "s" and rest:
        return host, f"/{rest}", query
    return host, path, query
