"""The public form and the receipt. They work without script, and no address ever holds a receipt."""

import secrets
from collections.abc import Sequence
from typing import Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from services.intake import passage_page, refusals
from services.intake.api import FORM_FRONT_END
from services.intake.doorkeeper import Doorkeeper
from services.intake.forms import typed_of
from services.intake.model.submission import NARRATIVE_CHARS, Submission
from services.intake.policy.admission import NotAdmittedError
from services.intake.policy.lodging import ConflictError
from services.intake.reception import Lodgement, Reception
from services.intake.rendering import form, words
from services.intake.rendering.form import FieldProblem, Typed
from shared.audit.pace import Allowance, Buckets
from shared.centers import CENTER_IDS, TABLES, center, districts_of, divisions_on
from shared.clock import SEOUL, Clock
from shared.errors import TransientError
from shared.web.app import Problem
from shared.web.gate import OPEN
from shared.web.networks import network_of
from shared.web.pages import Pages
from shared.web.translations import gettext_noop as n

_KEY_LENGTH: Final = 32
"""Characters of a form's idempotency key: 24 random bytes in base64."""

WORDS_PER_MINUTE: Final = 10
"""Reports with a word of their own that one network may lodge by the form, at once and again within each minute."""

_TOO_MANY_WORDS: Final = n(
    "Your report was not received yet. What you wrote is still here. Too many reports with a word came from your "
    "network. Press the button again in a moment, or leave the word empty: you can set it later with your receipt."
)
_SENT_BEFORE: Final = n(
    "This form was sent before, and that report is safe. If you changed something and want to send it as a second "
    "report, press the button again."
)
_AWAY: Final = n(
    "Your report was not received. What you wrote is still here. Please press the button again in a moment, or call "
    "1366 (24 hours). In danger, call 112."
)


def router(pages: Pages, reception: Reception, doorkeeper: Doorkeeper, clock: Clock) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    public = _PublicPages(pages, clock)
    words_set = Buckets(Allowance(capacity=WORDS_PER_MINUTE, per_second=WORDS_PER_MINUTE / 60), clock)

    @routes.get("/")
    async def blank(request: Request) -> Response:
        return public.form(request, Typed(), key=_new_key())

    @routes.post("/")
    async def sent(request: Request) -> Response:
        typed = await typed_of(request)
        key = typed.one("idempotency_key")
        if len(key) != _KEY_LENGTH:
            key = _new_key()
        raw, problems = form.submission_of(typed, pages.language(request))
        submission = None
        try:
            submission = Submission.model_validate_json(orjson.dumps(raw))
        except ValidationError as error:
            refused = refusals.counted(refusals.from_errors(error))
            problems += form.problems_of((e.field, e.reason) for e in refused.errors)
        if submission is None or problems:
            return public.form(request, typed, key=key, problems=problems, status=422)
        try:
            if submission.word is not None:
                _not_too_many(words_set, request)
            challenge = typed.one("passage")
            passed = doorkeeper.ask(request, challenge, typed.one("passage_answer"))
            if passed.challenge is not None:
                return passage_page.shown(pages, request, typed, key=key, challenge=passed.challenge)
            lodged = await reception.lodge(
                submission, front_end=FORM_FRONT_END, idempotency_key=key, suspicion=passed.suspicion
            )
            if not lodged.repeated:
                doorkeeper.lodged(request, challenge)
        except NotAdmittedError as error:
            refusals.counted(error)
            return public.form(
                request, typed, key=key, problems=form.problems_of([(error.field, error.reason)]), status=422
            )
        except ConflictError as error:
            refusals.counted(error)
            return public.form(request, typed, key=_new_key(), notice=_SENT_BEFORE, status=409)
        except (Problem, TransientError) as error:
            refused = refusals.counted(error)
            notice = _TOO_MANY_WORDS if isinstance(error, Problem) else _AWAY
            page = public.form(request, typed, key=key, notice=notice, status=refused.status_code)
            page.headers.update(refused.headers or {})
            return page
        return public.receipt(request, lodged, submission)

    return routes


class _PublicPages:
    """Renders the pages; holds what they share."""

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages = pages
        self._clock = clock

    def form(
        self,
        request: Request,
        typed: Typed,
        *,
        key: str,
        problems: Sequence[FieldProblem] = (),
        notice: str = "",
        status: int = 200,
    ) -> Response:
        translate = self._pages.gettext(request)
        return self._pages.render(
            request,
            "form.html",
            status=status,
            public=True,
            typed=typed,
            idempotency_key=key,
            errors=[(problem.control, translate(problem.message)) for problem in problems],
            error_of={problem.control: translate(problem.message) for problem in problems},
            notice=translate(notice) if notice else "",
            narrative_chars=NARRATIVE_CHARS,
            places=self._places(request),
            districts=self._districts(request),
            centers=self._centers(request),
            words={
                name: form.options(getattr(words, name.upper()), translate)
                for name in (
                    "roles",
                    "harms",
                    "ages",
                    "genders",
                    "relationships",
                    "platforms",
                    "channels",
                    "relations",
                    "yes_no",
                    "consents",
                )
            },
        )

    def receipt(self, request: Request, lodged: Lodgement, submission: Submission) -> Response:
        return self._pages.render(
            request,
            "receipt.html",
            public=True,
            receipt=lodged.receipt,
            received_at=lodged.received_at,
            proof=lodged.proof,
            reachable=bool(submission.contact.channels),
        )

    def _places(self, request: Request) -> list[tuple[str, str]]:
        korean = self._pages.language(request) == "ko"
        today = self._clock.now().astimezone(SEOUL).date()
        places = [(d.slug, d.name_ko if korean else d.name_en) for d in divisions_on(today)]
        return places + [(e.slug, e.name_ko if korean else e.name_en) for e in TABLES.elsewhere.values()]

    def _districts(self, request: Request) -> list[tuple[str, str]]:
        korean = self._pages.language(request) == "ko"
        today = self._clock.now().astimezone(SEOUL).date()
        found = [district for division in divisions_on(today) for district in districts_of(division.slug)]
        return [(district.code, district.name_ko if korean else district.name_en) for district in found]

    def _centers(self, request: Request) -> list[tuple[str, str]]:
        korean = self._pages.language(request) == "ko"
        found = [center(center_id) for center_id in CENTER_IDS]
        return [(c.id, c.short_ko if korean else c.short_en) for c in found]


def _not_too_many(words_set: Buckets, request: Request) -> None:
    network = network_of(request.client.host if request.client else None)
    wait = words_set.wait(network)
    if wait:
        raise Problem(429, "too_many_requests", _TOO_MANY_WORDS, retry_after=wait)
    words_set.draw(network, 1.0)


def _new_key() -> str:
    return secrets.token_urlsafe(24)
