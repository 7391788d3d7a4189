"""What staff are told when something did not count."""

from pathlib import Path

import services.notify
from services.notify.cases.models import EntryKind
from services.notify.console import dependencies, problems
from services.notify.team import pages

AT_ODDS = (dependencies._DUTY_CHANGED, pages._CHANGED, str(problems.unavailable().detail), *problems._WORDS.values())


def test_no_conflict_says_that_nothing_was_changed() -> None:
    """The answer to an earlier try may have been lost, and what it did was counted."""
    assert [words for words in AT_ODDS if "nothing was changed" in words.lower()] == []


def test_every_line_of_a_timeline_has_words() -> None:
    template = Path(services.notify.__file__).parent / "templates" / "timeline.html"
    words = template.read_text(encoding="utf-8")
    assert [kind.value for kind in EntryKind if f'entry.kind == "{kind}"' not in words] == []
    assert "Something that this version does not know." in words
