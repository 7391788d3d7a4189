"""Authenticates by receipt, and by passphrase if one was set; every refusal looks alike and is slow."""

import math
import time
from asyncio import sleep
from collections.abc import Callable
from typing import Final

from services.intake import problems
from services.intake.audit_recorder import AuditRecorder
from services.intake.caller import Caller
from services.intake.concurrency import KeyedLocks
from services.intake.encryption.keys import KeyedDigests
from services.intake.encryption.passphrases import PassphraseHasher
from services.intake.encryption.receipt_issuer import ReceiptIssuer
from services.intake.handover import rules as handover_rules
from services.intake.problems import unavailable
from services.intake.rate_limits.receipts import ReceiptRateLimiter
from services.intake.rate_limits.wrong_receipts import WrongReceipts
from services.intake.receipts import devices
from services.intake.receipts.devices import DeviceProof
from services.intake.receipts.models import ReceiptQuestion
from services.intake.reports import documents, receipt_numbers, waiting_period
from services.intake.reports.documents import Document
from services.intake.reports.repository import ReportRepository
from services.intake.retention.rules import RefusedError
from shared.clock import Clock
from shared.errors import TransientError
from shared.web.app import Problem
from shared.web.translations import gettext_noop

WRONG_TAKES_S: Final = 0.6
"""From a wrong question to its answer, whatever was wrong with it: well above what looking up and hashing take."""


Spoken = Callable[[Document, str], bool]
"""Whether a word is the one that a report without an own word knows its person by."""


