"""What a target runs, and in which order."""

import pytest

from tests import tiers
from tools.local import processes
from tools.testing import run

SERVICES = sorted(main.parent.name for main in (processes.PROJECT / "services").glob("*/main.py"))


@pytest.mark.parametrize("path", sorted(tiers.QUICK | tiers.APART | {*tiers.LONGEST_FIRST}))
def test_what_the_tiers_name_is_there(path: str) -> None:
    assert (processes.PROJECT / path).is_file()


def test_the_longest_begin_first_and_tests_that_share_nothing_are_taken_one_by_one() -> None:
    longest, other = "tests/kill/test_kill.py", "tests/unit/routing/test_assign.py"
    assert sorted([other, longest], key=tiers.rank) == [longest, other]
    assert tiers.unit_of_work(f"{longest}::test_a[x::y]") == f"{longest}::test_a[x::y]"
    assert tiers.unit_of_work(f"{other}::test_a") == other


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_unit_tests_and_what_more_is_named_is_there(service: str) -> None:
    paths = run.paths_of(service)
    assert f"tests/unit/{service}" in paths
    assert {*run.MORE_OF.get(service, ())} <= {*paths}


def test_what_drives_a_service_in_a_browser_belongs_to_it() -> None:
    assert "tests/browser/test_kwcag.py" in run.paths_of("intake")
    assert "tests/browser/test_journey.py" in run.paths_of("routing")
    assert run.paths_of("nothing") == []


def test_a_name_that_is_no_service_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.quick("reporting") == 2
    assert f"it is one of {', '.join(SERVICES)}" in capsys.readouterr().out
