"""Keeps bursts of reports from drowning the others, without knowing or turning away anybody.

Counted is by network, under a keyed digest whose key dies with the process, and forgotten within the hour. The first
reports of a network always pass; the next ones need a moment of work or of patience; and what comes after very many is
accepted all the same, marked, and judged one step less urgent. Nothing is ever dropped.
"""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter

from services.intake.encryption.keys import KeyedDigests
from services.intake.rate_limits import proof_of_work
from services.intake.submissions.models import Submission
from shared.clock import Clock
from shared.events.vocabulary import Suspicion
from shared.metrics import REGISTRY
from shared.rate_limit import RateLimit, RateLimiter

FREE_WINDOW_S: Final = 600.0
MANY_WINDOW_S: Final = 3600.0
SAME_TEXT: Final = 3
"""Reports with the same long text that count as somebody's honest repeats, and again within each hour."""
_LONG_TEXT: Final = 120
"""Characters from which a text is somebody's own. “help me” may be anybody's, and front ends offer ready sentences."""
_NONCE_BYTES: Final = 8
_USED: Final = 20_000

FORM_SUBMISSIONS: Final = Counter(
    "ieum_intake_form_submissions", "Reports by the form, by how they passed.", ["outcome"], registry=REGISTRY
)
SUSPECTED: Final = Counter("ieum_intake_reports_suspected", "Reports marked, by why.", ["reason"], registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class SubmissionPermit:
    """Whether a report may be submitted now; if not, the challenge to answer or wait out."""

    challenge: str | None = None
    suspicion: tuple[Suspicion, ...] = ()
    spent: str = ""
    """The challenge that this report used up; empty where it needed none, whatever it sent."""


class SubmissionRateLimiter:
    """Judges the form's reports by network, and everybody's by their text."""

    def __init__(self, keys: KeyedDigests, clock: Clock, *, free: int, many: int) -> None:
        """``free`` reports of one network pass as they are, in ten minutes; beyond ``many`` an hour they are marked."""
        self._keys = keys
        self._clock = clock
        self._free = RateLimiter(RateLimit(capacity=free, per_second=free / FREE_WINDOW_S), clock)
        self._many = RateLimiter(RateLimit(capacity=many, per_second=many / MANY_WINDOW_S), clock)
        self._texts = RateLimiter(RateLimit(capacity=SAME_TEXT, per_second=SAME_TEXT / MANY_WINDOW_S), clock)
        self._used: OrderedDict[str, None] = OrderedDict()

    def ask(self, network: str, challenge: str, answer: str) -> SubmissionPermit:
        """Return whether a report from there may be submitted now; if so, count it before anything is awaited.

        Counted only once it was stored, as many as come in one moment would all pass. See ``give_back``. What comes
        beyond a limit is not counted towards it: whoever sends very many would hold up and demote others for days.
        """
        how = "free" if self._free.try_acquire(network) else self._how(network, challenge, answer)
        FORM_SUBMISSIONS.labels(how or "challenged").inc()
        if how is None:
            now_s = int(self._clock.now().timestamp())
            return SubmissionPermit(
                proof_of_work.challenge(self._keys, network, now_s, secrets.token_hex(_NONCE_BYTES))
            )
        suspicion = () if self._many.try_acquire(network) else (Suspicion.BURST,)
        spent = "" if how == "free" else challenge
        if spent:
            self._used[spent] = None
            while len(self._used) > _USED:
                self._used.popitem(last=False)
        return SubmissionPermit(suspicion=suspicion, spent=spent)

    def give_back(self, network: str, permit: SubmissionPermit) -> None:
        """Uncount what ``ask`` counted: it was not submitted after all, or had been before.

        Only a challenge that this very report used up opens once more: another had been used up before it.
        """
        if not permit.spent:
            self._free.consume(network, -1.0)
        if not permit.suspicion:
            self._many.consume(network, -1.0)
        self._used.pop(permit.spent, None)

    def of_text(self, text: str) -> tuple[Suspicion, ...]:
        """Return whether the same long text came too often; if not, count it. Front ends send for many networks.

        ``text`` is what ``mark_of_text`` made of it. See ``give_text_back``.
        """
        return () if not text or self._texts.try_acquire(text) else (Suspicion.REPEATED_TEXT,)

    def give_text_back(self, text: str) -> None:
        """The report whose text was counted was not stored after all, or had been before."""
        if text:
            self._texts.consume(text, -1.0)

    def _how(self, network: str, challenge: str, answer: str) -> str | None:
        age = (
            proof_of_work.age_of(self._keys, challenge, network, int(self._clock.now().timestamp()))
            if challenge
            else None
        )
        if age is None or challenge in self._used:
            return None
        if proof_of_work.solved(challenge, answer):
            return "worked"
        return "waited" if age >= proof_of_work.WAIT_S else None


def mark_of_text(submission: Submission) -> str:
    """Digest a report's text, whatever its case and spaces; empty if it may be any reporter's."""
    text = (submission.narrative or "").casefold().strip()
    if "  " in text or not text.isprintable():  # white space other than single spaces: rare, and slow to look for
        text = " ".join(text.split())
    return hashlib.sha256(text.encode()).hexdigest() if len(text) >= _LONG_TEXT else ""
