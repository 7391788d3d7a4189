import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.intake.encryption.keys import KeyedDigests
from services.intake.rate_limits import proof_of_work
from services.intake.rate_limits.submissions import SAME_TEXT, SubmissionPermit, SubmissionRateLimiter, mark_of_text
from services.intake.submissions.models import Submission
from services.intake.submissions.urgency import demoted, triage
from shared.events.vocabulary import Suspicion, Urgency
from tests.support.clock import JumpClock, StillClock
from tests.support.proof_of_work import solve

KEYS = KeyedDigests(b"r" * 32)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SCRIPT = Path(__file__).parents[4] / "services" / "intake" / "static" / "proof-of-work.js"


HERE, ELSEWHERE = "203.0.113.0/24", "198.51.100.0/24"


@pytest.fixture
def clock() -> JumpClock:
    return StillClock(NOW, monotonic=True)


@pytest.fixture
def door(clock: JumpClock) -> SubmissionRateLimiter:
    return SubmissionRateLimiter(KEYS, clock, free=2, many=4)


def lodge(door: SubmissionRateLimiter, network: str = HERE) -> None:
    assert door.ask(network, "", "").challenge is None


def challenged(door: SubmissionRateLimiter) -> str:
    found = door.ask(HERE, "", "").challenge
    assert found is not None
    return found


def test_the_first_reports_of_a_network_pass_and_other_networks_never_notice(door: SubmissionRateLimiter) -> None:
    lodge(door)
    lodge(door)
    challenged(door)
    lodge(door, ELSEWHERE)


def test_work_opens_once(door: SubmissionRateLimiter) -> None:
    lodge(door)
    lodge(door)
    given = challenged(door)
    answer = solve(given)
    assert door.ask(HERE, given, answer).challenge is None
    assert door.ask(HERE, given, answer).challenge is not None


def test_as_many_as_come_in_one_moment_are_counted_before_any_of_them_is_lodged(door: SubmissionRateLimiter) -> None:
    passed = [door.ask(HERE, "", "").challenge is None for _ in range(10)]
    assert passed == [True] * 2 + [False] * 8


def test_what_was_not_lodged_or_lodged_before_is_given_back_with_its_work(door: SubmissionRateLimiter) -> None:
    lodge(door)
    lodge(door)
    door.give_back(HERE, SubmissionPermit())
    lodge(door)
    given = challenged(door)
    answer = solve(given)
    passed = door.ask(HERE, given, answer)
    assert passed.challenge is None
    door.give_back(HERE, passed)
    assert door.ask(HERE, given, answer).challenge is None
    for _ in range(5):
        door.give_back(ELSEWHERE, SubmissionPermit())  # no more than there may be
    assert [door.ask(ELSEWHERE, "", "").challenge is None for _ in range(3)] == [True, True, False]


def test_work_that_was_done_for_another_report_is_not_given_back(door: SubmissionRateLimiter) -> None:
    lodge(door)
    lodge(door)
    given = challenged(door)
    answer = solve(given)
    assert door.ask(HERE, given, answer).challenge is None
    door.give_back(HERE, SubmissionPermit())  # another of this network: now a report passes again without work
    free = door.ask(HERE, given, answer)
    assert (free.challenge, free.spent) == (None, "")
    door.give_back(HERE, free)
    lodge(door)
    assert door.ask(HERE, given, answer).challenge is not None, "its work was used up by the first"


def test_wrong_work_foreign_networks_and_made_up_challenges_open_nothing(door: SubmissionRateLimiter) -> None:
    lodge(door)
    lodge(door)
    given = challenged(door)
    answer = solve(given)
    for challenge, said in (
        (given, ""),
        (given, "0," * 15 + "0"),
        (given, answer + ",1"),
        (given, answer.rpartition(",")[0]),
        (given, answer.partition(",")[0]),
        (given, "9" * 5000),
        (given[:-1] + ("0" if given[-1] != "0" else "1"), answer),
        ("1.2.3", answer),
        ("\u0661.2.3", answer),
        ("", answer),
    ):
        assert door.ask(HERE, challenge, said).challenge is not None, challenge
    lodge(door, ELSEWHERE)
    lodge(door, ELSEWHERE)
    assert door.ask(ELSEWHERE, given, answer).challenge is not None


def test_without_script_waiting_opens(door: SubmissionRateLimiter, clock: JumpClock) -> None:
    lodge(door)
    lodge(door)
    given = challenged(door)
    clock.jump(seconds=proof_of_work.WAIT_S - 1)
    assert door.ask(HERE, given, "").challenge is not None
    clock.jump(seconds=2)
    assert door.ask(HERE, given, "").challenge is None
    clock.jump(seconds=proof_of_work.VALID_S)
    assert proof_of_work.age_of(KEYS, given, "203.0.113.0/24", int(clock.now().timestamp())) is None