class ReceiptAuthenticator:
    """Finds the report of a receipt."""

    def __init__(
        self,
        reports: ReportRepository,
        receipts: ReceiptIssuer,
        gate: ReceiptRateLimiter,
        wrong_receipts: WrongReceipts,
        words: PassphraseHasher,
        recorder: AuditRecorder,
        clock: Clock,
        device_keys: KeyedDigests,
        *,
        wrong_takes_s: float = WRONG_TAKES_S,
    ) -> None:
        """``gate`` limits how often one network may ask, and how often one receipt may be tried wrongly.

        ``wrong_receipts`` counts wrong ones of everybody, together with the other processes. ``device_keys`` sign the
        cookie of a browser that gave a receipt rightly.
        """
        self._reports = reports
        self._receipts = receipts
        self.gate: Final = gate
        self.wrong_receipts: Final = wrong_receipts
        self._words = words
        self._recorder = recorder
        self._clock = clock
        self._device_keys = device_keys
        self._wrong_takes_s = wrong_takes_s
        self._turns = KeyedLocks()

    async def authenticate(
        self,
        question: ReceiptQuestion,
        caller: Caller,
        action: str,
        *,
        guarded: bool = True,
        spoken: Spoken | None = None,
    ) -> Document:
        """The report. ``guarded``: the word is needed, if one is in force, and the receipt must not be a former one.

        Where its reporter chose so, the word is needed for everything: without it there is then no such report.
        ``spoken``: somebody says the word to an operator, so there must be one; where none was set, this says whether
        it is another that the report knows its person by. Of a report that was handed over, its former receipt opens
        only ``documents.former``.

        Raises ``Problem``: 404 ``unknown_receipt``, 409 ``handed_over``, 429 ``too_many_requests``, 503
        ``unavailable``.
        """
        # The machine's own time: how long an answer takes is not a matter of the clock that decisions follow.
        started = time.monotonic()
        typed = receipt_numbers.read(question.receipt)
        hashes = self._receipts.hashes(typed or f"none {question.receipt.strip()}")
        name = hashes[0]
        # Guesses on the phone are counted apart: they never keep a receipt's owner out on the web.
        tried = name if spoken is None else f"{name} spoken"
        device = self._device(caller, typed or "")
        self._may_ask(caller, f"device {name}" if device.receipt else None)
        asks_word = guarded or question.word is not None
        async with self._turns.of(name if asks_word else f"{name} {id(caller)}"):
            try:
                # A mistyped receipt is looked up too, as something that cannot exist: both answers take the same way.
                found = _visible(await self._reports.of_receipt(hashes), caller)
                former = _visible(await self._reports.of_former_receipt(hashes), caller) if found is None else None
                if former is not None:
                    return self._of_former(former, caller, action, guarded=guarded)
                word = waiting_period.word_in_force(found, self._clock.now()) if found else None
                device = self._device(caller, typed or "", word)
                if asks_word and (spoken is not None or found is None or word is not None):
                    # Not where there is no word to guess: else whoever knows the number could keep its owner out.
                    self._may_try_word(tried, caller, device)
                closed = found is not None and not guarded and self._needs_word(found, device)
                right = await self._right(
                    None if closed and not asks_word else found, word, question, asks_word=asks_word, spoken=spoken
                )
            except TransientError:
                raise unavailable() from None
            if right is not None:
                if typed is not None and word is not None and asks_word:
                    caller.words_given[typed] = word
                return right
            self.gate.was_wrong(caller, tried)
            if device.word:
                self.gate.was_wrong_by_device(device.word)
            self.wrong_receipts.count(caller, receipt=tried if found is not None and asks_word else None)
        reason = "wrong_word" if found is not None else "unknown_receipt"
        self._recorder.receipt_refused(caller, action, found["_id"] if found else None, reason)
        await self._until_slow(started)
        raise Problem(
            404,
            "unknown_receipt",
            gettext_noop(
                "No report has this receipt number, or the word does not fit. Please check the 16 digits, and the word "
                "if you set one."
            ),
        )

    async def authenticate_code(self, code: str, caller: Caller, action: str) -> Document:
        """The report a hand-over code was made for; whether it still counts is not asked here.

        Raises ``Problem``: 404 ``unknown_code``, as slowly and as seldom as a wrong receipt; 429, 503.
        """
        started = time.monotonic()
        hashes = handover_rules.code_hashes(
            self._receipts.keys, receipt_numbers.read_code(code) or f"none {code.strip()}"
        )
        name = hashes[0]
        self._may_ask(caller)
        async with self._turns.of(name):
            self._not_too_often(self.gate.wait_for(name, caller))
            try:
                found = _visible(await self._reports.of_code(hashes), caller)
            except TransientError:
                raise unavailable() from None
            if found is not None:
                return found
            self.gate.was_wrong(caller, name)
            self.wrong_receipts.count(caller)
        self._recorder.receipt_refused(caller, action, None, "unknown_code")
        await self._until_slow(started)
        raise Problem(
            404,
            "unknown_code",
            gettext_noop(
                "There is no such code. Please check the 12 digits. A newer code takes the place of an older one."
            ),
        )

    def _of_former(self, found: Document, caller: Caller, action: str, *, guarded: bool) -> Document:
        if guarded:
            self._recorder.receipt_refused(caller, action, found["_id"], "handed_over")
            raise problems.of_step(RefusedError("handed_over"))
        return documents.former(found)

    async def _until_slow(self, started: float) -> None:
        # To the next multiple: a word that was really compared, when many wait, is then no slower than what was not.
        took = time.monotonic() - started
        steps = max(1, math.ceil(took / self._wrong_takes_s)) if self._wrong_takes_s else 0
        await sleep(max(0.0, steps * self._wrong_takes_s - took))

    async def _right(
        self,
        found: Document | None,
        stored: str | None,
        question: ReceiptQuestion,
        *,
        asks_word: bool,
        spoken: Spoken | None,
    ) -> Document | None:
        if not asks_word or (found is not None and stored is None and spoken is None):
            return found
        if found is not None and stored is not None and question.word is not None:
            return found if await self._words.fits(found["_id"], stored, question.word) else None
        # Nothing to compare: no hash is made, or whoever guesses would keep holders of receipts waiting for theirs.
        await self._words.wait_turn()
        if spoken is None or found is None or stored is not None or question.word is None:
            return None
        return found if spoken(found, question.word) else None

    def device_proof(self, caller: Caller, receipt: str) -> str | None:
        """The cookie for a browser that has just given this receipt rightly, and its word where one was compared.

        None where it has one that says as much: none is made to last longer than from what was really given.
        """
        read = receipt_numbers.read(receipt)
        if read is None:
            return None
        word = caller.words_given.get(read)
        if word is None and self._device(caller, read).receipt:
            return None
        return devices.proof_for(self._device_keys, read, self._clock.now(), word=word)

    @staticmethod
    def word_replaced(caller: Caller, receipt: str, stored: str) -> None:
        """Whoever gave the word in force has just set another: their browser knows that one too."""
        read = receipt_numbers.read(receipt)
        if read in caller.words_given:
            caller.words_given[read] = stored

    def _device(self, caller: Caller, receipt: str, word: str | None = None) -> DeviceProof:
        if not caller.device or caller.client is not None:
            return devices.NOTHING
        return devices.proven(self._device_keys, caller.device, receipt, self._clock.now(), word)

    def _needs_word(self, found: Document, device: DeviceProof) -> bool:
        """Return whether even the status needs the passphrase. A browser that just gave it need not give it again."""
        return waiting_period.needed_for_status(found, self._clock.now()) and not device.fresh

    def _may_ask(self, caller: Caller, device: str | None = None) -> None:
        # A front end's questions its authentication counts, by its own allowance: all come from one network.
        wait = self.gate.wait(caller.network) if caller.client is None else 0
        wait = max(wait, self.wrong_receipts.wait(caller))
        # A device that gave this receipt before keeps its place, with a share of its own.
        self._not_too_often(self.gate.wait(device) if wait and device is not None else wait)

    def _may_try_word(self, tried: str, caller: Caller, device: DeviceProof) -> None:
        wait = max(self.gate.wait_for(tried, caller), self.wrong_receipts.wait_for_word(tried))
        self._not_too_often(self.gate.wait_for_device(device.word) if wait and device.word else wait)

    def _not_too_often(self, wait: int) -> None:
        if wait:
            raise Problem(
                429,
                "too_many_requests",
                gettext_noop(
                    "Too many questions from this network or about this number. Please wait a little, or call 1366."
                ),
                retry_after=wait,
            )


def _visible(found: Document | None, caller: Caller) -> Document | None:
    """The report, unless whoever asks is confined to drills of their own and it is none of them."""
    if found is not None and caller.sandbox and not documents.is_own_drill(found, caller.client):
        return None
    return found
