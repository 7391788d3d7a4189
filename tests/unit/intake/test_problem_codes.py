"""The table of refusals is whole: every step that may not be possible, and every reason, stands in it once."""

import pytest

from services.intake import problems as refusals
from services.intake.clients.dependencies import _rate_limit_headers
from services.intake.clients.rules import NO_CREDENTIAL, CredentialRefusal
from services.intake.problem_table import PROBLEMS, REASONS
from services.intake.submissions.models import REASONS as OWN
from shared.rate_limit import RateLimit
from shared.web import problem_catalog, validation_errors
from shared.web.json_body import REPEATED
from shared.web.problems import Problem


def test_every_step_that_is_not_possible_is_in_the_table_with_its_status() -> None:
    known = {(one.status, one.code) for one in PROBLEMS}
    raised = {(status, code) for code, (status, _) in refusals._STEPS.items()}
    raised |= {
        (401, NO_CREDENTIAL),
        (401, CredentialRefusal.UNKNOWN),
        (403, CredentialRefusal.DISABLED),
        (403, CredentialRefusal.SCOPE),
    }
    assert raised - known == set()


@pytest.mark.parametrize(("word", "reason"), [(None, "required"), ("x", "too_short"), ("x" * 300, "too_long")])
def test_a_word_that_cannot_be_set_is_refused_by_what_is_wrong_with_it(word: str | None, reason: str) -> None:
    with pytest.raises(Problem) as refused:
        refusals.fit_word(word)
    assert [(one.field, one.reason) for one in refused.value.errors] == [("word", reason)]


def test_how_many_requests_are_left_is_told_as_the_ietf_draft_writes_it() -> None:
    minute = RateLimit(capacity=600, per_second=10)
    bucket = minute.consume(minute.full(0.0), 1, 0.0)
    assert _rate_limit_headers(minute, bucket, 0.0) == ('"front-end";q=600;w=60', '"front-end";r=599;t=1')
    assert _rate_limit_headers(minute, minute.consume(bucket, 598.5, 0.0), 0.0)[1] == '"front-end";r=0;t=60'
    assert _rate_limit_headers(minute, minute.consume(bucket, 598.5, 0.0), 30.05)[1] == '"front-end";r=301;t=30'


def test_every_reason_is_in_the_table_once() -> None:
    known = [one.code for one in (*problem_catalog.REASONS, *REASONS)]
    assert len(known) == len(set(known))
    given = {reason for _, reason, _ in validation_errors._REASONS} | {
        validation_errors._WRONG_TYPE[0],
        validation_errors._WRONG_VALUE[0],
    }
    given |= set(OWN) | set(refusals._ADMISSION) | {"idempotency_conflict", REPEATED[0], "duplicate_header"}
    given |= {one.reason for one in refusals.drills_only().errors}
    assert given == set(known)


def test_they_are_in_the_order_of_their_status() -> None:
    assert [one.status for one in PROBLEMS] == sorted(one.status for one in PROBLEMS)
