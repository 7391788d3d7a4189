"""Sealed answers of calls, read and written together with the call's operator.

The key is made of intake's own key, the call's id and a salt of the call (decision 13): any operator who takes the call
can go on, on any machine, and a restart loses nothing; without the document nothing opens a copy of what was in it.
"""

import base64
from typing import Final, NamedTuple

import orjson

from services.intake.encryption.keys import IntakeKeys
from services.intake.phone import rules as call_rules
from services.intake.phone.models import Assent, Call, CallState, Notes
from services.intake.phone.repository import CallRepository
from services.intake.phone.rules import CallRefusal
from services.intake.submissions.rules import report_id_for
from shared import log as logs
from shared.clock import Clock
from shared.encryption import DataKey
from shared.errors import IeumError, PermanentError

_log = logs.get(__name__)

FRONT_END: Final = "phone-form"
"""The operators' page's name among front ends; no other has it."""
_KEY_BYTES: Final = 24
_SEALED: Final = "notes"


class NotPossibleError(IeumError):
    """Something cannot be done with a call."""

    def __init__(self, refusal: CallRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal: Final = refusal


class CallDraft(NamedTuple):
    """A call, what was said in it, and the salt of its key."""

    call: Call
    notes: Notes
    salt: bytes = b""


class CallDrafts:
    """Reads and writes calls. Everything raises ``TransientError`` where the store does not answer."""

    def __init__(self, store: CallRepository, keys: IntakeKeys, clock: Clock) -> None:
        self.store: Final = store
        self._keys = keys
        self._clock = clock

    async def insert(self, call: Call, salt: bytes) -> None:
        """A new call in which nothing was said yet."""
        await self.store.insert(call, salt, self._sealed(CallDraft(call, Notes(), salt)))

    async def read(self, call_id: str) -> CallDraft:
        """The call as it counts now. Raises ``NotPossibleError``: there is none, or it does not open."""
        found = await self.store.read(call_id)
        if found is None:
            raise NotPossibleError(CallRefusal.UNKNOWN)
        stored, salt, sealed = found
        call = call_rules.counted(stored, self._clock.now())
        if sealed is None or call.state is CallState.ENDED:
            return CallDraft(call, Notes(), salt)
        return CallDraft(call, self._opened(call_id, salt, sealed), salt)

    async def write(self, before: CallDraft, after: Call, notes: Notes | None) -> bool:
        """Make one change on what was read; False on a conflict. No ``notes``: nothing said stays."""
        sealed = None if notes is None else self._sealed(CallDraft(after, notes, before.salt))
        return await self.store.write(before.call, after, sealed)

    def key_of_report(self, call_id: str) -> str:
        """The idempotency key of the one report this call becomes, however often it is sent."""
        made = self._keys.calls.mac("call report", call_id)
        return base64.urlsafe_b64encode(made[:_KEY_BYTES]).decode()

    def report_id(self, call_id: str) -> str:
        """The id of that report, known from the call's begin."""
        return report_id_for(self._keys.lasting, FRONT_END, self.key_of_report(call_id))

    def code_of(self, call_id: str) -> str:
        """Four digits by which two operators name a call to each other. They open nothing."""
        made = self._keys.calls.mac("call code", call_id)
        return f"{int.from_bytes(made[:8], 'big') % call_rules.CODE_SPACE:04d}"

    def _sealed(self, held: CallDraft) -> bytes:
        assent = held.notes.assent.model_dump(mode="json") if held.notes.assent else None
        plain = orjson.dumps({"answers": dict(held.notes.answers), "assent": assent})
        return self._key(held.call.call_id, held.salt).encrypt(_SEALED, plain)

    def _opened(self, call_id: str, salt: bytes, sealed: bytes) -> Notes:
        try:
            found = orjson.loads(self._key(call_id, salt).decrypt(_SEALED, sealed))
        except PermanentError as error:
            _log.critical("call.not_opened", reason=error.reason)
            raise NotPossibleError(CallRefusal.ENDED) from None
        answers = {name: tuple(values) for name, values in found["answers"].items()}
        return Notes(answers, Assent.model_validate(found["assent"]) if found["assent"] else None)

    def _key(self, call_id: str, salt: bytes) -> DataKey:
        return DataKey(f"call {call_id}", self._keys.calls.mac("call key", call_id, salt))
