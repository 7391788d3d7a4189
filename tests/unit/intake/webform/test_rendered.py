"""The form's pages as they are rendered: what a browser may cut, and what each page has to offer."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from starlette.requests import Request

from services.intake import problems
from services.intake.receipts import promise
from services.intake.receipts.forms import again_at
from services.intake.receipts.models import MessageAsked
from services.intake.receipts.pages import _Actions
from services.intake.reports.models import State, StatusAnswer
from services.intake.submissions import idempotency
from services.intake.submissions.models import Submission
from services.intake.webform import form
from services.intake.webform.renderer import FormRenderer
from shared.settings import ServiceSettings
from shared.web.app import Problem
from shared.web.form_body import Typed
from shared.web.pages import Pages
from tests.support.clock import ManualClock

ROOT = Path(form.__file__).parents[1]
NOW = datetime(2026, 11, 29, 18, 0, tzinfo=UTC)
CUT_ALIKE = {"word", "earlier_receipt"}
"""Fields that are cut at the same length wherever they are typed, or are read only as far."""


@pytest.fixture(scope="module")
def view() -> FormRenderer:
    clock = ManualClock(NOW)
    pages = Pages(ROOT / "templates", ROOT / "locale", ServiceSettings(), "intake", clock=clock, leave="/leave")
    return FormRenderer(pages, clock, lambda moment: promise.outlook([], moment))


def request(path: str = "/", query: str = "lang=en") -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": [],
            "scheme": "http",
            "server": ("intake.test", 80),
        }
    )


def text_of(page: Any) -> str:
    return bytes(page.body).decode()


def cut_at(page: str) -> dict[str, int]:
    """Control and length at which a browser cuts what is typed or pasted."""
    fields = re.findall(r"<(?:input|textarea) id=\"[\w-]+\" name=\"(\w+)\"[^>]*?maxlength=\"(\d+)\"", page)
    return {name: int(length) for name, length in fields}


def refused(**more: str | tuple[str, ...]) -> set[str]:
    """The controls with a message, as a step's page or the whole form shows them."""
    said = {"role": "victim", "harm_types": "other", "contact_channels": ("phone", "email"), **more}
    typed = Typed({name: (value,) if isinstance(value, str) else value for name, value in said.items()})
    raw, found = form.submission_of(typed, "ko")
    with pytest.raises(Problem) as caught:
        problems.parsed(raw, Submission)
    found += form.problems_of(((e.field, e.reason) for e in caught.value.errors), typed)
    return {problem.control for problem in found}


def test_what_a_browser_cuts_is_refused_as_too_long(view: FormRenderer) -> None:
    """Else the end of a pasted text is lost, and nobody is told."""
    lengths = cut_at(text_of(view.whole(request(), Typed(), key=idempotency.new_key())))
    assert {"narrative", "not_safe", "phone", "email", "search_words"} <= lengths.keys()
    for name, length in lengths.items():
        if name not in CUT_ALIKE:
            assert name in refused(**{name: "가" * length}), name


def test_what_a_browser_cuts_of_a_message_is_refused(view: FormRenderer) -> None:
    length = cut_at(text_of(actions(view).page(request(), "message", Typed())))["text"]
    with pytest.raises(Problem):
        problems.parsed({"receipt": "1234", "text": "가" * length}, MessageAsked)


def actions(view: FormRenderer) -> _Actions:
    return _Actions(view, Mock(), Mock(), Mock())


def test_a_line_that_is_too_long_says_how_long_it_may_be(view: FormRenderer) -> None:
    [problem] = form.problems_of([("contact.not_safe", "too_long")])
    assert "100자" in problem.said(view.pages.translator("ko").gettext)


def test_changing_the_ways_of_contact_asks_for_the_name_too(view: FormRenderer) -> None:
    """What is not asked here is gone with the ways of before."""
    page = text_of(actions(view).page(request(), "contact", Typed()))
    asked = {name for name in form._CONTACT if f'name="{name}"' in page}
    assert asked == form._CONTACT.keys()


def test_another_code_is_said_to_end_the_one_passed_on(view: FormRenderer) -> None:
    """A page that is loaded again sends its form again, and each time it is sent makes a code."""
    asked = text_of(actions(view).page(request(), "hand-over", Typed()))
    assert "A code you made before no longer counts." in asked
    more: dict[str, Any] = {"shown_once": True, "code": "0000-0000-0000", "until": NOW, "receipt": "1"}
    shown = text_of(view.pages.render(request(), "handed.html", public=True, **more))
    assert "Loading this page again makes a new code: then the one you passed on no longer counts." in shown


@pytest.mark.parametrize("word_for_status", [False, True])
def test_on_the_status_each_number_has_its_name_and_check_again_its_space(
    view: FormRenderer, word_for_status: bool
) -> None:
    answer = StatusAnswer(
        state=State.RECEIVED, since=NOW, received_at=NOW, hand_over_until=NOW, word_for_status=word_for_status
    )
    page = text_of(actions(view).status_page(request(query="lang=ko"), "1", answer))
    assert "넘겨주기 번호를 무효로 하기" in page, "번호 alone is the receipt number"
    assert '<div class="again"><button' in page


@pytest.mark.parametrize(("messages", "said"), [(0, []), (1, ["You left 1 message."]), (2, ["You left 2 messages."])])
def test_the_status_says_what_it_counts(view: FormRenderer, messages: int, said: list[str]) -> None:
    answer = StatusAnswer(state=State.RECEIVED, since=NOW, received_at=NOW, messages=messages)
    page = text_of(actions(view).status_page(request(), "1", answer))
    assert re.findall(r"<p>(You left [^<]*)</p>", page) == said


@pytest.mark.parametrize(("is_set", "offered"), [(False, "Set a word of your own"), (True, "Change your word")])
def test_a_word_that_the_status_asked_for_is_changed_and_not_set(
    view: FormRenderer, is_set: bool, offered: str
) -> None:
    answer = StatusAnswer(state=State.RECEIVED, since=NOW, received_at=NOW, word_for_status=is_set)
    page = text_of(actions(view).status_page(request(), "1", answer))
    assert re.findall(r"<button type=\"submit\">(\w+ \w+ word[^<]*)<", page) == [offered]


@pytest.mark.parametrize(("seconds", "shown"), [(10, None), (60, None), (90, "03:02"), (3600, "04:01")])
def test_who_asked_too_often_is_told_from_when_on(view: FormRenderer, seconds: int, shown: str | None) -> None:
    """Somebody may be held back for an hour: trying again and again meanwhile is no help."""
    problem = Problem(429, "too_many_requests", "Too many.", retry_after=seconds)
    page = text_of(actions(view).entry(request("/status"), problem=problem))
    assert re.findall(r"You can try again at <time[^>]*>[^<]*?(\d\d:\d\d)<", page) == ([shown] if shown else [])
    assert again_at(Problem(503, "unavailable", "Away.", retry_after=600), NOW) is None


def test_who_cannot_speak_is_told_of_texting_the_police(view: FormRenderer) -> None:
    page = text_of(view.start(request(), going_on=False))
    assert 'href="sms:112"' in page
