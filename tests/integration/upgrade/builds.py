"""A successor of this build: today's sources with what a later minor release may add to events."""

import shutil
from pathlib import Path
from typing import Final

from tools.local.processes import PROJECT

NEW_HARM, NEW_WAY = "voice_cloning", "letter"
NEW_FIELD: Final = "by_telephone"
_PARTS: Final = ("services", "shared")
_VOCABULARY, _SAMPLE = "shared/events/vocabulary.py", "services/analytics/releases/sample.py"
_REPORTS: Final = "shared/events/reports.py"
_ADDED: Final = (
    (
        _VOCABULARY,
        '    CHILD_MATERIAL = "child_material"\n    OTHER = "other"\n',
        f'    VOICE_CLONING = "{NEW_HARM}"\n',
    ),
    (_VOCABULARY, '    TEXT = "text"\n', f'    LETTER = "{NEW_WAY}"\n'),
    (_SAMPLE, "_HARMS: Final = (", "1, "),
    (_REPORTS, '    """What readers need to know of the report."""\n', f"    {NEW_FIELD}: bool = True\n"),
)
"""Where, after what, and what: a later release also gives each harm its share of the sample."""


def later(folder: Path) -> Path:
    """Today's sources with new words in two open vocabularies and one more optional field."""
    for part in _PARTS:
        # With what was compiled of it, but for files that another process is just writing.
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("*.pyc.*"))
    for name, after, added in _ADDED:
        file = folder / name
        text = file.read_text(encoding="utf-8")
        if text.count(after) != 1:
            raise ValueError(f"{name}: {after!r} is there {text.count(after)} times")
        file.write_text(text.replace(after, after + added), encoding="utf-8")
    return folder
