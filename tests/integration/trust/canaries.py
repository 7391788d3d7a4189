"""Strings that must be nowhere, every form they may have taken, and the search for them."""

import base64
import html
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from shared.clock import SEOUL

_LETTERS = "bcdfghjklmnpqrstvwxz"
_LENGTH = 14


@dataclass(frozen=True, slots=True)
class Canary:
    """One personal thing: what it is, as it is typed, and the part of it that is looked for."""

    name: str
    typed: str
    core: str

    def forms(self) -> set[bytes]:
        """What the core may look like where it was written: plain, escaped, in hex, in base 64 at any place."""
        plain = {self.core, self.core[::-1], self.typed}
        found = {text.encode() for text in plain} | {self.typed.encode("utf-16-le"), self.core.encode("utf-16-le")}
        found |= {quote(self.typed).encode(), html.escape(self.typed).encode()}
        found |= {self.typed.encode("unicode_escape")}
        found |= {self.core.encode().hex().encode(), self.typed.encode().hex().encode()}
        for text in (self.core, self.typed):
            for shift in range(3):
                coded = base64.b64encode(b"\0" * shift + text.encode())
                # Without the ends, which depend on what stands beside it.
                middle = coded[4 if shift else 0 : -4]
                found |= {middle, middle.translate(bytes.maketrans(b"+/", b"-_"))}
        return {form for form in found if len(form) >= _SHORTEST}


_SHORTEST = 8


@dataclass(slots=True)
class Canaries:
    """Makes them and finds them."""

    seed: int
    all: list[Canary] = field(default_factory=list)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def text(self, name: str) -> str:
        """Words of somebody, in Korean and with a part that cannot be there by chance."""
        core = self._core()
        return self._kept(name, f"카나리 {core} 새", core)

    def line(self, name: str) -> str:
        """The core alone, where only letters fit."""
        core = self._core()
        return self._kept(name, core, core)

    def url(self, name: str) -> str:
        core = self._core()
        return self._kept(name, f"https://{core}.example/post?id=1", core)

    def email(self, name: str) -> str:
        core = self._core()
        return self._kept(name, f"{core}@mail.example", core)

    def phone(self, name: str) -> str:
        """Looked for with its hyphen, or from the digits that are in its international form too.

        Its last eight alone may stand in some digest or some fraction of a second by chance.
        """
        digits = "010" + "".join(self._random.choices("123456789", k=8))
        self._kept(f"{name} without hyphens", digits, digits[1:])
        return self._kept(name, f"{digits[:3]}-{digits[3:7]}-{digits[7:]}", f"{digits[3:7]}-{digits[7:]}")

    def moment(self, name: str) -> str:
        """A time in Korea, years ahead, which must not be found there or as the same moment elsewhere."""
        there = datetime(datetime.now(UTC).year + 2, 1, 1, tzinfo=UTC) + timedelta(
            seconds=self._random.randrange(5 * 10**7)
        )
        here = there.astimezone(SEOUL)
        self._kept(f"{name} in UTC", f"{there:%Y-%m-%dT%H:%M:%S}Z", f"{there:%Y-%m-%dT%H:%M:%S}")
        return self._kept(name, f"{here:%Y-%m-%dT%H:%M:%S}+09:00", f"{here:%Y-%m-%dT%H:%M:%S}")

    def minute(self, name: str) -> str:
        """The same as a form sends it: to the minute, and without saying where."""
        return self._kept(name, self.moment(name)[:16], self.all[-1].core[:16])

    def digest(self, name: str) -> str:
        """Sixty-four hex digits that cannot be there by chance."""
        digits = "".join(self._random.choices("0123456789abcdef", k=64))
        return self._kept(name, digits, digits)

    def known(self, name: str, secret: str) -> str:
        """Something that came about by itself and must not be written down either: a receipt, a token, a password."""
        bare = secret.replace("-", "")
        if bare != secret:
            self._kept(f"{name} without hyphens", bare, bare)
        return self._kept(name, secret, secret)

    def _core(self) -> str:
        return "q" + "".join(self._random.choices(_LETTERS, k=_LENGTH))

    def _kept(self, name: str, typed: str, core: str) -> str:
        self.all.append(Canary(name, typed, core))
        return typed


class Finder:
    """All forms of all canaries at once, for many places, in upper or lower case."""

    def __init__(self, canaries: Canaries) -> None:
        self._by_beginning: dict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
        for one in canaries.all:
            for form in one.forms():
                self._by_beginning[form.lower()[:_SHORTEST]].append((form.lower(), one.name))

    def found(self, haystack: bytes) -> set[str]:
        """The names of those that stand in it."""
        text = haystack.lower()
        # Thousands of forms are not looked for one by one: only those whose beginning is there.
        beginnings = {text[at : at + _SHORTEST] for at in range(len(text) - _SHORTEST + 1)} & self._by_beginning.keys()
        there = (pair for beginning in beginnings for pair in self._by_beginning[beginning])
        return {name for form, name in there if form in text}
