"""What staff are told when something did not count."""

from services.notify.console import api, problems
from services.notify.problems import unavailable
from services.notify.team import pages

AT_ODDS = (api._DUTY_CHANGED, pages._CHANGED, str(unavailable().detail), *problems._WORDS.values())


def test_no_conflict_says_that_nothing_was_changed() -> None:
    """The answer to an earlier try may have been lost, and what it did was counted."""
    assert [words for words in AT_ODDS if "nothing was changed" in words.lower()] == []
