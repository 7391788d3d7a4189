"""House rules that a linter does not know, as tests over the source."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.settings import variable_of
from tools.docs_generation.settings import CLASSES

ROOT = Path(__file__).parents[2]
PURE = ("projection", "record_encoding", "models", "rules", "views", "words")
PURE_IN_INTAKE = (
    *("reports/lifecycle", "reports/waiting_period", "reports/receipt_numbers"),
    *("submissions/text", "submissions/media", "submissions/registration_numbers", "submissions/web_addresses"),
    *("submissions/facts", "submissions/urgency", "encryption/keys"),
    *("receipts/amendments", "receipts/promise", "receipts/duty", "receipts/promise_words"),
    *("staff_access/correspondence_rules", "retention/schedule", "rate_limits/proof_of_work", "links/addresses"),
    *("webform/form", "webform/steps", "webform/step_words", "webform/summary", "webform/advice"),
    *("webform/typed_links", "phone/forms", "phone/scripts"),
)
"""Decisions and texts of a capability that have a file of their own."""
DRIVERS = ("store", "repository", "submissions/batch_insert", "move", "team/directory")
"""Where modules may use the driver of the store."""
IMPURE_MODULES = {"time", "random", "secrets", "asyncio", "os", "socket", "subprocess", "uuid"}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid4", "monotonic", "perf_counter", "urandom"}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


class Names(NamedTuple):
    """What a module defines and reads."""

    classes: list[str]
    attributes: set[str]


@cache
def names_of_sources() -> dict[Path, Names]:
    """Of every module of services, shared and tools, in one pass: parsing them takes seconds."""
    found = {}
    for path in tracked():
        if path.relative_to(ROOT).parts[0] in {"services", "shared", "tools"}:
            names = found[path] = Names([], set())
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    names.classes.append(node.name)
                elif isinstance(node, ast.Attribute):
                    names.attributes.add(node.attr)
    return found


def is_pure(path: Path) -> bool:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[:2] == ("services", "intake") and "/".join(parts[2:]) in PURE_IN_INTAKE:
        return True
    return parts[0] == "services" and any(part in PURE for part in parts[2:])


def impurities(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield f"line {node.lineno}: async"
        elif isinstance(node, ast.Import):
            yield from (f"line {node.lineno}: imports {a.name}" for a in node.names if a.name in IMPURE_MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in IMPURE_MODULES:
            yield f"line {node.lineno}: imports from {node.module}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE_CALLS:
            yield f"line {node.lineno}: calls {node.func.attr}"


def test_decisions_have_no_clock_no_randomness_and_no_waiting() -> None:
    pure = [path for path in tracked() if is_pure(path)]
    assert len(pure) >= len(PURE)
    found = {str(p.relative_to(ROOT)): list(impurities(ast.parse(p.read_text()))) for p in pure}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("source", ["import time", "from random import choice", "x.now()", "async def f(): ..."])
def test_the_purity_check_sees_what_it_looks_for(source: str) -> None:
    assert list(impurities(ast.parse(source)))


def test_only_settings_read_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.relative_to(ROOT).parts[0] in {"services", "shared"}
        and path.stem != "settings"
        and any(word in path.read_text() for word in ("os.environ", "getenv", "BaseSettings)"))
    ]
    assert readers == []


def test_every_setting_is_read() -> None:
    read = {attribute for names in names_of_sources().values() for attribute in names.attributes}
    settings = {variable_of(cls, name): name for cls in CLASSES.values() for name in cls.model_fields}
    assert len(settings) > 50
    assert [variable for variable, name in settings.items() if name not in read] == []


def test_only_store_modules_touch_the_stores_driver() -> None:
    users = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.relative_to(ROOT).parts[0] == "services"
        and not any(word in "/".join(path.relative_to(ROOT).parts[2:]) for word in DRIVERS)
        and any(line.startswith(("from motor", "import motor")) for line in path.read_text().splitlines())
    ]
    assert users == []


def test_suppressions_carry_a_code_and_a_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for mark in ("# noqa", "# type: ignore", "# pragma")
        if mark in line and "  # " not in line.split(mark, 1)[1]
    ]
    assert bare == []


def test_importing_a_service_does_nothing() -> None:
    script = (
        "import gc, sys, threading, importlib, pkgutil, services\n"
        "gc.disable()\n"
        "for m in pkgutil.walk_packages(services.__path__, 'services.'):\n"
        "    if not m.name.endswith('__main__'):\n"
        "        importlib.import_module(m.name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


HTTP_LAYER_OF_INTAKE = ("api", "pages", "_pages", "_page", "renderer", "dependencies")
"""How modules end that read requests or make pages; everything below them is given values."""


def test_below_the_routes_of_intake_nobody_takes_a_request() -> None:
    below = [
        path
        for path in tracked()
        if path.relative_to(ROOT).parts[:2] == ("services", "intake") and not path.stem.endswith(HTTP_LAYER_OF_INTAKE)
    ]
    assert len(below) > 50
    assert [str(path.relative_to(ROOT)) for path in below if takes_a_request(ast.parse(path.read_text()))] == []


def takes_a_request(tree: ast.Module) -> bool:
    """Whether a module imports what a request is, by whichever of its names."""
    return any(
        alias.name in {"Request", "HTTPConnection"}
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


@pytest.mark.parametrize("source", ["from fastapi import Request", "from starlette.requests import HTTPConnection"])
def test_a_module_that_takes_a_request_is_found(source: str) -> None:
    assert takes_a_request(ast.parse(source))


def twice(classes: Iterable[tuple[str, str]]) -> set[str]:
    """Names of classes that several modules of a package define; each pair is (name, module)."""
    modules: dict[str, set[str]] = {}
    for name, module in classes:
        modules.setdefault(name, set()).add(module)
    return {name for name, defined in modules.items() if len(defined) > 1}


def package_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2]) if parts[0] in {"services", "tools"} else parts[0]


def test_a_class_name_has_one_meaning_in_its_package() -> None:
    found: dict[str, list[tuple[str, str]]] = {}
    for path, names in names_of_sources().items():
        found.setdefault(package_of(path), []).extend((name, str(path)) for name in names.classes)
    doubles = {package: twice(classes) for package, classes in found.items()}
    assert {package: double for package, double in doubles.items() if double} == {}


def test_a_class_name_with_two_meanings_is_found() -> None:
    assert twice([("Step", "a.py"), ("Step", "b.py"), ("Row", "a.py"), ("Row", "a.py")]) == {"Step"}
