"""Every problem that the code of a service answers with stands in a table, so that ``/problems`` explains it."""

import ast
import importlib
from pathlib import Path

import pytest

from services.intake.dependencies import VISITOR, CallbackReference, IdempotencyKey
from shared.web import problems
from shared.web.problem_catalog import ON_PAGES, SHARED, STAFF, DocumentedProblem
from tools.local.settings import SERVICES

ROOT = Path(__file__).parents[2]
COMMON = {(one.status, one.code) for one in (*SHARED, *STAFF, *ON_PAGES)}


def literal_problems(folder: Path) -> set[tuple[int, str]]:
    """Status and code of every ``Problem(404, "…", …)`` below a folder."""
    return {
        (int(str(node.args[0].value)), str(node.args[1].value))
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Problem"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[1], ast.Constant)
    }


def tables_of(service: str) -> tuple[tuple[DocumentedProblem, ...], ...]:
    module = importlib.import_module(f"services.{service}.problem_table")
    return module.PROBLEMS, getattr(module, "ON_PAGES", ())


@pytest.mark.parametrize("service", SERVICES)
def test_every_problem_of_a_service_is_explained(service: str) -> None:
    known = {(one.status, one.code) for table in tables_of(service) for one in table}
    raised = literal_problems(ROOT / "services" / service)
    assert raised
    assert raised - known - COMMON == set()


@pytest.mark.parametrize("service", SERVICES)
def test_no_problem_of_an_api_is_explained_twice(service: str) -> None:
    known = [(one.status, one.code) for one in tables_of(service)[0]]
    assert len(known) == len(set(known))
    assert [status for status, _ in known if status not in problems.TITLES] == []


def test_every_problem_of_all_services_is_explained() -> None:
    assert literal_problems(ROOT / "shared") - COMMON == set()
    framework = {(status, code) for status, code in problems._CODES.items() if status != 403}
    assert framework - COMMON == set()


def test_a_header_that_could_not_be_used_is_explained_for_each_that_may_be() -> None:
    [said] = [one.when for one in tables_of("intake")[0] if one.code == "invalid_header"]
    for name in (IdempotencyKey.name, CallbackReference.name, VISITOR):
        assert name in said
