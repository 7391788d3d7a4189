"""One fault of the tables: in English wherever that is enough, and in the reader's language on a page. Pure.

Texts are marked with ``n`` where they stand; their Korean is in ``shared/web/locale``. What a file calls its fields
(``land``, ``sea_air``) stays as it is in every language: that is what must be looked for.
"""

from collections.abc import Callable


def n(message: str) -> str:
    """Mark a text for translation, as ``shared.web.translations.gettext_noop``; tables know nothing of pages."""
    return message


class Fault(str):
    """The English text, which also knows what it was made from. ``where`` is the file or folder it begins with."""

    __slots__ = ("message", "values", "where")

    message: str
    values: dict[str, object]
    where: str

    def __new__(cls, message: str, where: str = "", **values: object) -> "Fault":
        """``values`` fill the holes of ``message``."""
        fault = super().__new__(cls, where + message % values)
        fault.message, fault.values, fault.where = message, values, where
        return fault

    def translated(self, translate: Callable[[str], str]) -> str:
        """The same in another language."""
        return self.where + translate(self.message) % self.values

    def within(self, where: str) -> "Fault":
        """The same fault of a file or folder."""
        return Fault(self.message, where + self.where, **self.values)
