"""Bodies that no honest front end sends, each wrong in a way that is known, and bodies torn at random places.

All of it follows from the seed. What is wrong by construction must be refused; what is torn may by chance still be a
good report, and then the published schema must say so too.
"""

import base64
import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

REPORTS: Final = "/api/v1/reports"
RECEIPTS: Final = "/api/v1/receipts"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
TORN: Final = "torn"
"""The one kind that may turn out to be good."""

GOOD: Final[dict[str, Any]] = {
    "role": "representative",
    "harm_types": ["distribution", "synthesis"],
    "channel": "web",
    "language": "ko",
    "division": "jeonnam-gwangju",
    "district": "12210",
    "age_band": "19_24",
    "gender": "female",
    "relationship": "stranger",
    "platform_kind": "messenger",
    "declined_centers": ["jeonnam"],
    "still_spreading": True,
    "threatened": False,
    "money_demanded": None,
    "threat_deadline": "2026-12-01T21:00:00+09:00",
    "narrative": "모르는 사람이 합성한 사진을 보내요.\nHe says he has more.",
    "urls": ["https://example.com/post/1", "http://example.org/?a=b"],
    "fingerprints": ["9f" * 32],
    "picture_hashes": ["0e" * 32],
    "seen_when": "어제 밤",
    "search_words": "이름 학교",
    "already_told": ["hotline"],
    "offender_handles": ["@somebody"],
    "contact": {"channels": ["text", "email"], "name": "달", "phone": "010-0000-0000", "email": "a@example.com"},
    "on_behalf": {"relation": "sibling", "victim_knows": True, "victim_agrees": None},
    "consents": {"version": "2026-11", "personal": True},
    "word": "파란 우산",
    "synthetic": False,
}
_TEXTS: Final = ("narrative", "seen_when", "search_words", "division", "word")
_INNER_TEXTS: Final = ("name", "hours", "not_safe", "center_codeword", "person_codeword")
_CHOICES: Final = ("role", "channel", "age_band", "gender", "relationship", "platform_kind")
_LISTS: Final[dict[str, tuple[int, object]]] = {
    "urls": (20, "https://example.com"),
    "fingerprints": (20, "ab" * 32),
    "picture_hashes": (20, "ab" * 32),
    "offender_handles": (10, "somebody"),
    "already_told": (4, "police"),
}
"""How many there may be, and a good one."""
_LONGEST: Final = {"narrative": 4000, "seen_when": 100, "search_words": 300, "word": 64}
_NUMBERS: Final[tuple[object, ...]] = (0, -1, 1.5, 10**30, 1e308)
_CONTROLS: Final = "\x00\x01\x07\x08\x0e\x1b\x7f\x85"
_PICTURE: Final = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8).decode()


@dataclass(frozen=True, slots=True)
class Body:
    """One request. ``kind`` says what is wrong with it."""

    kind: str
    path: str
    content: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": JSON})


