"""The page of one call: shown, saved, offered, submitted. The rules are those of the web form."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from services.intake.disk.service import DiskMonitor
from services.intake.links import rules as link_rules
from services.intake.links.service import LinkService
from services.intake.phone import forms as call_forms
from services.intake.phone import rules as call_rules
from services.intake.phone import words as call_words
from services.intake.phone.dependencies import expired_session
from services.intake.phone.drafts import CallDraft
from services.intake.phone.models import CallState, Notes
from services.intake.phone.reading import read
from services.intake.phone.renderer import CallRenderer
from services.intake.phone.service import CallService
from services.intake.phone.submitting import CallSubmitter
from services.intake.problems import RETRY_SECONDS
from services.intake.webform import form
from services.intake.webform.form import FieldProblem
from shared.audit.entries import where_of
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.principal import Principal
from shared.web.form_body import Typed
from shared.web.problems import Problem

RENEWED: Final = "renewed"
"""In the address of a page whose sign-in was renewed on the way."""
REVIVED: Final = "kept-anew"


class CallPage:
    """One call's page."""

    def __init__(
        self,
        view: CallRenderer,
        call_service: CallService,
        sender: CallSubmitter,
        link_service: LinkService,
        disk: DiskMonitor,
        clock: Clock,
    ) -> None:
        """``link_service`` is asked whether there are linked reports, and says no more than that."""
        self._view = view
        self._call_service = call_service
        self._sender = sender
        self._link_service = link_service
        self._disk = disk
        self._clock = clock

    async def begin(self, where: str, operator: Principal) -> str:
        """A new call's id."""
        if not self._disk.takes_drafts():
            raise Problem(503, "no_room", call_words.NO_ROOM, retry_after=RETRY_SECONDS)
        return (await self._call_service.begin(where, operator)).call_id

    async def show(self, request: Request, call_id: str, operator: Principal) -> Response:
        """The page as the call stands: its questions, the offer, or its receipt."""
        held = await self._call_service.look(call_id, operator)
        if held.call.state is CallState.ENDED:
            raise _ended()
        if held.call.state is CallState.SENDING:
            return await self._send(request, held)
        if held.call.state is CallState.SENT:
            return await self._receipt(request, held)
        if held.call.offered_at is not None:
            return self._view.offered(request, held.call)
        notice = next((said for mark, said in _NOTICES.items() if mark in request.query_params), "")
        typed = Typed(held.notes.answers)
        linked = await self._linked(call_id, typed)
        return self._view.page(request, call_id, held.call, typed, notice=notice, linked=linked)

    async def receive(self, request: Request, call_id: str, operator: Principal, sent: Typed) -> Response:
        """Keep what was sent, as far as it will do, and then what its button says."""
        if expired_session(request):
            return await self._keep_only(request, call_id, operator, sent)
        try:
            return await self._receive(request, call_id, operator, sent)
        except TransientError:
            if sent.all("only"):
                raise
            page = self._view.page(request, call_id, None, sent, notice=call_words.NOT_KEPT, status=503)
            page.headers["Retry-After"] = str(RETRY_SECONDS)
            return page

    async def _receive(self, request: Request, call_id: str, operator: Principal, sent: Typed) -> Response:
        go = sent.one("go")
        if go == "send":
            return await self._freeze(request, call_id, operator, sent)
        kept = await self._keep(call_id, operator, sent)
        if go == "offer" and not kept.problems:
            await self._call_service.offer(where_of(request), call_id, operator)
            return _to(call_id)
        linked = await self._linked(call_id, kept.shown)
        if sent.all("only"):
            return self._view.answer(request, kept.held.call, kept.shown, kept.problems, linked=linked)
        if kept.problems or go == "stay":
            return self._again(request, kept, linked=linked)
        return _to(call_id, REVIVED if kept.revived else "")

    def _again(self, request: Request, kept: "_SavedPage", *, linked: bool = False) -> Response:
        return self._view.page(
            request,
            kept.held.call.call_id,
            kept.held.call,
            kept.shown,
            problems=kept.problems,
            notice=call_words.GONE if kept.revived else "",
            linked=linked,
            status=422 if kept.problems else 200,
        )

    async def _keep(self, call_id: str, operator: Principal, sent: Typed) -> "_SavedPage":
        names = call_forms.named(sent)
        kept = _SavedPage()

        def answers(before: CallDraft, now: datetime) -> Notes:
            known = before.notes.answers
            kept.shown = call_forms.taken(known, sent, names)
            _, found = read(kept.shown, before.notes.assent, now)
            kept.problems = call_forms.refused(kept.shown, names, found)
            kept.revived = before.call.state is CallState.ENDED
            typed = call_forms.without(kept.shown, known, {problem.control for problem in kept.problems})
            return _noted(before.notes, typed, operator, now)

        kept.held = await self._call_service.save(call_id, operator, answers, whole=not sent.all("only"))
        return kept

    async def _keep_only(self, request: Request, call_id: str, operator: Principal, sent: Typed) -> Response:
        """For whose sign-in ran out: keep it, show nothing that was said before, and lead to where it is renewed."""
        kept = await self._keep(call_id, operator, sent)
        if sent.all("only"):
            return self._view.kept(request, kept.held.call, kept.problems)
        if kept.problems:
            kept.shown = sent
            return self._again(request, kept)
        return _to(call_id, RENEWED)

    async def _freeze(self, request: Request, call_id: str, operator: Principal, sent: Typed) -> Response:
        kept = await self._keep(call_id, operator, sent)
        _, wrong = read(kept.shown, kept.held.notes.assent, self._clock.now())
        if kept.problems or wrong:
            kept.problems = list({problem.control: problem for problem in (*kept.problems, *wrong)}.values())
            return self._again(request, kept)
        return await self._send(
            request, await self._call_service.freeze(where_of(request), call_id, operator), redirect=True
        )

    async def _send(self, request: Request, held: CallDraft, *, redirect: bool = False) -> Response:
        call_id = held.call.call_id
        try:
            if not await self._sender.send(held):
                return _to(call_id)
        except TransientError:
            page = self._view.receipt(request, held.call, None)
            page.headers["Retry-After"] = str(RETRY_SECONDS)
            return page
        if redirect:
            return _to(call_id)
        return await self._receipt(request, held)

    async def _receipt(self, request: Request, held: CallDraft) -> Response:
        given = await self._sender.given(held.call)
        if given is None:  # destroyed since, by whoever has the number: it must not look as if it had not come
            raise _ended()
        return self._view.receipt(request, held.call, given)

    async def _linked(self, call_id: str, typed: Typed) -> bool:
        """Return whether a linked report exists."""
        if not call_forms.LINKED_BY & set(typed.values):
            return False
        raw, _ = form.submission_of(call_forms.counting(typed), "ko")
        digests = link_rules.digests_of(self._link_service.keys, raw, synthetic=False)
        return await self._link_service.has_others(self._call_service.drafts.report_id(call_id), digests)


@dataclass(slots=True)
class _SavedPage:
    """Result of saving a page, or one answer of it."""

    held: CallDraft = field(init=False)
    shown: Typed = field(default_factory=Typed)
    """The answers to show: those saved, and those typed but not saved."""
    problems: list[FieldProblem] = field(default_factory=list)
    """Why that was not kept."""
    revived: bool = False


_NOTICES: Final = {RENEWED: call_words.RENEWED, REVIVED: call_words.GONE}


def _noted(before: Notes, kept: Typed, operator: Principal, now: datetime) -> Notes:
    assent = call_rules.assented(before, kept.values, kept.one(call_forms.ASSENT), operator.subject, now)
    return Notes(kept.values, assent)


def _ended() -> Problem:
    status, said = call_words.REFUSALS[call_rules.CallRefusal.ENDED]
    return Problem(status, call_rules.CallRefusal.ENDED.value, said)


def _to(call_id: str, mark: str = "") -> Response:
    return RedirectResponse(f"/calls/{call_id}?{mark}".rstrip("?"), 303)
