"""Calls: begun, kept answer by answer, handed from one operator to another, frozen to be sent, and ended.

Whose a call is and what was said in it change in one write, made only on what was read: whatever dies in between, the
call is one operator's, with everything that was said.
"""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from services.intake.audit_recorder import AuditRecorder
from services.intake.concurrency import Attempts, KeyedLocks, UpdateConflictError
from services.intake.phone import metrics
from services.intake.phone import rules as call_rules
from services.intake.phone.drafts import CallDraft, CallDrafts, NotPossibleError
from services.intake.phone.models import Call, CallEnding, CallState, Notes
from services.intake.phone.rules import Act
from shared import log as logs
from shared.clock import Clock, whole_milliseconds
from shared.identity.principal import Principal
from shared.identity.roles import Action

_log = logs.get(__name__)

_ID_BYTES: Final = 16
_SALT_BYTES: Final = 16
_LOOKED_S: Final = 60.0
"""Looking again so soon does not lengthen a call's life: a write for every page would help nobody."""

Answers = Callable[[CallDraft, datetime], Notes]
"""Computes the answers after a request from those before."""
_Change = Callable[[CallDraft, datetime], tuple[Call, Notes | None]]


class Lists(NamedTuple):
    """An office's calls as one operator sees them."""

    mine: list[Call]
    offered: list[Call]
    """By others, to whoever takes them."""


class CallService:
    """Operators' work on calls. Raises ``NotPossibleError``, and ``TransientError`` if the store is away."""

    def __init__(self, drafts: CallDrafts, recorder: AuditRecorder, clock: Clock) -> None:
        """``recorder`` is told of every call that begins, changes hands, is sent or ends."""
        self.drafts: Final = drafts
        self._recorder = recorder
        self._clock = clock
        self._turns = KeyedLocks()

    async def begin(self, where: str, operator: Principal) -> Call:
        """A new call of this operator's."""
        now = whole_milliseconds(self._clock.now())
        call = Call(
            call_id=secrets.token_urlsafe(_ID_BYTES),
            state=CallState.OPEN,
            holder=operator.subject,
            organisation=operator.organisation,
            started_at=now,
            until=now + call_rules.KEPT,
        )
        await self._written_down(where, operator, call, "call_begun")
        await self.drafts.insert(call, secrets.token_bytes(_SALT_BYTES))
        _log.info("call.begun")
        return call

    async def lists(self, operator: Principal) -> Lists:
        """Their own calls that have not ended, and those that others of their organisation offer."""
        now = self._clock.now()
        found = [call_rules.counted(call, now) for call in await self.drafts.store.of(operator.organisation)]
        found = [call for call in found if call.state is not CallState.ENDED]
        mine = [call for call in found if call.holder == operator.subject]
        return Lists(mine, [call for call in found if call.offered_at and call.holder != operator.subject])

    async def look(self, call_id: str, operator: Principal) -> CallDraft:
        """The call, for whom it belongs to."""
        held = await self._read(call_id, Act.LOOK, operator)
        after = call_rules.looked(held.call, whole_milliseconds(self._clock.now()))
        if (after.until - held.call.until).total_seconds() >= _LOOKED_S:
            # Whoever was faster has lengthened it as well.
            await self.drafts.write(held, after, held.notes)
        return held

    async def save(self, call_id: str, operator: Principal, answers: Answers, *, whole: bool) -> CallDraft:
        """Keep answers; durable when it returns. ``whole``: they are all there are on the page."""
        act = Act.SAVE_ALL if whole else Act.SAVE
        return await self._change(
            call_id, operator, act, lambda held, now: (call_rules.saved(held.call, now), answers(held, now))
        )

    async def freeze(self, where: str, call_id: str, operator: Principal) -> CallDraft:
        """Fix what was said: from here on it becomes a report, whatever dies."""
        held = await self._read(call_id, Act.SEND, operator)
        await self._written_down(where, operator, held.call, "call_sent")
        return await self._change(
            call_id, operator, Act.SEND, lambda held, now: (call_rules.sending(held.call, now), held.notes)
        )

    async def offer(self, where: str, call_id: str, operator: Principal) -> None:
        """Let other operators of the organisation take it."""
        await self._step(where, call_id, operator, Act.OFFER, "call_offered", call_rules.offered)

    async def recall(self, where: str, call_id: str, operator: Principal) -> None:
        """Take the offer back."""
        await self._step(where, call_id, operator, Act.RECALL, "call_recalled", call_rules.recalled)

    async def take(self, where: str, call_id: str, operator: Principal) -> None:
        """Have it from now on; whoever had it has it no more. Taking one's own again takes the offer back."""

        def taken(call: Call, now: datetime) -> Call:
            return call_rules.taken(call, operator.subject, now)

        before, after = await self._step(where, call_id, operator, Act.TAKE, "call_taken", taken)
        if before.call.holder != after.call.holder:
            _log.info("call.taken_over")

    async def end(self, where: str, call_id: str, operator: Principal) -> None:
        """The receiver is down: what was said and not sent is gone."""
        before = await self._read(call_id, Act.END, operator)
        how = CallEnding.SENT if before.call.state is CallState.SENT else CallEnding.STOPPED
        await self._written_down(where, operator, before.call, "call_ended")
        await self._change(call_id, operator, Act.END, lambda held, now: (call_rules.ended(held.call, how, now), None))
        metrics.ENDED[how].inc()
        _log.info("call.ended", how=how.value)

    async def _step(
        self,
        where: str,
        call_id: str,
        operator: Principal,
        act: Act,
        reason: str,
        change: Callable[[Call, datetime], Call],
    ) -> tuple[CallDraft, CallDraft]:
        before = await self._read(call_id, act, operator)
        await self._written_down(where, operator, before.call, reason)
        after = await self._change(call_id, operator, act, lambda held, now: (change(held.call, now), held.notes))
        return before, after

    async def _change(self, call_id: str, operator: Principal, act: Act, change: _Change) -> CallDraft:
        async with self._turns.of(call_id):
            async for _ in Attempts():
                held = await self._read(call_id, act, operator)
                after, notes = change(held, whole_milliseconds(self._clock.now()))
                if await self.drafts.write(held, after, notes):
                    return CallDraft(after, notes or Notes(), held.salt)
        raise UpdateConflictError

    async def _read(self, call_id: str, act: Act, operator: Principal) -> CallDraft:
        held = await self.drafts.read(call_id)
        refusal = call_rules.judge(held.call, act, operator.subject, operator.organisation)
        if refusal is not None:
            raise NotPossibleError(refusal)
        return held

    async def _written_down(self, where: str, operator: Principal, call: Call, reason: str) -> None:
        report_id = self.drafts.report_id(call.call_id)
        await self._recorder.by_staff(where, operator, Action.CALLS_TAKE, report_id, reason)
