"""All tables of all periods as a stream: a table is put together, written and forgotten before the next one."""

import hashlib
import io
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from services.analytics.exports.codebook import as_dictionary
from services.analytics.exports.csvw import SUFFIX, as_csvw
from services.analytics.exports.files import Name, Text, as_csv, as_json
from services.analytics.exports.observations import Observation, observations
from services.analytics.exports.parquet import as_parquet
from services.analytics.exports.words import word
from services.analytics.releases import sample
from services.analytics.releases.calendar import period_of
from services.analytics.releases.catalogue import center_names
from services.analytics.releases.published import Table, build, exists
from services.analytics.releases.release import Release
from services.analytics.releases.tables import TABLE_SPECS, TableSpec
from shared.web.language import LANGUAGES, Language
from shared.web.pages import Pages

_MADE: Final = (2026, 1, 1, 0, 0, 0)
"""The time of every file in the archive: the same releases give the same bytes."""
_LAYOUT: Final = 7
"""Of the exports. Raise it where the same releases are written in another way."""
_NOTHING_YET: Final = (
    "아직 공개한 통계가 없습니다. 지어낸 수치로 된 예시는 통계 화면에서 받을 수 있습니다.\n"
    "Nothing has been released yet. A sample with made-up figures is offered on the statistics page.\n"
)


class Languages:
    """Texts and names in both languages, for files; they depend on no request."""

    sample: str = ""
    """The mark of every file that is no release."""
    folder: str = "/api/v1/tables"
    """Under which files by name lie."""

    def __init__(self, pages: Pages) -> None:
        self.text: Final[dict[str, Text]] = {lang: pages.translator(lang).gettext for lang in LANGUAGES}
        self.centers: Final[dict[str, dict[str, str]]] = {lang: center_names(lang) for lang in LANGUAGES}
        self.names: Final[dict[str, Name]] = {lang: self._name(lang) for lang in LANGUAGES}

    def _name(self, language: str) -> Name:
        text, centers = self.text[language], self.centers[language]
        return lambda key: word(key, centers, text)

    def dictionary(self) -> dict[str, Any]:
        """The data dictionary."""
        return as_dictionary(self.text, self.centers)

    def shown(self, table: Table) -> Table:
        """The table as a file holds it."""
        return table


class SampleLanguages(Languages):
    """The same for the sample: every title, every period and every file's name says what it is."""

    sample = sample.BOTH
    folder = "/sample/tables"

    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        titles = {said for each in TABLE_SPECS.values() for said in (each.title, each.definition)}
        self.text.update({language: _marking(text, titles) for language, text in self.text.items()})

    def shown(self, table: Table) -> Table:
        """With the mark before its period."""
        return sample.labelled(table)


def _marking(text: Text, titles: Collection[str]) -> Text:
    return lambda message: f"[{sample.BOTH}] {text(message)}" if message in titles else text(message)


@dataclass(frozen=True, slots=True)
class ExportSelection:
    """A choice among all releases; nothing given means everything."""

    tables: Sequence[TableSpec] = field(default_factory=lambda: tuple(TABLE_SPECS.values()))
    period: str = ""
    status: str = ""

    def of(self, release: Release) -> Iterator[TableSpec]:
        """The tables of a release that are wanted."""
        if release.says_anything and self.period in {"", release.period}:
            yield from (each for each in self.tables if exists(each, release))


def _order(table: str) -> int:
    return list(TABLE_SPECS).index(table)