class Nonsense:
    """An endless supply of bodies."""

    def __init__(self, seed: int, receipt: str) -> None:
        """``receipt`` is of a report that exists: what is wrong with a request about it must not change it."""
        self._random = random.Random(seed)
        self._receipt = receipt
        self._kinds: dict[str, Callable[[dict[str, Any]], bytes]] = {
            "cut off": self._cut_off,
            "unknown field": self._unknown_field,
            "another type": self._another_type,
            "no such choice": self._no_such_choice,
            "too long": self._too_long,
            "too many": self._too_many,
            "compulsory missing": self._missing,
            "control character": self._control,
            "registration number": self._registration_number,
            "media": self._media,
            "no address": self._no_address,
            "encoding": self._encoding,
            "no object": self._no_object,
            "nested": self._nested,
            "no number": self._no_number,
        }

    def bodies(self, count: int) -> Iterator[Body]:
        """So many of them."""
        for _ in range(count):
            yield self._one()

    def _one(self) -> Body:
        where = self._random.random()
        if where < 0.12:
            return Body(TORN, REPORTS, self._torn())
        if where < 0.2:
            return self._form()
        if where < 0.24:
            return self._refused_before_reading()
        if where < 0.25:
            unknown = {"receipt": "".join(self._random.choices("0123456789", k=15)), "text": "x"}
            return Body("unknown receipt", f"{RECEIPTS}/messages", _json(unknown))
        kind = self._random.choice(list(self._kinds))
        if where < 0.45 and kind not in {"compulsory missing", "no such choice"}:
            # Of an addition nothing but the receipt is compulsory, and it has neither role nor channel.
            good = {name: value for name, value in GOOD.items() if name not in {"role", "channel", "word", "synthetic"}}
            return Body(kind, f"{RECEIPTS}/amend", self._kinds[kind]({"receipt": self._receipt, **good}))
        return Body(kind, REPORTS, self._kinds[kind](copy.deepcopy(GOOD)))

    def _torn(self) -> bytes:
        few = self._random.sample(sorted(set(GOOD) - {"role", "harm_types", "on_behalf", "word"}), k=4)
        good = {"role": "victim", "harm_types": ["other"], **{name: GOOD[name] for name in few if name != "district"}}
        torn = bytearray(_json(good))
        for _ in range(self._random.choice((1, 1, 2, 3, 8))):
            place = self._random.randrange(len(torn))
            match self._random.randrange(3):
                case 0:
                    torn[place] = self._random.randrange(256)
                case 1:
                    del torn[place]
                case _:
                    torn[place:place] = torn[self._random.randrange(len(torn)) :][:3]
        return bytes(torn)

    def _cut_off(self, good: dict[str, Any]) -> bytes:
        whole = _json(good)
        return whole[: self._random.randrange(1, len(whole) - 1)]

    def _unknown_field(self, good: dict[str, Any]) -> bytes:
        place = self._random.choice((good, good["contact"], good["on_behalf"], good["consents"]))
        changed = dict(place)
        changed[self._random.choice(("image", "Role", "role ", "$where", "__proto__", "_id", "report_id", "가"))] = 1
        return _json(_replaced(good, place, changed))

    def _another_type(self, good: dict[str, Any]) -> bytes:
        name = self._random.choice([key for key in good if key != "receipt"])
        inner = good[name]
        if isinstance(inner, dict) and self._random.random() < 0.5:
            return _json({**good, name: {**inner, self._random.choice(list(inner)): self._random.choice(_NUMBERS)}})
        return _json({**good, name: self._random.choice((*_NUMBERS, [[]], {"$gt": ""}, [None], [{}]))})

    def _no_such_choice(self, good: dict[str, Any]) -> bytes:
        name = self._random.choice(_CHOICES)
        return _json({**good, name: self._random.choice(("", "Victim", "none", "victim\x00", "피해자", "\ud83d"))})

    def _too_long(self, good: dict[str, Any]) -> bytes:
        name = self._random.choice([name for name in _LONGEST if name in good])
        return _json({**good, name: "가" * (_LONGEST[name] + self._random.randrange(1, 500))})

    def _too_many(self, good: dict[str, Any]) -> bytes:
        name = self._random.choice(list(_LISTS))
        most, one = _LISTS[name]
        return _json({**good, name: [one] * (most + self._random.randrange(1, 30))})

    def _missing(self, good: dict[str, Any]) -> bytes:
        name = self._random.choice(("role", "harm_types"))
        kept = {key: value for key, value in good.items() if key != name}
        return _json({**kept, name: []} if name == "harm_types" and self._random.random() < 0.5 else kept)

    def _text(self, good: dict[str, Any], text: str) -> bytes:
        """The text in one of the fields that take any text."""
        if self._random.random() < 0.5:
            inner = self._random.choice(_INNER_TEXTS)
            return _json({**good, "contact": {**good["contact"], inner: text}})
        return _json({**good, self._random.choice([name for name in _TEXTS[:3] if name in good]): text})

    def _control(self, good: dict[str, Any]) -> bytes:
        return self._text(good, f"ab{self._random.choice(_CONTROLS)}cd")

    def _registration_number(self, good: dict[str, Any]) -> bytes:
        between = self._random.choice(("-", "", " - ", "–"))
        digits = "".join(self._random.choices("0123456789", k=6))
        birth = f"{self._random.randrange(100):02}0{self._random.randrange(1, 10)}{self._random.randrange(10, 29)}"
        return self._text(good, f"제 주민번호는 {birth}{between}{self._random.choice('1234')}{digits}")

    def _media(self, good: dict[str, Any]) -> bytes:
        kept = f"data:image/png;base64,{_PICTURE[: self._random.randrange(200, 1500)]}"
        return _json({**good, "narrative": self._random.choice((kept, _PICTURE[:1500]))})

    def _no_address(self, good: dict[str, Any]) -> bytes:
        match self._random.randrange(3):
            case 0:
                wrong = (
                    "no address",
                    "javascript:alert(1)",
                    "ftp://example.com",
                    "http://",
                    "https:// example.com",
                    "",
                )
                return _json({**good, "urls": [self._random.choice(wrong)]})
            case 1:
                wrong = ("no number", "12", "0" * 40, "010-0000-0000;", "+82+10000000", "")
                phone = self._random.choice(wrong)
                return _json({**good, "contact": {**good["contact"], "phone": phone}})
            case _:
                wrong = ("nobody", "@example.com", "a@b", "a b@example.com", "a@b@example.com", "")
                email = self._random.choice(wrong)
                return _json({**good, "contact": {**good["contact"], "email": email}})

    def _encoding(self, good: dict[str, Any]) -> bytes:
        text = _json(good).decode()
        match self._random.randrange(3):
            case 0:
                return text.encode("utf-16")
            case 1:
                return text.encode("cp949", "ignore")
            case _:
                return text.replace("사진", "\udc80").encode("utf-8", "surrogateescape")

    def _no_object(self, good: dict[str, Any]) -> bytes:
        return self._random.choice((b"", b"null", b"[]", b'"role"', b"0", b"true", b"{}", b"[" + _json(good) + b"]"))

    def _nested(self, good: dict[str, Any]) -> bytes:
        depth = self._random.randrange(200, 20_000)
        return b'{"role":"victim","harm_types":["other"],"narrative":' + b"[" * depth + b"]" * depth + b"}"

    def _no_number(self, good: dict[str, Any]) -> bytes:
        name = self._random.choice([key for key in good if key != "receipt"])
        return json.dumps({**good, name: self._random.choice((float("nan"), float("inf")))}).encode()

    def _refused_before_reading(self) -> Body:
        good = _json({"role": "victim", "harm_types": ["other"]})
        match self._random.randrange(3):
            case 0:
                kind = self._random.choice(("text/plain", FORM, "multipart/form-data; boundary=x", "image/png", ""))
                return Body("content type", REPORTS, good, {"content-type": kind})
            case 1:
                return Body("too large", REPORTS, good + b" " * self._random.randrange(65_536, 200_000))
            case _:
                key = self._random.choice(
                    ("short", "k" * 129, "with blanks in it ....", '"quoted and with blanks"', "!" * 20)
                )
                return Body("idempotency key", REPORTS, good, {"content-type": JSON, "idempotency-key": key})

    def _form(self) -> Body:
        good = {"role": "victim", "harm_types": "other"}
        wrong: tuple[tuple[str, bytes], ...] = (
            ("/", urlencode({"harm_types": "other"}).encode()),
            ("/", urlencode({**good, "role": "nobody"}).encode()),
            ("/", urlencode({**good, "contact_channels": "email", "email": "nobody"}).encode()),
            ("/", urlencode({**good, "narrative": "900101-1234567"}).encode()),
            ("/", urlencode({**good, "urls": "ftp://example.com"}).encode()),
            ("/", urlencode([*good.items(), *[("x", "y")] * 200]).encode()),
            ("/", b"role=%ff%fe&harm_types=other"),
            ("/", _json(GOOD)),
            ("/form/who", urlencode({"go": "next", "role": "nobody"}).encode()),
            ("/form/what", urlencode({"go": "next", "harm_types": "nothing"}).encode()),
            ("/form/words", urlencode({"go": "next", "narrative": "900101-1234567"}).encode()),
            ("/form/nowhere", urlencode({"go": "next"}).encode()),
        )
        path, content = self._random.choice(wrong)
        return Body("form", path, content, {"content-type": FORM, "sec-fetch-site": "same-origin"})


def _json(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character: only its escape can be sent
        return json.dumps(value).encode()


def _replaced(good: dict[str, Any], place: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    return changed if place is good else {key: changed if value is place else value for key, value in good.items()}
