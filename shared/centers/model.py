"""The shapes of the three tables, and the two ways a name can fail to mean one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class _Named:
    __slots__ = ()
    name_ko: str
    name_en: str

    def name(self, language: str) -> str:
        """Return the name in Korean (``ko``), else in English."""
        return self.name_ko if language == "ko" else self.name_en


class District(NamedTuple):
    """A si, gun or gu; listed only where a division has more than one catchment."""

    code: str
    """Five digits of the administrative code."""
    name_ko: str
    name_en: str

    def name(self, language: str) -> str:
        """Return the name in Korean (``ko``), else in English."""
        return self.name_ko if language == "ko" else self.name_en


@dataclass(frozen=True, slots=True, kw_only=True)
class Division(_Named):
    """A first-level division. ``valid_to`` is its last day; none means still in force."""

    slug: str
    name_ko: str
    name_en: str
    short_ko: str
    short_en: str
    mois_code: str
    former_codes: tuple[str, ...]
    iso_code: str | None
    area_codes: tuple[str, ...]
    """Telephone area codes: a hint for the call taker, never the place itself."""
    valid_from: date | None
    valid_to: date | None
    successor: str | None
    population: int
    """Residents at the end of 2024, partly from memory: a weight, not for publication."""
    aliases: tuple[str, ...]
    districts: tuple[District, ...]

    def in_force(self, day: date) -> bool:
        """Return whether the division exists on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere(_Named):
    """A value that stands where a division would: outside Korea, or not known."""

    slug: str
    name_ko: str
    name_en: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Center(_Named):
    """A support centre, or ``central``."""

    id: str
    name_ko: str
    name_en: str
    short_ko: str
    short_en: str
    staff: int
    """People funded; who is on duty now is a ``center.changed`` event."""
    phones: tuple[str, ...]
    land: tuple[str, ...]
    """Centres whose catchment has a common land border."""
    sea_air: tuple[str, ...]
    """Centres reached by a direct ferry or flight."""

    def short_name(self, language: str) -> str:
        """Return the short name in Korean (``ko``), else in English."""
        return self.short_ko if language == "ko" else self.short_en


@dataclass(frozen=True, slots=True, kw_only=True)
class Catchment:
    """The home center of a division, or of some of its districts. ``center`` None: no center there."""

    division: str
    center: str | None
    districts: tuple[str, ...] | None
    """Five-digit codes, also former ones; none means the whole division, or what other catchments leave (``rest``)."""
    rest: bool
    near: tuple[str, ...]
    """For a place without a centre: the centres asked first."""
    valid_from: date | None
    valid_to: date | None

    def in_force(self, day: date) -> bool:
        """Return whether the catchment is in force on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """All of it, as one value that checks and decisions take as an argument.

    Equal only to itself: lookups are remembered by it, and comparing two sets would cost more than looking up.
    """

    version: str
    divisions: Mapping[str, Division]
    elsewhere: Mapping[str, Elsewhere]
    centers: Mapping[str, Center]
    catchments: tuple[Catchment, ...]
    ambiguous: Mapping[str, tuple[str, ...]]


class UnknownDivision(ValueError):  # noqa: N818  # read as a statement where it is caught: "except UnknownDivision"
    """The text names no division. ``valid`` holds the slugs that would do."""

    def __init__(self, valid: tuple[str, ...]) -> None:
        """The text itself is left out: it may be an address."""
        super().__init__(f"no such division; one of: {', '.join(valid)}")
        self.valid = valid


class Ambiguous(ValueError):  # noqa: N818  # as above
    """The text names several places. ``choices`` holds their slugs, to be asked back."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        """The text itself is left out: it may be an address."""
        super().__init__(f"several places have this name; one of: {', '.join(choices)}")
        self.choices = choices
