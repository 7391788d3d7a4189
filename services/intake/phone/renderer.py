"""Pages of calls: the form's questions on one page, the texts to read aloud, small answers to saves."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from fastapi import Request, Response

from services.intake.phone import scripts
from services.intake.phone import words as call_words
from services.intake.phone.drafts import CallDrafts
from services.intake.phone.models import Call
from services.intake.phone.service import Lists
from services.intake.phone.submitting import Given
from services.intake.reports.waiting_period import WordChosen
from services.intake.staff_access import words as staff_words
from services.intake.webform import advice, step_words, steps
from services.intake.webform.form import FieldProblem
from services.intake.webform.renderer import FormRenderer
from shared.centers import districts_of
from shared.clock import SEOUL, Clock
from shared.web.form_body import Typed
from shared.web.language import LANGUAGES

CLOCK: Final = "%H:%M:%S"
"""How a moment of today is written: Korean time, to the second."""


class CallRenderer:
    """Renders."""

    def __init__(self, view: FormRenderer, drafts: CallDrafts, clock: Clock) -> None:
        """``view`` has the form's choices and labels."""
        self.pages: Final = view.pages
        self._view = view
        self._drafts = drafts
        self._clock = clock

    def lists(self, request: Request, lists: Lists) -> Response:
        """Render the operator's first page."""
        return self.pages.render(
            request, "calls.html", mine=lists.mine, offered=lists.offered, code_of=self._drafts.code_of, time=_time
        )

    def page(
        self,
        request: Request,
        call_id: str,
        call: Call | None,
        typed: Typed,
        *,
        problems: Sequence[FieldProblem] = (),
        notice: str = "",
        linked: bool = False,
        status: int = 200,
    ) -> Response:
        """The page of a call. Without ``call``: nothing can be known of it just now, and what was typed is shown."""
        role = step_words.role_of(typed.one("role"))
        began = call.started_at if call is not None else None
        fields = self._view.fields(request, typed, problems, to_staff=True)
        return self.pages.render(
            request,
            "call.html",
            status=status,
            call_id=call_id,
            code=self._drafts.code_of(call_id),
            began=began,
            saved=_time(call.saved_at) if call is not None and call.saved_at is not None else "",
            lasted=(self._clock.now() - began).total_seconds() if began is not None else 0.0,
            time=_time,
            slugs=[one.slug for one in steps.STEPS],
            shown={one.slug for one in steps.STEPS if one.applies(typed)},
            required={one.slug for one in steps.STEPS if one.required},
            say={one.slug: step_words.asked(one.slug, role) for one in steps.STEPS},
            note={one.slug: step_words.note(one.slug, role) for one in steps.STEPS},
            notice=notice,
            linked=linked,
            advice=advice.fitting(typed),
            spoken=self._spoken(),
            read_in=self._readings(request),
            consents=[(item, self.pages.gettext(request)(text)) for item, text in staff_words.CONSENTS.items()],
            form_of_step="step",
            **fields,
        )

    def offered(self, request: Request, call: Call) -> Response:
        """A call its holder offers, until somebody takes it."""
        return self.pages.render(
            request, "call-offered.html", call=call, code=self._drafts.code_of(call.call_id), time=_time
        )

    def receipt(self, request: Request, call: Call, given: Given | None) -> Response:
        """The receipt, to be read out; ``given`` None: not received yet."""
        return self.pages.render(
            request,
            "call-receipt.html",
            status=200 if given else 503,
            call=call,
            code=self._drafts.code_of(call.call_id),
            given=given,
            fours=scripts.fours(given.receipt) if given else [],
            spoken=self._spoken_with_receipt(given.word) if given else [],
            not_sent=call_words.NOT_SENT,
        )

    def addition(
        self, request: Request, typed: Typed, *, key: str, problems: Sequence[FieldProblem] = (), status: int = 200
    ) -> Response:
        """The page on which a caller's addition is typed."""
        fields = self._view.fields(request, typed, problems, to_staff=True)
        return self.pages.render(request, "call-addition.html", status=status, idempotency_key=key, said="", **fields)

    def added(self, request: Request, *, key: str) -> Response:
        """The same page, empty, after something was added."""
        fields = self._view.fields(request, Typed(), ())
        return self.pages.render(request, "call-addition.html", idempotency_key=key, said=call_words.ADDED, **fields)

    def kept(self, request: Request, call: Call, problems: Sequence[FieldProblem]) -> Response:
        """All that somebody is told whose sign-in ran out: what was kept, and when."""
        return _json({"saved": _time(call.saved_at), "problems": self._said(request, problems)}, problems)

    def answer(
        self, request: Request, call: Call, typed: Typed, problems: Sequence[FieldProblem], *, linked: bool
    ) -> Response:
        """Return the data that the page's script needs after a save."""
        translate = self.pages.gettext(request)
        role = step_words.role_of(typed.one("role"))
        language = self.pages.language(request)
        districts = districts_of(typed.one("division"))
        sections = {
            one.slug: {
                "shown": one.applies(typed),
                "title": translate((asked := step_words.asked(one.slug, role)).title),
                "why": translate(asked.why),
                "note": translate(note) if (note := step_words.note(one.slug, role)) else "",
            }
            for one in steps.STEPS
        }
        said = {
            "saved": _time(call.saved_at),
            "problems": self._said(request, problems),
            "sections": sections,
            "districts": [[one.code, one.name(language)] for one in districts],
            "linked": linked,
        }
        return _json(said, problems)

    def _said(self, request: Request, problems: Sequence[FieldProblem]) -> dict[str, str]:
        return dict(self._view.said(request, problems, to_staff=True))

    def _readings(self, request: Request) -> list[tuple[str, str]]:
        translate = self.pages.gettext(request)
        return [(f"{language}:{scripts.VERSION}", translate(text)) for language, text in call_words.READ_IN.items()]

    def _spoken(self) -> list[dict[str, Any]]:
        """Every text that is read out before it is sent, in both languages: the caller's need not be the operator's."""
        found = []
        for language in LANGUAGES:
            say = self.pages.translator(language).gettext
            found.append(
                {
                    "language": language,
                    "opening": [say(text) for text in scripts.OPENING],
                    "before": [say(text) for text in scripts.CONSENT_OPENING],
                    "consents": [say(text.spoken) for text in scripts.CONSENTS],
                    "after": say(scripts.CONSENT_CLOSING),
                }
            )
        return found

    def _spoken_with_receipt(self, word: WordChosen) -> list[dict[str, Any]]:
        found = []
        for language in LANGUAGES:
            say = self.pages.translator(language).gettext
            found.append(
                {
                    "language": language,
                    "receipt_before": [say(text) for text in scripts.RECEIPT_OPENING],
                    "receipt_after": [say(text) for text in scripts.receipt_closing(word)],
                }
            )
        return found


def _json(said: dict[str, Any], problems: Sequence[FieldProblem]) -> Response:
    return Response(orjson.dumps(said), 422 if problems else 200, media_type="application/json")


def _time(moment: datetime | None) -> str:
    return moment.astimezone(SEOUL).strftime(CLOCK) if moment is not None else ""
