"""From the three files to one set of tables, or to every fault in their form. Pure.

What the tables say is looked at in ``checks``; here, only whether the files say anything at all: a missing or
misspelt field, a text where a number is due, a day that does not exist, the same id twice.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.centers.fault import Fault, n
from shared.centers.model import Catchment, Center, Division, Elsewhere, Tables

FILES: Final = ("divisions.json", "centers.json", "catchments.json")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Some editors put it before the text; it says nothing here."""


class _File(BaseModel):
    """Strict: an unknown field is an error, since it is probably misspelt."""

    model_config = ConfigDict(strict=True, extra="forbid")

    note: str = ""
    sources: str = ""


class _Divisions(_File):
    divisions: tuple[Division, ...]
    elsewhere: tuple[Elsewhere, ...]
    ambiguous: dict[str, tuple[str, ...]]


class _Centers(_File):
    table_version: str
    centers: tuple[Center, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Home:
    """A row of catchments.json."""

    division: str
    center: str | None
    districts: tuple[str, ...] | Literal["rest"] | None
    near: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None


class _Catchments(_File):
    catchments: tuple[_Home, ...]


_FORMS: Final[Mapping[str, type[_File]]] = dict(zip(FILES, (_Divisions, _Centers, _Catchments), strict=True))


def parse(files: Mapping[str, bytes]) -> tuple[Tables | None, tuple[Fault, ...]]:
    """The tables in the three files by name, and every fault of form; no tables where there is one.

    A file that is not among them is the caller's to name: of the others every fault is found all the same.
    """
    found: dict[str, _File] = {}
    faults: list[Fault] = []
    for name, form in _FORMS.items():
        if name not in files:
            continue
        content = files[name].removeprefix(_BYTE_ORDER_MARK)
        try:
            found[name] = form.model_validate_json(content)
        except ValidationError as error:
            faults += [fault.within(f"{name}: ") for fault in _explained(error)]
        else:
            faults += [fault.within(f"{name}: ") for fault in _repeated(content)]
    match [found.get(name) for name in FILES]:
        case [_Divisions() as places, _Centers() as organisations, _Catchments() as homes]:
            slugs = [*(d.slug for d in places.divisions), *(e.slug for e in places.elsewhere)]
            faults += _twice(n("the slug %(what)s stands there %(number)s times"), slugs, "divisions.json: ")
            faults += _twice(
                n("the id %(what)s stands there %(number)s times"),
                [c.id for c in organisations.centers],
                "centers.json: ",
            )
            return (None if faults else _tables(places, organisations, homes)), tuple(faults)
    return None, tuple(faults)


def _tables(places: _Divisions, organisations: _Centers, homes: _Catchments) -> Tables:
    return Tables(
        version=organisations.table_version,
        divisions={division.slug: division for division in places.divisions},
        elsewhere={place.slug: place for place in places.elsewhere},
        centers={center.id: center for center in organisations.centers},
        catchments=tuple(_catchment(row) for row in homes.catchments),
        ambiguous=places.ambiguous,
    )


def _catchment(row: _Home) -> Catchment:
    return Catchment(
        division=row.division,
        center=row.center,
        districts=None if isinstance(row.districts, str) else row.districts,
        rest=row.districts == "rest",
        near=row.near,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


_UNKNOWN_FIELD: Final = frozenset({"unexpected_keyword_argument", "extra_forbidden"})


def _explained(error: ValidationError) -> Iterator[Fault]:
    """One line for each place; of a field that may be several things each says why it is not that one."""
    lines: dict[str, dict[str, str]] = {}
    for entry in error.errors(include_url=False, include_input=False, include_context=False):
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in entry["loc"])
        lines.setdefault(place.lstrip(".") or ".", {})[entry["msg"]] = entry["type"]
    for place, messages in lines.items():
        kinds = set(messages.values())
        if kinds == {"missing"}:
            yield Fault(n("%(place)s: Field required"), place=place)
        elif kinds <= _UNKNOWN_FIELD:
            yield Fault(n("%(place)s: Unexpected field"), place=place)
        else:
            yield Fault(n("%(place)s: %(detail)s"), place=place, detail="; ".join(messages))


def _twice(message: str, ids: Iterable[str], where: str = "") -> list[Fault]:
    return [Fault(message, where, what=one, number=number) for one, number in Counter(ids).items() if number > 1]


def _repeated(content: bytes) -> list[Fault]:
    """Fields written twice in one object: JSON takes the last without a word."""
    found: list[Fault] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        found.extend(_twice(n("the field %(what)s stands there %(number)s times"), (name for name, _ in pairs)))

    json.loads(content, object_pairs_hook=look)
    return found
