"""The form between two shapes: what a browser sends, and what a submission is. And what is wrong, field by field."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from services.intake.submissions import text as texts
from services.intake.submissions.models import PHRASE_CHARS
from services.intake.webform import typed_links
from services.intake.webform.typed_links import Seen, TypedLine
from services.intake.webform.words import CONSENT_VERSION
from shared.clock import SEOUL
from shared.events.vocabulary import HarmType
from shared.web.form_body import Typed
from shared.web.translations import gettext_noop as n

_CHOICES: Final = ("role", "division", "district", "age_band", "gender", "relationship", "platform_kind")
_LISTS: Final = ("harm_types", "declined_centers", "already_told")
_YES_NO: Final = ("still_spreading", "threatened", "money_demanded")
_LINES: Final = ("narrative", "seen_when", "search_words", "word")
_CONTACT: Final = {
    "contact_name": "name",
    "phone": "phone",
    "email": "email",
    "hours": "hours",
    "not_safe": "not_safe",
    "may_say": "may_say",
    "center_codeword": "center_codeword",
    "person_codeword": "person_codeword",
}
PDQ: Final = "pdq:"
"""Before a line that is a PDQ hash of an image; the others are SHA-256 of its file."""
_UNKNOWN: Final = "unknown"
"""A person said that they do not know, or would rather not say: an answer, and to a submission like none."""

_SAID_BY_HARM: Final = {
    "threatened": HarmType.DISTRIBUTION_THREAT,
    "money_demanded": HarmType.BODY_CAM_PHISHING,
}
_SURE: Final = ("yes", "no")

_CONTROLS: Final = {
    "contact.channels": "contact_channels",
    **{f"contact.{inner}": control for control, inner in _CONTACT.items()},
    "fingerprints": "marks",
    "picture_hashes": "marks",
    "offender_handles": "accounts",
    "on_behalf": "relation",
    "on_behalf.relation": "relation",
}
"""Fields of a submission whose control has another name."""

_SENTENCES: Final = {
    ("role", "required"): n("Choose who is reporting."),
    ("harm_types", "required"): n("Choose what happened. More than one is fine, and “not sure” is too."),
    ("harm_types", "too_few"): n("Choose what happened. More than one is fine, and “not sure” is too."),
    ("narrative", "too_long"): n("Shorten what happened to 4,000 characters; the rest can be told later."),
    ("urls", "too_many"): n("Give at most 20 links; more can be added later."),
    ("urls", "too_long"): n("One of the links is longer than 2,000 characters."),
    ("urls", "not_a_web_address"): n(
        "One of the lines is no link we can read. A link looks like https://example.com/post, an account like @name."
    ),
    ("marks", "too_many"): n("Give fingerprints of at most 20 pictures."),
    ("marks", "wrong_form"): n("One of the lines is no fingerprint. Please leave only lines that this page made."),
    ("accounts", "too_many"): n("Give at most 10 accounts; more can be added later."),
    ("accounts", "too_long"): n("One of the accounts is longer than 100 characters. One on each line, please."),
    ("search_words", "too_long"): n("Shorten the search words to 300 characters."),
    ("division", "unknown_division"): n("We do not know this place. Choose it from the list, or leave it open."),
    ("division", "ambiguous_division"): n("Several places have this name. Choose the right one."),
    ("district", "unknown_district"): n("This district is not in the place you chose. Choose it again."),
    ("already_told", "nobody_and_others"): n("“Nobody yet” does not go with another answer. Choose one or the other."),
    ("threat_deadline", "deadline_out_of_range"): n(
        "This time is more than five years away. Check the year, or leave it empty."
    ),
    ("consents", "consent_needed"): n(
        "To be contacted, somebody must have agreed to at least one of these. Tick what was agreed to, or leave the "
        "contact out."
    ),
    ("contact_channels", "number_without_way"): n("Choose how the centre may use this number, or clear the number."),
    ("contact_channels", "address_without_way"): n("Choose how the centre may use this address, or clear the address."),
    ("contact_channels", "only_here"): n(
        "“Only here” excludes every other way. Leave it out, or choose nothing beside it."
    ),
    ("phone", "needs_phone"): n("Enter a phone number, or choose another way of contact."),
    ("email", "needs_email"): n("Enter an e-mail address, or choose another way of contact."),
    ("phone", "not_a_phone_number"): n(
        "Check the phone number: digits only, and none missing. For example 010-0000-0000."
    ),
    ("email", "not_an_email_address"): n("Enter the e-mail address like name@example.com."),
    ("relation", "only_for_representatives"): n(
        "These answers are for reporting for someone else. Choose that above, or clear them here."
    ),
    ("declined_centers", "declines_every_center"): n("Leave at least one centre that may help."),
    ("text", "too_short"): n("Write your message."),
    ("text", "too_long"): n("Shorten the message to 2,000 characters, or leave two."),
    ("word", "too_short"): n("Choose a word of at least 4 letters or digits."),
    ("word", "too_long"): n("Choose a word of at most 64 letters or digits."),
    ("word", "needs_word"): n("Enter a word, or clear the box that says the status should need it."),
    ("code", "required"): n("Type the 12 digits of the code that you were given."),
    ("new_word", "required"): n("Choose a word of at least 4 letters or digits."),
    ("new_word", "too_short"): n("Choose a word of at least 4 letters or digits."),
    ("new_word", "too_long"): n("Choose a word of at most 64 letters or digits."),
    ("threat_deadline", "wrong_time"): n(
        "Enter the date and time of the deadline, for example 2026-12-01 18:00, or leave it empty."
    ),
    **{
        (control, "too_long"): n("This is longer than 100 characters. Please shorten it.")
        for control in ("contact_name", "hours", "not_safe", "center_codeword", "person_codeword", "seen_when")
    },
}
_ANYWHERE: Final = {
    "resident_registration_number": n(
        "There seems to be a resident registration number here. By law it cannot be kept: please remove it."
    ),
    "media_bytes": n("There seems to be a picture or file here. Please send only its link."),
    "control_character": n("There are characters here that cannot be read. Please type the text again."),
    "too_long": n("This text is too long. Please shorten it."),
}
_OTHERWISE: Final = n("Please check this answer.")
_IN_LINE: Final = {
    ("urls", "too_long"): n("Line %(line)s is longer than 2,000 characters: “%(text)s”"),
    ("urls", "not_a_web_address"): n(
        "Line %(line)s is no link we can read: “%(text)s”. A link looks like https://example.com/post, an account like "
        "@name."
    ),
    ("accounts", "too_long"): n("Line %(line)s is longer than 100 characters: “%(text)s”. One on each line, please."),
}
"""The same where the line is known."""
_IN_ANY_LINE: Final = {
    "resident_registration_number": n(
        "There seems to be a resident registration number in line %(line)s. By law it cannot be kept: please remove it."
    ),
    "media_bytes": n("There seems to be a picture or file in line %(line)s. Please send only its link."),
    "control_character": n("There are characters in line %(line)s that cannot be read. Please type it again."),
}
_WORDS_TOO_LONG: Final = n(
    "The words beside the links are too long. Please move them to what happened, or shorten them to 300 characters."
)
_SHOWN_CHARS: Final = 40
"""Of a line, where it is named."""


class FieldProblem(NamedTuple):
    """A message about one control. ``message`` is an English message id."""

    control: str
    message: str
    line: int = 0
    """The line of the control, from 1; 0 for all of it."""
    text: str = ""
    """How that line begins."""

    def said(self, translate: Callable[[str], str]) -> str:
        """The sentence in a language."""
        sentence = translate(self.message)
        return sentence % {"line": self.line, "text": self.text} if self.line else sentence


def submission_of(typed: Typed, language: str) -> tuple[dict[str, Any], list[FieldProblem]]:
    """The submission a form means, as JSON values, and what already cannot be read of it."""
    raw: dict[str, Any] = {"channel": "web", "language": typed.one("language") or language}
    raw |= {name: typed.one(name) for name in _CHOICES if typed.one(name)}
    raw |= {name: list(typed.all(name)) for name in _LISTS if typed.all(name)}
    raw |= {name: typed.one(name) == "yes" for name in _YES_NO if typed.one(name) in _SURE}
    raw |= {name: typed.one(name) for name in _LINES}
    raw["word_for_status"] = typed.one("word_for_status") == "yes"
    raw |= seen_of(typed)
    harms = typed.all("harm_types")
    for name, harm in _SAID_BY_HARM.items():
        if harm in harms and name not in raw:
            raw[name] = True  # said with what happened, and not asked again
    raw |= _marks(typed.one("marks"))
    raw["contact"] = contact_of(typed)
    if on_behalf := _on_behalf(typed):
        raw["on_behalf"] = on_behalf
    if agreed := consents_of(typed):
        raw["consents"] = agreed
    problems = []
    if typed.one("threat_deadline"):
        deadline = _deadline(typed.one("threat_deadline"))
        raw["threat_deadline"] = deadline
        problems = [] if deadline else [FieldProblem("threat_deadline", _SENTENCES["threat_deadline", "wrong_time"])]
    return raw, problems


def seen_of(typed: Typed) -> dict[str, Any]:
    """Links, accounts and words to search for, from the boxes for each; the one for links may hold all three."""
    seen = typed_links.read(typed.one("urls"))
    accounts = [*lines_of(typed.one("accounts")), *(line.text for line in seen.accounts)]
    words = [said for said in (typed.one("search_words").strip(), *(line.text for line in seen.words)) if said]
    return {
        "urls": [line.text for line in seen.links],
        "offender_handles": list(dict.fromkeys(accounts)),
        "search_words": ", ".join(words),
    }


def addition_of(typed: Typed) -> dict[str, Any]:
    """Text, links and accounts of an addition.

    Words beside the links go with the text: search words of an addition would stand in the place of earlier ones.
    """
    seen = seen_of(typed)
    beside = [line.text for line in typed_links.read(typed.one("urls")).words]
    said = [text for text in (typed.one("narrative").strip(), "\n".join(beside)) if text]
    return {"urls": seen["urls"], "offender_handles": seen["offender_handles"], "narrative": "\n\n".join(said)}


def contact_of(typed: Typed) -> dict[str, Any]:
    """Ways of contact with all that keeps them safe, as JSON values."""
    said = {inner: typed.one(control) for control, inner in _CONTACT.items()}
    contact: dict[str, Any] = {
        name: value for name, value in said.items() if value and (name, value) != ("may_say", _UNKNOWN)
    }
    contact["channels"] = list(typed.all("contact_channels"))
    contact["may_leave_message"] = typed.one("may_leave_message") == "yes"
    return contact


def way_left_out(typed: Typed) -> list[FieldProblem]:
    """Return what is wrong where a number or address is given and no way to use it: nobody would ever try it."""
    if typed.all("contact_channels"):
        return []
    left_out = {"phone": "number_without_way", "email": "address_without_way"}
    return problems_of(("contact.channels", reason) for name, reason in left_out.items() if typed.one(name).strip())


def consents_of(typed: Typed) -> dict[str, Any] | None:
    """Return the consents given, under the wording shown; None if there are none."""
    agreed = typed.all("consents")
    return {"version": CONSENT_VERSION, **dict.fromkeys(agreed, True)} if agreed else None


def _on_behalf(typed: Typed) -> dict[str, Any]:
    relation = typed.one("relation")
    answers: dict[str, Any] = {"relation": relation} if relation not in ("", _UNKNOWN) else {}
    known = ("victim_knows", "victim_agrees")
    return answers | {name: typed.one(name) == "yes" for name in known if typed.one(name) in _SURE}


def lines_of(text: str) -> list[str]:
    """The lines of a text with something in them."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _marks(text: str) -> dict[str, list[str]]:
    lines = lines_of(text)
    return {
        "fingerprints": [line for line in lines if not line.startswith(PDQ)],
        "picture_hashes": [line.removeprefix(PDQ) for line in lines if line.startswith(PDQ)],
    }


