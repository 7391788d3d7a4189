"""Three builds of the services: the last one before this project's contracts, today's, and one of tomorrow.

The earlier one is taken out of the repository's history and runs with today's packages. Tomorrow's is today's with
words added to open vocabularies, as a later release would add them.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tools.local.processes import PROJECT

EARLIER: Final = "0b3276d56c735f92f189554bc74076c43af95423"
"""Release 0.1.0 as it was before vocabularies could be open and records named their schema."""
NEW_HARM, NEW_WAY = "voice_cloning", "letter"
_PARTS: Final = ("services", "shared")
_VOCABULARY, _SAMPLE = "shared/events/vocabulary.py", "services/analytics/releases/sample.py"
_ADDED: Final = (
    (
        _VOCABULARY,
        '    CHILD_MATERIAL = "child_material"\n    OTHER = "other"\n',
        f'    VOICE_CLONING = "{NEW_HARM}"\n',
    ),
    (_VOCABULARY, '    TEXT = "text"\n', f'    LETTER = "{NEW_WAY}"\n'),
    (_SAMPLE, "_HARMS: Final = (", "1, "),
)
"""Where, after what, and what: a later release also gives each harm its share of the sample."""
_UVLOOP: Final = (
    '"""Stands for uvloop, which that build ran on."""\n\nfrom asyncio import new_event_loop as new_event_loop\n'
)


def earlier(folder: Path) -> Path | None:
    """The sources of the earlier build, or None in a clone without its commit."""
    packed = subprocess.run(["git", "archive", EARLIER, *_PARTS], cwd=PROJECT, capture_output=True, check=False)
    if packed.returncode:
        return None
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    (folder / "uvloop.py").write_text(_UVLOOP, encoding="utf-8")
    return folder


def later(folder: Path) -> Path:
    """Today's sources with new words in two open vocabularies."""
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
