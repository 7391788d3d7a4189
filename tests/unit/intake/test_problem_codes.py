"""The table of refusals is whole: every code and reason that this API can give stands in it once."""

import ast
from pathlib import Path

from services.intake import problems as refusals
from services.intake.clients.problem_words import PROBLEMS, REASONS
from services.intake.clients.rules import NO_CREDENTIAL, Turned
from services.intake.submissions.models import REASONS as OWN
from shared.web import problems, validation_errors
from shared.web.json_body import REPEATED

ROOT = Path(__file__).parents[3]
API = (
    "submissions/api.py",
    "receipts/api.py",
    "receipts/authentication.py",
    "receipts/service.py",
    "receipts/updates.py",
    "clients/dependencies.py",
    "dependencies.py",
    "problems.py",
)
SHARED = ("problems.py", "middleware.py", "same_origin.py")


def literal_codes() -> set[tuple[int, str]]:
    files = [ROOT / "services" / "intake" / name for name in API] + [ROOT / "shared" / "web" / name for name in SHARED]
    return {
        (int(str(node.args[0].value)), str(node.args[1].value))
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Problem"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[1], ast.Constant)
    }


def test_every_code_is_in_the_table_once_with_its_status() -> None:
    known = [(one.status, one.code) for one in PROBLEMS]
    assert len(known) == len(set(known))
    raised = literal_codes()
    assert len(raised) > 10
    raised |= {(status, code) for code, (status, _) in refusals._STEPS.items()}
    raised |= {(401, NO_CREDENTIAL), (401, Turned.UNKNOWN), (403, Turned.DISABLED), (403, Turned.SCOPE)}
    assert raised - set(known) == set()
    framework = {(status, code) for status, code in problems._CODES.items() if status not in {401, 403}}
    assert framework - set(known) == set()
    assert set(known) - raised - framework == set(), "nobody gives these"


def test_every_reason_is_in_the_table_once() -> None:
    known = [one.code for one in REASONS]
    assert len(known) == len(set(known))
    given = {reason for _, reason, _ in validation_errors._REASONS} | {
        validation_errors._WRONG_TYPE[0],
        validation_errors._WRONG_VALUE[0],
    }
    given |= set(OWN) | set(refusals._ADMISSION) | {"idempotency_conflict", REPEATED[0], "duplicate_header"}
    assert given == set(known)


def test_they_are_in_the_order_of_their_status() -> None:
    assert [one.status for one in PROBLEMS] == sorted(one.status for one in PROBLEMS)
