"""The page between the button and the receipt when many reports come from one network: nothing is lost, a moment only.

It carries everything that was typed, and its own button sends it again. With script the browser does the work and
presses the button itself; without, the button works after half a minute.
"""

from fastapi import Request, Response

from services.intake.rate_limits import proof_of_work
from shared.web.form_body import Typed
from shared.web.pages import Pages


def shown(pages: Pages, request: Request, typed: Typed, *, key: str, challenge: str) -> Response:
    """The page. 429, because the report was not received yet."""
    own = {"idempotency_key", "challenge", "challenge_answer", "go"}
    fields = [(name, value) for name, values in typed.values.items() if name not in own for value in values]
    page = pages.render(
        request,
        "proof-of-work.html",
        status=429,
        public=True,
        fields=[*fields, ("idempotency_key", key), ("challenge", challenge)],
        seed=proof_of_work.seed_of(challenge),
        puzzles=proof_of_work.PUZZLES,
        bits=proof_of_work.BITS,
        wait_s=proof_of_work.WAIT_S,
        form_of_step="step",
    )
    page.headers["Retry-After"] = str(proof_of_work.WAIT_S)
    return page