def tables(
    releases: Sequence[Release], wanted: ExportSelection, since: tuple[int, int] = (0, 0)
) -> Iterator[tuple[int, Table]]:
    """Number of the release and table, oldest release first; each made when it is asked for.

    ``since``: number of the release and of the table to begin with.
    """
    for number, release in enumerate(releases[since[0] :], since[0]):
        year = [entry for entry in releases[: number + 1] if entry.period[:4] == release.period[:4]]
        for definition in wanted.of(release):
            if (number, _order(definition.name)) >= since:
                yield number, build(definition, period_of(release.period), year)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place among all observations, in one revision of a release: a correction may show other rows."""

    release: int
    revision: int
    table: str
    cell: int

    def __str__(self) -> str:
        """As it stands in addresses."""
        return f"{self.release}.{self.revision}.{self.table}.{self.cell}"

    @property
    def comparable(self) -> tuple[int, int, int]:
        """In the order of the observations."""
        return self.release, _order(self.table), self.cell

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """The way back; None for what is no cursor."""
        parts = text.split(".")
        if len(parts) != 4:  # noqa: PLR2004  # the four above
            return None
        release, revision, table, cell = parts
        if table not in TABLE_SPECS or not all(each.isdecimal() for each in (release, revision, cell)):
            return None
        return cls(int(release), int(revision), table, int(cell))

    def corrected(self, releases: Sequence[Release]) -> str | None:
        """The period, where it was corrected since: what follows the place is no longer what followed it."""
        own = releases[self.release] if self.release < len(releases) else None
        return own.period if own is not None and own.revision != self.revision else None


def page(
    releases: Sequence[Release], wanted: ExportSelection, after: Cursor | None, limit: int
) -> tuple[list[Observation], Cursor | None]:
    """The next observations after a place, and the place to go on from where there are more."""
    found: list[Observation] = []
    last: Cursor | None = None
    for place, observation in _placed(releases, wanted, after):
        if len(found) == limit:
            return found, last
        found.append(observation)
        last = place
    return found, None


def _placed(
    releases: Sequence[Release], wanted: ExportSelection, after: Cursor | None
) -> Iterator[tuple[Cursor, Observation]]:
    since = (after.release, _order(after.table)) if after else (0, 0)
    for number, table in tables(releases, wanted, since):
        for cell, observation in enumerate(observations(table)):
            place = Cursor(number, table.revision, table.definition.name, cell)
            passed = after is not None and place.comparable <= after.comparable
            if not passed and wanted.status in {"", observation.status}:
                yield place, observation


def tag(releases: Sequence[Release], *about: str) -> str:
    """The weak ``ETag`` of everything made of these releases: they never change, so their names say it all."""
    names = [[release.period, release.as_of] for release in releases]
    return f'W/"{hashlib.sha256(orjson.dumps([_LAYOUT, names, about])).hexdigest()[:32]}"'


def ndjson(releases: Sequence[Release], wanted: ExportSelection) -> Iterator[bytes]:
    """A line for each cell; a chunk for each table."""
    for _, table in tables(releases, wanted):
        found = (each for each in observations(table) if wanted.status in {"", each.status})
        yield b"".join(orjson.dumps(each.as_json(), option=orjson.OPT_APPEND_NEWLINE) for each in found)


def zipped(
    releases: Sequence[Release], wanted: ExportSelection, language: Language, texts: Languages
) -> Iterator[bytes]:
    """A zip archive: for each table a folder, for each period CSV with metadata, JSON and Parquet; the dictionary."""
    out = _Chunks()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as files:

        def add(name: str, body: bytes) -> bytes:
            files.writestr(zipfile.ZipInfo(name, _MADE), body, zipfile.ZIP_DEFLATED)
            return out.taken()

        mark = sample.FILE_MARK if texts.sample else ""
        if not releases:
            yield add("README.txt", _NOTHING_YET.encode())
        yield add(f"{mark}dictionary.json", orjson.dumps(texts.dictionary(), option=orjson.OPT_INDENT_2))
        for _, released in tables(releases, wanted):
            table = texts.shown(released)
            start = f"{table.definition.name}/{table.period.name}"
            for ending, body in _files(table, language, texts):
                yield add(f"{start}{ending}", body)
    yield out.taken()


def _files(table: Table, language: Language, texts: Languages) -> Iterator[tuple[str, bytes]]:
    name, text = texts.names[language], texts.text[language]
    metadata = as_csvw(table, f"{table.period.name}.csv", language, name, text)
    yield ".csv", as_csv(table, name).encode()
    yield f".csv{SUFFIX}", orjson.dumps(metadata, option=orjson.OPT_INDENT_2)
    yield ".json", orjson.dumps(as_json(table, name, text))
    yield ".parquet", as_parquet(table, texts.names)


class _Chunks(io.RawIOBase):
    """Takes what an archive writes and gives it away; cannot be sought in, so that nothing need be kept."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401  # any buffer
        """Keep until it is taken."""
        self._kept += data
        return len(data)

    def taken(self) -> bytes:
        """Take the bytes written since the last time."""
        taken = bytes(self._kept)
        self._kept.clear()
        return taken
