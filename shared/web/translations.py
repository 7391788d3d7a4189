"""Korean texts, read from the ``ko.po`` files at start. The message id is the English text itself."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from shared.labels import Label
from shared.web.language import Language

SHARED_LOCALE = Path(__file__).parent / "locale"
"""The texts every page shares."""


STAFF: Final = "staff"
"""The context of texts that the public and staff both read: Korean is 해요체 to the public and 합니다체 to staff."""


def gettext_noop(message: str) -> str:
    """Mark a text for translation; it is translated when it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class Translator:
    """The texts of one language. A text without translation is shown in English: a check finds those, not a person."""

    language: Language
    messages: Mapping[str | tuple[str, str], str] = field(default_factory=dict)

    def gettext(self, message: str) -> str:
        """The text in this language. A shared label has its own texts."""
        return message.text(self.language) if isinstance(message, Label) else self.messages.get(message, message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """The text for a number of things. Korean has one form, English two."""
        return self.messages.get(singular, singular if number == 1 else plural)

    def pgettext(self, context: str, message: str) -> str:
        """The text in this language where one English text has several; where the context has none, the usual one."""
        return self.messages.get((context, message)) or self.gettext(message)

    def npgettext(self, context: str, singular: str, plural: str, number: int) -> str:
        """``ngettext`` with a context."""
        return self.messages.get((context, singular), singular if number == 1 else plural)


def read_catalog(folder: Path) -> Catalog:
    """The parsed ``ko.po`` of a folder; an empty catalogue where there is none. Raises on a malformed file."""
    path = folder / "ko.po"
    if not path.exists():
        return Catalog(locale="ko")
    with path.open("rb") as file:
        return read_po(file, locale="ko", abort_invalid=True)


def load(folders: Iterable[Path]) -> dict[Language, Translator]:
    """Both translators; of several folders that translate the same text the last one wins."""
    korean: dict[str | tuple[str, str], str] = {}
    for folder in folders:
        file = folder / "ko.po"
        korean |= _korean(folder, file.stat().st_mtime_ns if file.exists() else 0)
    return {"ko": Translator("ko", korean), "en": Translator("en")}


@cache
def _korean(folder: Path, changed_at: int) -> Mapping[str | tuple[str, str], str]:  # as it stood then
    """A folder's texts, read once for all services of a process: parsing them is half of what their pages cost."""
    texts: dict[str | tuple[str, str], str] = {}
    for message in read_catalog(folder):
        if not message.id or message.fuzzy:
            continue
        singular = message.id if isinstance(message.id, str) else message.id[0]
        text = message.string if isinstance(message.string, str) else (message.string or ("",))[0]
        if text:
            texts[(message.context, singular) if message.context else singular] = text
    return texts


def placeholders(text: str) -> frozenset[str]:
    """The ``%(name)s`` holes of a text; a translation must have the same."""
    return frozenset(re.findall(r"%\((\w+)\)[sd]", text))