def test_after_ten_minutes_a_network_is_as_new(door: SubmissionRateLimiter, clock: JumpClock) -> None:
    lodge(door)
    lodge(door)
    challenged(door)
    clock.jump(seconds=600)
    lodge(door)
    lodge(door)


def test_very_many_are_marked_and_still_pass(door: SubmissionRateLimiter) -> None:
    for _ in range(4):
        passed = door.ask(HERE, "", "")
        if passed.challenge is not None:
            passed = door.ask(HERE, passed.challenge, solve(passed.challenge))
        assert (passed.challenge, passed.suspicion) == (None, ())
    given = challenged(door)
    passed = door.ask(HERE, given, solve(given))
    assert (passed.challenge, passed.suspicion) == (None, (Suspicion.BURST,))


def test_a_flood_marks_and_holds_up_others_for_no_longer_than_it_lasts(
    door: SubmissionRateLimiter, clock: JumpClock
) -> None:
    text = mark_of_text(report(narrative="누구나 그대로 옮겨 쓸 수 있는 안내문의 문장입니다. " * 6))
    for _ in range(200):
        passed = door.ask(HERE, "", "")
        if passed.challenge is not None:
            door.ask(HERE, passed.challenge, solve(passed.challenge))
        door.of_text(text)
    clock.jump(seconds=3600)
    for _ in range(2):
        assert door.ask(HERE, "", "") == SubmissionPermit(), "as many as before, as they are and unmarked"
    assert [door.of_text(text) for _ in range(SAME_TEXT)] == [()] * SAME_TEXT


def report(**more: Any) -> Submission:
    return Submission.model_validate_json(json.dumps({"role": "victim", "harm_types": ["other"], **more}))


def test_the_same_long_text_again_and_again_is_marked_a_short_one_never(door: SubmissionRateLimiter) -> None:
    text = "이것은 누군가 자동으로 되풀이해 보내는 긴 글입니다. " * 5
    for _ in range(SAME_TEXT):
        door.of_text(mark_of_text(report(narrative=text)))
        door.give_text_back(mark_of_text(report(narrative=text)))  # not lodged after all
    for _ in range(SAME_TEXT):
        assert door.of_text(mark_of_text(report(narrative=text))) == ()
    assert door.of_text(mark_of_text(report(narrative=f"  {text.upper()}\n"))) == (Suspicion.REPEATED_TEXT,)
    for space in ("  ", "\n", "\t", "\u3000", "\u00a0"):
        assert mark_of_text(report(narrative=text.replace(" ", space))) == mark_of_text(report(narrative=text))
    assert door.of_text(mark_of_text(report(narrative=f"{text}그런데 이건 다릅니다."))) == ()
    for _ in range(10):
        assert door.of_text(mark_of_text(report(narrative="도와주세요"))) == ()
        assert door.of_text(mark_of_text(report())) == ()
    assert door.of_text(mark_of_text(report(narrative="도와주세요"))) == door.of_text(mark_of_text(report())) == ()


def test_a_marked_report_is_one_step_less_urgent_and_keeps_its_reasons(clock: JumpClock) -> None:
    threatened = triage(report(age_band="14_18", threatened=True), clock.now())
    assert threatened.urgency is Urgency.CRITICAL
    lower = demoted(threatened, (Suspicion.BURST, Suspicion.REPEATED_TEXT))
    assert (lower.urgency, lower.reasons) == (Urgency.HIGH, threatened.reasons)
    assert demoted(threatened, ()) == threatened
    plain = triage(report(), clock.now())
    assert demoted(plain, (Suspicion.BURST,)) == plain


def test_a_marked_report_of_a_child_stays_critical(clock: JumpClock) -> None:
    for about in (report(age_band="under_14"), report(harm_types=("child_material",))):
        child = triage(about, clock.now())
        assert demoted(child, (Suspicion.BURST, Suspicion.REPEATED_TEXT)) == child
        assert child.urgency is Urgency.CRITICAL


@pytest.mark.skipif(shutil.which("node") is None, reason="the browser test runs the script everywhere else")
def test_the_pages_script_makes_the_same_digests(tmp_path: Path) -> None:
    module = tmp_path / "proof-of-work.mjs"
    module.write_text("globalThis.document = {querySelector: () => null};\n" + SCRIPT.read_text())
    texts = [f"{proof_of_work.seed_of(str(number))}.{number % 16}.{number**4}" for number in range(200)]
    program = f"import {{digest}} from '{module}'; console.log(JSON.stringify({json.dumps(texts)}.map(digest)))"
    said = subprocess.run(
        ["node", "--input-type=module", "-e", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(said.stdout) == [
        int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") for text in texts
    ]
