"""What a page says, for tests that look for what it must not say."""

import re
from html.parser import HTMLParser
from typing import Final

GEOMETRY: Final = {
    *("x", "y", "dx", "dy", "x1", "y1", "x2", "y2", "cx", "cy", "r", "d", "width", "height", "viewbox"),
    *("patterntransform", "transform", "stroke-width"),
}
"""Attributes that draw; what they give away is looked at in the drawn page."""
_SILENT: Final = {"code", "option", "script", "style"}
_NOT_WORDS: Final = re.compile(
    r"“(?:leaf|group|region|total|at_least|at_most|low|high|interval|erratum)”"  # quoted as they stand in the files
    r"|“(?:home|linked|home_|no_home_)”"  # and in the events
    r"|\?revision="
    r"|(?<![A-Za-z])(CSVW?|JSON|NDJSON|PARQUET|Parquet|ZIP|PDF|API|ETag|ISO|UTC|Q\d|W\d+|HTTP|IEUM_\w+|Kafka|hidden)(?![A-Za-z])"
)


_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")


class Page(HTMLParser):
    """Numbers in what nobody sees (attributes that do not draw, comments), and texts of ``main`` outside code."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.unseen: list[str] = []
        self.texts: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append((tag, dict(attrs).get("class") or ""))
        for name, value in attrs:
            if name not in GEOMETRY and any(tag == "body" for tag, _ in self._open):
                # A moment is no count: its minute is any number of 60.
                self.unseen += re.findall(r"(?<![\w.-])\d+(?![\w.-])", _MOMENT.sub("", value or ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_comment(self, data: str) -> None:
        self.unseen += re.findall(r"\d+", data)

    def handle_data(self, data: str) -> None:
        tags = {tag for tag, _ in self._open}
        notes = any("notes" in classes.split() for _, classes in self._open)
        if "main" in tags and not tags & _SILENT and not notes and data.strip():
            self.texts.append(data.strip())

    def foreign(self, lang: str) -> list[str]:
        """Texts that are not in the page's language."""
        other = re.compile("[가-힣]" if lang == "en" else "[A-Za-z]{2,}")
        return [text for text in self.texts if other.search(_NOT_WORDS.sub("", text))]