def _deadline(text: str) -> str | None:
    """A local time of Korea as a browser sends it, with its offset."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SEOUL).isoformat()
    except ValueError:
        return None


def problems_of(errors: Iterable[tuple[str, str]], typed: Typed | None = None) -> list[FieldProblem]:
    """Return messages for refused fields, given as (field, reason); one per control, in the given order.

    ``typed`` tells in which line of a box it is.
    """
    said: dict[str, FieldProblem] = {}
    seen = typed_links.read(typed.one("urls")) if typed else None  # once: a box may be as large as a form
    for place, reason in errors:
        found = _problem_in_line(place, reason, typed, seen) if typed and seen else None
        problem = found or _problem(_control(place), reason)
        said.setdefault(problem.control, problem)
    return list(said.values())


def _problem(control: str, reason: str) -> FieldProblem:
    message = _SENTENCES.get((control, reason)) or _ANYWHERE.get(reason) or _OTHERWISE
    return FieldProblem(control, message)


def _problem_in_line(place: str, reason: str, typed: Typed, seen: Seen) -> FieldProblem | None:
    """The same for a line of the boxes for links and accounts, where what was sent is in several fields."""
    name, _, index = place.partition(".")
    line: TypedLine | None = None
    control = "urls"
    if name == "urls" and index.isdigit():
        line = seen.links[int(index)] if int(index) < len(seen.links) else None
    elif name == "offender_handles" and index.isdigit():
        control, line = _line_of_account(int(index), seen, typed)
    elif name in ("search_words", "narrative") and seen.words:
        if (name, reason) == ("search_words", "too_long") and len(typed.one("search_words").strip()) <= PHRASE_CHARS:
            return FieldProblem("urls", _WORDS_TOO_LONG)
        if reason in _IN_ANY_LINE:  # else no line is named, and what was too long may be as long as a form
            line = next((one for one in seen.words if texts.refused(one.text) == reason), None)
    message = _IN_LINE.get((control, reason)) or _IN_ANY_LINE.get(reason)
    if line is None or message is None:
        return None
    shown = line.typed if len(line.typed) <= _SHOWN_CHARS else f"{line.typed[:_SHOWN_CHARS]}…"
    return FieldProblem(control, message, line.number, shown)


def _line_of_account(index: int, seen: Seen, typed: Typed) -> tuple[str, TypedLine | None]:
    own = [TypedLine(at, line.strip(), line.strip()) for at, line in enumerate(typed.one("accounts").splitlines(), 1)]
    named = list({line.text: ("accounts", line) for line in own if line.text}.values())
    known = {line.text for _, line in named}
    named += [("urls", line) for line in {line.text: line for line in seen.accounts}.values() if line.text not in known]
    return named[index] if index < len(named) else ("accounts", None)


def _control(place: str) -> str:
    named = ".".join(part for part in place.split(".") if not part.isdigit())
    return _CONTROLS.get(named, named)


def options(words: Iterable[tuple[str, ...]], translate: Callable[[str], str]) -> list[tuple[str, ...]]:
    """(value, label[, hint]) in a language."""
    return [(str(value), *(translate(text) if text else "" for text in texts)) for value, *texts in words]
