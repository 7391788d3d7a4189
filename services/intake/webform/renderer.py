"""Render the form's pages: choices in the reader's language, the wording of a role, messages beside controls."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from fastapi import Request, Response

from services.intake.problems import RETRY_SECONDS
from services.intake.receipts import promise_words
from services.intake.receipts.promise import Outlook
from services.intake.submissions.models import NARRATIVE_CHARS, PHRASE_CHARS, typed_chars
from services.intake.webform import advice, drafts, form, safety_texts, step_words, steps, summary, words
from services.intake.webform.form import FieldProblem
from services.intake.webform.steps import CHECK, LAST, FormStep
from shared.centers import CENTER_IDS, TABLES, center, districts_of, divisions_on
from shared.clock import Clock, seoul_date
from shared.events.vocabulary import ContactChannel, Role, Urgency
from shared.web.form_body import Typed
from shared.web.language import LANGUAGES
from shared.web.pages import Pages
from shared.web.translations import STAFF
from shared.web.translations import gettext_noop as n

BEGIN_AGAIN: Final = "again"
"""In the address of a page that begins anew, because what was there before is gone."""
WITHOUT_COOKIE: Final = "begin"
"""In the address of the start page, for whom a page in the middle of the form was asked without the cookie of a draft:
after quick exit too, so what is said of it may not say that anything was answered."""
_NOT_KEPT: Final = n(
    "Your answers could not be kept between pages just now. Nothing is lost: all questions are on this one page, with "
    "what you have typed. You can send it from here, or call 1366 (24 hours). In danger, call 112."
)

Options = dict[str, list[tuple[str, ...]]]


class FormRenderer:
    """Renders the pages of the form."""

    def __init__(self, pages: Pages, clock: Clock, outlook: Callable[[datetime], Outlook]) -> None:
        """``clock`` tells which divisions there are today, ``outlook`` what can be promised at a moment."""
        self._outlook = outlook
        self.pages: Final = pages
        self._clock = clock
        # Read once, so that a broken text keeps intake from starting.
        self._elsewhere = [said for said in safety_texts.load().values() if said.language not in LANGUAGES]

    def draft_of(self, request: Request) -> str | None:
        """The token of the draft that this browser goes on with."""
        return drafts.token_of(request.cookies, secure=self.pages.secure(request))

    def receipt_of(self, request: Request) -> str | None:
        """The token of the receipt's page that this browser was led to after it sent a report."""
        return drafts.token_of(request.cookies, secure=self.pages.secure(request), cookie=drafts.RECEIPT_COOKIE)

    def promised(self, urgency: Urgency, received_at: datetime) -> datetime | None:
        """Until when somebody should see what was received then, and the same whenever it is asked.

        None where that has passed: the status page says so, with what to do.
        """
        by = self._outlook(received_at).by[urgency]
        return by if by > self._clock.now() else None

    def start(self, request: Request, *, going_on: bool, notice: str = "") -> Response:
        """Before anything is typed: who reads it, what happens, what is not secret."""
        return self._render(
            request,
            "start.html",
            going_on=going_on,
            notice=notice,
            links=advice.FOR_ALL,
            outlook=self._outlook(self._clock.now()),
            when=promise_words,
            tongues=[(said.language, said.texts["name"]) for said in self._elsewhere],
        )

    def step(
        self,
        request: Request,
        one: FormStep,
        typed: Typed,
        *,
        problems: Sequence[FieldProblem] = (),
        notice: str = "",
        status: int = 200,
    ) -> Response:
        """One question."""
        role = step_words.role_of(typed.one("role"))
        return self._render(
            request,
            "step.html",
            status=status,
            slug=one.slug,
            required=one.required,
            optional=not (one.required or one.follows_up),
            sendable=steps.open_step(typed) is None or "harm_types" in one.controls,
            progress=steps.progress(one.slug, typed),
            young=typed.one(steps.PATH) == steps.YOUNG,
            links=[] if typed.one(steps.PATH) == steps.YOUNG else advice.fitting(typed),
            notice=notice,
            say=step_words.asked(one.slug, role),
            note=step_words.note(one.slug, role),
            form_of_step="step",
            **self.fields(request, typed, problems, asked=one.asked(typed)),
        )

    def check(
        self,
        request: Request,
        typed: Typed,
        *,
        key: str,
        problems: Sequence[FieldProblem] = (),
        notice: str = "",
        status: int = 200,
    ) -> Response:
        """All answers once more, what is allowed, and the button that sends."""
        shown = steps.counting(typed)
        context = self.fields(request, typed, problems)
        hidden = [(name, value) for name, values in shown.values.items() if name not in LAST for value in values]
        context["errors"] = [
            (control if control in LAST else f"{steps.place_of(control, typed)}#{control}", text)
            for control, text in context["errors"]
        ]
        return self._render(
            request,
            "check.html",
            status=status,
            language_url=_whole_form,
            idempotency_key=key,
            hidden=hidden,
            sections=summary.sections(shown, context["options"]),
            before=steps.before(CHECK, typed),
            progress=steps.progress(CHECK, typed),
            young=typed.one(steps.PATH) == steps.YOUNG,
            notice=notice,
            form_of_step="step",
            **context,
        )

    def whole(
        self,
        request: Request,
        typed: Typed,
        *,
        key: str,
        problems: Sequence[FieldProblem] = (),
        notice: str = "",
        status: int = 200,
    ) -> Response:
        """Every question on one page: needs no draft."""
        role = step_words.role_of(typed.one("role"))
        return self._render(
            request,
            "form.html",
            status=status,
            language_url=_whole_form,
            idempotency_key=key,
            notice=notice,
            slugs=[one.slug for one in steps.STEPS],
            say={one.slug: step_words.asked(one.slug, role) for one in steps.STEPS},
            form_of_step="step",
            **self.fields(
                request,
                typed,
                problems,
                asked=steps.CONTROLS if steps.may_fingerprint(typed) else steps.CONTROLS - {"marks"},
            ),
        )

    def not_kept(self, request: Request, typed: Typed, *, key: str) -> Response:
        """The same, where the answers could not be kept in a draft: sending it asks only for room for reports."""
        page = self.whole(request, typed, key=key, notice=_NOT_KEPT, status=503)
        page.headers["Retry-After"] = str(RETRY_SECONDS)
        return page

    def _render(self, request: Request, template: str, *, status: int = 200, **context: Any) -> Response:  # noqa: ANN401  # as Jinja takes it
        return self.pages.render(request, template, status=status, public=True, **context)

    def fields(
        self,
        request: Request,
        typed: Typed,
        problems: Sequence[FieldProblem],
        *,
        asked: Collection[str] = steps.CONTROLS - {"marks"},
        to_staff: bool = False,
    ) -> dict[str, Any]:
        """Return the template's values for the fields of any step: answers, messages, labels and choices.

        ``asked`` are the controls to show; by default all but the fingerprints, which need an answer first.
        ``to_staff``: the messages are for an operator.
        """
        errors = self.said(request, problems, to_staff=to_staff)
        return {
            "typed": typed,
            "errors": errors,
            "error_of": dict(errors),
            "labels": step_words.labels(typed.one(steps.PATH)),
            "asked": asked,
            "child": steps.may_show_a_child(typed),
            "under_19": advice.UNDER_19,
            "sole": steps.SOLE,
            "options": self._options(request, typed),
            "narrative_chars": typed_chars(NARRATIVE_CHARS),
            "phrase_chars": typed_chars(PHRASE_CHARS),
        }

    def said(
        self, request: Request, problems: Sequence[FieldProblem], *, to_staff: bool = False
    ) -> list[tuple[str, str]]:
        """Each problem's control and message, as staff or the public are spoken to."""
        texts = self.pages.translator(self.pages.language(request))
        translate = partial(texts.pgettext, STAFF) if to_staff else texts.gettext
        return [(problem.control, problem.said(translate)) for problem in problems]

    def _options(self, request: Request, typed: Typed) -> Options:
        translate = self.pages.gettext(request)
        found = {name: form.options(table, translate) for name, table in summary.TABLES.items()}
        unknown = form.options([words.UNKNOWN], translate)
        for name in summary.WITH_UNKNOWN:
            found[name] = [*found[name], *unknown]
        if typed.one(steps.PATH) == steps.YOUNG:
            said = form.options(words.YOUNG_HARMS, translate)
            found["young_harms"] = said
            found["harm_types"] = [*said, *(one for one in found["harm_types"] if one[0] not in {o[0] for o in said})]
            found["young_ages"] = [*form.options(words.YOUNG_AGES, translate), *unknown]
            found["contact_channels"] = form.options(words.YOUNG_CHANNELS, translate)
        elif step_words.role_of(typed.one("role")) is not Role.VICTIM:
            found["contact_channels"] = form.options(words.CHANNELS_OF_REPORTER, translate)
        by_email, chosen = ContactChannel.EMAIL, typed.all("contact_channels")
        return found | {
            "short_channels": [one for one in found["contact_channels"] if one[0] in chosen or one[0] != by_email],
            "synthesised": form.options([words.SYNTHESISED], translate),
            "consents": form.options(words.CONSENTS, translate),
            "may_leave_message": form.options([("yes", words.VOICEMAIL)], translate),
            "language": [tuple(tongue) for tongue in words.TONGUES],
            **self._places(request, typed),
        }

    def _places(self, request: Request, typed: Typed) -> Options:
        language = self.pages.language(request)
        here = divisions_on(seoul_date(self._clock.now()))
        chosen = typed.one("division")
        asked = [chosen] if districts_of(chosen) else [division.slug for division in here]
        districts = [district for slug in asked for district in districts_of(slug)]
        return {
            "division": [
                *((d.slug, d.name(language)) for d in here),
                *((e.slug, e.name(language)) for e in TABLES.elsewhere.values()),
            ],
            "district": [(d.code, d.name(language)) for d in districts],
            "declined_centers": [(center_id, center(center_id).short_name(language)) for center_id in CENTER_IDS],
        }


def _whole_form(language: str) -> str:
    """Where a form with all answers is taken, in another language too, whatever address it is shown at."""
    return f"/?lang={language}"
