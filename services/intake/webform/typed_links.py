"""Parse the box for links: addresses, account names, and words around them. Pure.

An address becomes a link, with ``https://`` where it was left out; ``@name`` becomes an account; what is neither is
kept as words to search for. A line that cannot be read stays a link and is refused as one, by its number. Anybody may
send a box as large as a form, so one that holds more than a report takes is not taken apart.
"""

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.intake.submissions import web_addresses

_AROUND: Final = " \t,;:·•*-–—|()[]{}<>\"'“”‘’「」『』…"
_BEHIND: Final = ".,;:!?)]}>\"'”’」』…"
"""Signs behind an address that belong to the sentence. No pattern: it would begin anew at each of them, and a line may
be as long as a form."""
_NUMBERED: Final = re.compile(r"^\s*(?:\(?[0-9]{1,2}[.)]|[-*•·])\s+")
_GLUED: Final = re.compile(
    r"(?<=[A-Za-z0-9/])(?:이라는|이라고|이에요|입니다|에서요|에서|예요|에요|이고|으로|라는|라고|하고|에도|에는|이랑|로|랑|도|는|은|이|가|을|를|의|에)$"
)
"""A particle written right behind an address."""
_SCHEME: Final = re.compile(r"(?:https?|hxxps?)://", re.IGNORECASE)
_ANY_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://|(?=[A-Za-z%/]))")
_HANDLE: Final = re.compile(r"@[A-Za-z0-9_][A-Za-z0-9_.-]{1,63}")
_FEW_WORDS: Final = 2
_HANDLE_CHARS: Final = 100
_MOST_PIECES: Final = 3000
"""Between spaces. A report takes 20 links, 10 accounts and at most 4,000 characters of words, which are fewer."""


class TypedLine(NamedTuple):
    """A part of a line: ``number`` counts from 1, ``typed`` is the whole line."""

    number: int
    typed: str
    text: str


@dataclass(slots=True)
class Seen:
    """The content of the box for links, each part with its line."""

    links: list[TypedLine] = field(default_factory=list)
    accounts: list[TypedLine] = field(default_factory=list)
    words: list[TypedLine] = field(default_factory=list)


def read(text: str) -> Seen:
    """Parse the lines of a text. One of too many pieces is all words, and refused as too long."""
    seen = Seen()
    if len(text.split(maxsplit=_MOST_PIECES)) > _MOST_PIECES:
        seen.words.append(TypedLine(1, text.strip().splitlines()[0], text.strip()))
        return seen
    for number, line in enumerate(text.splitlines(), 1):
        if typed := line.strip():
            _read_line(seen, number, typed)
    return seen


def _read_line(seen: Seen, number: int, typed: str) -> None:
    links, accounts, words = [], [], []
    for piece in _NUMBERED.sub("", typed).split():
        link, rest = _link_in(piece)
        if link:
            links.append(link)
            words += [rest] if rest else []
        elif _HANDLE.fullmatch(name := piece.strip(_AROUND)):
            accounts.append(name)
            words.append(piece)
        else:
            words.append(piece)
    if len(accounts) == 1 and not links and len(words) <= 1 + _FEW_WORDS and len(typed) <= _HANDLE_CHARS:
        accounts, words = [" ".join(words)], []  # “Telegram @name”, as in the box for accounts
    kept = {"", *accounts}
    left = " ".join(word for word in words if word.strip(_AROUND) not in kept)
    seen.links += [TypedLine(number, typed, link) for link in links]
    seen.accounts += [TypedLine(number, typed, account) for account in accounts]
    if left.strip(_AROUND):
        seen.words.append(TypedLine(number, typed, left.strip(_AROUND)))


def _link_in(piece: str) -> tuple[str, str]:
    """The address in a piece without spaces, and the particle behind it; empty where there is none."""
    bare = piece.lstrip(_AROUND)
    if _SCHEME.match(bare):
        bare = re.sub("^hxxp", "http", bare, flags=re.IGNORECASE)
    elif at := _SCHEME.search(bare):
        bare = bare[at.start() :]  # “링크:https://…”
    elif _ANY_SCHEME.match(bare):
        return bare, ""  # javascript:, ftp:, data: are refused as links
    glued = _GLUED.search(bare)
    address = (bare[: glued.start()] if glued else bare).rstrip(_BEHIND)
    if _SCHEME.match(address) or web_addresses.is_bare(address):
        return web_addresses.completed(address), ""
    return "", ""
