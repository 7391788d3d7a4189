"""Changes that a receipt alone makes only after a day, so that its owner can see and stop them. Pure.

A receipt is 16 digits on paper, and the person it must be kept from may live in the same home. Two acts would lock its
owner out for good: destroying the report at once, and setting a word where none was. Both wait, the status page tells
of them, and until then whoever holds the receipt can cancel them. While a word waits no other can be set, so that
nobody puts theirs in its place unseen. A word that was set with the report, or when it was
taken over, shows more than that somebody found the receipt: who has it need not wait.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

WAIT: Final = timedelta(hours=24)
"""Long enough for somebody who looks once a day; shorter than the time for second thoughts."""
WORD: Final = "word"
"""The hash of a word that was set with the report, or when it was taken over."""
LATER: Final = "word_later"
"""A word that was first set with the receipt alone, see ``LaterWord``."""
FOR_STATUS: Final = "word_for_status"
"""Whether the status needs the word of ``WORD`` too, as its reporter chose."""


class LaterWord(BaseModel):
    """A passphrase first set with the receipt alone, as stored. Replacing it, with it, changes no time."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hash: str
    asked_at: datetime
    counts_from: datetime
    for_status: bool = False
    """Whether the status needs it too, once it counts."""


class WordChosen(NamedTuple):
    """What holds of a report's passphrase now, for who may hear of it."""

    in_force: bool
    """Messages, additions and taking back need it."""
    for_status: bool
    """The status needs it too."""


def later_word(document: Mapping[str, Any]) -> LaterWord | None:
    """The word that was first set with the receipt alone, whether it counts yet or not."""
    stored = document.get(LATER)
    return LaterWord.model_validate(stored) if stored and document.get(WORD) is None else None


def word_in_force(document: Mapping[str, Any], now: datetime) -> str | None:
    """The hash of the word that is needed now; None where the receipt is enough."""
    first: str | None = document.get(WORD)
    later = later_word(document)
    return later.hash if later is not None and later.counts_from <= now else first


def waiting_word(document: Mapping[str, Any], now: datetime) -> LaterWord | None:
    """The word that does not count yet; None where none waits."""
    later = later_word(document)
    return later if later is not None and now < later.counts_from else None


def needed_for_status(document: Mapping[str, Any], now: datetime) -> bool:
    """Return whether the status needs the passphrase in force, as its owner chose; else the receipt is enough."""
    later = later_word(document)
    if later is not None:
        return later.for_status and later.counts_from <= now
    return document.get(WORD) is not None and bool(document.get(FOR_STATUS))


def chosen(document: Mapping[str, Any], now: datetime) -> WordChosen:
    """What the passphrase guards now, as its owner chose."""
    return WordChosen(word_in_force(document, now) is not None, needed_for_status(document, now))


def may_act_at_once(document: Mapping[str, Any]) -> bool:
    """Return whether the authenticated person has shown more than the receipt."""
    return document.get(WORD) is not None


def counted(document: Mapping[str, Any], made: Iterable[Mapping[str, Any]], now: datetime) -> int:
    """Count the messages or additions towards the most that one receipt may make.

    Once a word counts that was set later, only those since: whoever found the receipt could have used up all of them,
    and its owner could say nothing more.
    """
    later = later_word(document)
    since = later.counts_from if later is not None and later.counts_from <= now else None
    return sum(since is None or one["at"] >= since for one in made)


def with_word(
    document: Mapping[str, Any], hashed: str, now: datetime, *, for_status: bool | None = None
) -> dict[str, Any]:
    """The fields that set a word, or replace the one in force. Not while one waits, see ``waiting_word``.

    ``for_status``: whether the status needs it too; None: as with the one before.
    """
    if document.get(WORD) is not None:
        return {WORD: hashed} if for_status is None else {WORD: hashed, FOR_STATUS: for_status}
    later = later_word(document)
    if later is not None and later.counts_from <= now:
        chosen = later.for_status if for_status is None else for_status
        return {LATER: later.model_copy(update={"hash": hashed, "for_status": chosen}).model_dump()}
    first = LaterWord(hash=hashed, asked_at=now, counts_from=now + WAIT, for_status=bool(for_status))
    return {LATER: first.model_dump()}


def submitted_with(hashed: str, *, for_status: bool) -> dict[str, Any]:
    """The fields of a new report that was submitted with a word, which counts from the start."""
    return {WORD: hashed, FOR_STATUS: True} if for_status else {WORD: hashed}
