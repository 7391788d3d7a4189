"""Finds every text marked for translation and compares it with the ``ko.po`` files.

``python -m shared.web.messages --check`` fails on a text without Korean, an unused entry, a fuzzy entry, or a
translation whose holes differ. ``--write`` adds what is missing to the files, empty, for a person to fill in.
"""

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import normalize

from shared.web.translations import STAFF, placeholders, read_catalog

_KEYWORDS: Final = {
    "_": None,
    "N_": None,
    "n": None,  # gettext_noop under a short name, in long tables of words
    "gettext": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
_METHODS: Final = ((".html", "jinja2"), (".txt.j2", "jinja2"), (".py", "python"))

Key = tuple[str, str]
"""Context (empty for none) and English text."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A folder with its own texts: ``shared/web`` or one service. ``also`` are folders whose texts stand there too."""

    name: str
    folder: Path
    also: tuple[Path, ...] = ()

    @property
    def locale(self) -> Path:
        """Where its ``ko.po`` lies."""
        return self.folder / "locale"


@dataclass(frozen=True, slots=True)
class TextFault:
    """One thing wrong with the texts of a unit; ``where`` is a place in the source or the catalogue."""

    unit: str
    kind: str
    text: str
    where: str

    def __str__(self) -> str:
        return f"{self.unit}: {self.kind}: {self.text!r} ({self.where})"


def units(root: Path) -> list[Unit]:
    """``shared/web`` and every service of a working copy."""
    services = sorted(path.parent for path in (root / "services").glob("*/__init__.py"))
    return [
        Unit("shared", root / "shared" / "web", (root / "shared" / "centers",)),
        *(Unit(path.name, path) for path in services),
    ]


def marked(folder: Path) -> dict[Key, str]:
    """Every text marked in a folder's templates and modules, with the place where it was first found."""
    found: dict[Key, str] = {}
    for path in sorted(folder.rglob("*")):
        method = next((method for suffix, method in _METHODS if path.name.endswith(suffix)), None)
        if method is None or not path.is_file():
            continue
        for line, key in _extracted(path, method):
            found.setdefault(key, f"{path.relative_to(folder).as_posix()}:{line}")
    return found


def findings(all_units: Sequence[Unit]) -> list[TextFault]:
    """Return every finding, over all units. A service may use the shared translations."""
    used = {
        unit.name: {key: where for folder in (*unit.also, unit.folder) for key, where in marked(folder).items()}
        for unit in all_units
    }
    catalogs = {unit.name: _entries(read_catalog(unit.locale)) for unit in all_units}
    everywhere = {key for texts in used.values() for key in texts}
    result: list[TextFault] = []
    for unit in all_units:
        own = catalogs[unit.name]
        known = {**catalogs.get("shared", {}), **own}
        for key, where in used[unit.name].items():
            if key not in known or not _text(known[key]):
                result.append(TextFault(unit.name, "without Korean", key[1], where))
        needed = everywhere if unit.name == "shared" else used[unit.name].keys()
        for key, message in own.items():
            context, text = key
            used_by = ("", text) if context == STAFF else key  # said to both, and chosen by who reads it
            result.extend(_entry_findings(unit.name, key, message, used=used_by in needed))
    return result


def add_missing(unit: Unit, missing: Sequence[str]) -> None:
    """Append empty entries to a unit's ``ko.po``; what stands in it stays as it is."""
    known = {text for _, text in _entries(read_catalog(unit.locale))}
    if added := [text for text in dict.fromkeys(missing) if text not in known]:
        unit.locale.mkdir(exist_ok=True)
        with (unit.locale / "ko.po").open("a", encoding="utf-8") as file:
            file.writelines(f'\nmsgid {normalize(text, width=0)}\nmsgstr ""\n' for text in added)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns 0 when all is well."""
    parser = argparse.ArgumentParser(prog="python -m shared.web.messages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare and fail on a difference (the default)")
    parser.add_argument("--write", action="store_true", help="add missing entries to the ko.po files")
    options = parser.parse_args(arguments)
    all_units = units(Path(__file__).resolve().parents[2])
    found = findings(all_units)
    if options.write:
        for unit in all_units:
            add_missing(unit, [f.text for f in found if f.unit == unit.name and f.kind == "without Korean"])
        return 0
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"{len(found)} findings in the texts of {len(all_units)} units\n")
    if any(finding.kind == "without Korean" for finding in found):
        sys.stdout.write("run: .venv/bin/python -m shared.web.messages --write; then write the Korean into ko.po\n")
    return 1 if found else 0


def _extracted(path: Path, method: str) -> Iterator[tuple[int, Key]]:
    options = {"extensions": "jinja2.ext.i18n", "trimmed": "true", "silent": "false"} if method == "jinja2" else {}
    for line, message, _, context in extract(method, io.BytesIO(path.read_bytes()), _KEYWORDS, (), options):
        text = message if isinstance(message, str) else message[0]
        if text:
            yield line, (context or "", text)


def _entries(catalog: Catalog) -> dict[Key, Message]:
    return {(m.context or "", m.id if isinstance(m.id, str) else m.id[0]): m for m in catalog if m.id}


def _text(message: Message) -> str:
    return message.string if isinstance(message.string, str) else (message.string or ("",))[0]


def _entry_findings(unit: str, key: Key, message: Message, *, used: bool) -> Iterator[TextFault]:
    text = _text(message)
    if not used:
        yield TextFault(unit, "used nowhere", key[1], "ko.po")
    if message.fuzzy:
        yield TextFault(unit, "fuzzy", key[1], "ko.po")
    if text and placeholders(text) != placeholders(key[1]):
        yield TextFault(unit, "other holes", key[1], "ko.po")


if __name__ == "__main__":
    sys.exit(main())
