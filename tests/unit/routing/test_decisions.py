"""The decision tables: what the rule decides, as an official of the ministry would write it down."""

from typing import Any

import pytest
import yaml

from shared.centers import CENTER_IDS, TABLES
from shared.events.vocabulary import PassedOver, RoutingReason
from tests.unit.routing.decision_tables import FOLDER, LATER, STAYS, BadTable, Case, parse, read

TABLE_FILES = sorted(FOLDER.glob("*.yaml"))
CASES = {path.stem: read(path) for path in TABLE_FILES}
NAMED = [pytest.param(case, id=f"{table}-{n}") for table, cases in CASES.items() for n, case in enumerate(cases, 1)]


@pytest.mark.parametrize("case", NAMED)
def test_the_rule_decides_as_the_table_says(case: Case) -> None:
    differences = case.differences()
    assert differences == [], f"{case.name}: {'; '.join(differences)}"


def test_the_tables_speak_of_every_home_division_reason_and_verdict() -> None:
    everything = [case for cases in CASES.values() for case in cases]
    assert len(everything) >= 80
    assert len({case.name for case in everything}) == len(everything), "two cases have the same name"
    assert {case.expected["owner"] for case in everything} >= {*CENTER_IDS, "central"}
    assert {case.facts.division for case in everything} == {*TABLES.divisions, *TABLES.elsewhere}
    never_by_the_rule = {RoutingReason.TRANSFER_ACCEPTED, RoutingReason.RETURNED_HOME}
    assert {case.expected["why"] for case in everything} == {*RoutingReason, STAYS} - never_by_the_rule
    assert {case.then for case in everything} == {None, *LATER}
    assert {word for case in everything for word in case.passed_over.values()} == set(PassedOver) - {PassedOver.CHOSEN}


HOME: dict[str, Any] = {"case": "c", "report": {"place": "busan"}, "expect": {"owner": "busan", "why": "home"}}


def test_a_case_that_is_decided_otherwise_says_how() -> None:
    expect = {"owner": "jeju", "why": "home", "central_on_copy": True, "passed_over": {"ulsan": "full"}}
    assert parse(HOME | {"expect": expect}, "x").differences() == [
        "owner is busan, not jeju",
        "central_on_copy is False, not True",
        "ulsan is passed over because kept_at_home, not full",
    ]


@pytest.mark.parametrize(
    ("part", "told", "says"),
    [
        ("report", {"plaec": "busan"}, "report: unknown word 'plaec'; did you mean place?"),
        ("report", {"place": "atlantis"}, "place 'atlantis': no such division"),
        ("report", {"place": "중구"}, "several places have this name"),
        ("report", {"urgency": "very"}, "urgency: unknown word 'very'; known are: critical, high, normal"),
        ("report", {"harms": ["distributoin"]}, "did you mean distribution?"),
        ("report", {"declined": ["busna"]}, "declined: unknown word 'busna'; did you mean busan?"),
        ("report", ["busan"], "write 'name: value' pairs"),
        ("centres", {"busna": {"load": "1%"}}, "centres: unknown word 'busna'; did you mean busan?"),
        ("centres", {"busan": {"laod": "1%"}}, "centres, busan: unknown word 'laod'; did you mean load?"),
        ("centres", {"busan": {"load": 92}}, "write a whole number of percent such as 92%, not 92"),
        ("centres", {"busan": {"load": "4.5%"}}, "write a whole number of percent such as 92%, not '4.5%'"),
        ("centres", {"busan": {"state": "unstaffed"}}, "state: unknown word 'unstaffed'"),
        ("centres", ["busan"], "write a centre and what is said of it"),
        ("expect", {"owner": "busan"}, "expect: why is missing"),
        ("expect", {"owner": "seoul", "why": "home"}, "owner: unknown word 'seoul'"),
        ("expect", {"owner": "busan", "why": "nearest"}, "why: unknown word 'nearest'"),
        ("expect", {"owner": "busan", "why": "home", "over_capacity": "maybe"}, "write yes or no, not 'maybe'"),
        ("expect", {"owner": "busan", "why": "home", "passed_over": {"jeju": "far"}}, "unknown word 'far'"),
        ("expects", {}, "unknown word 'expects'; did you mean expect?"),
    ],
)
def test_a_bad_table_is_refused_with_a_word_on_what_to_write(part: str, told: Any, says: str) -> None:
    with pytest.raises(BadTable) as refused:
        parse(HOME | {part: told}, "x.yaml, case 1")
    assert says in str(refused.value)
    assert "x.yaml, case 1" in str(refused.value)


def test_a_file_that_is_no_list_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "y.yaml"
    path.write_text("case: one")
    with pytest.raises(BadTable, match=r"y\.yaml: a table is a list"):
        read(path)


def test_what_happens_later_needs_an_owner_and_only_then_may_it_stay() -> None:
    with pytest.raises(BadTable, match="owned_by and then are written both or not at all"):
        parse(HOME | {"then": "reopened"}, "x")
    with pytest.raises(BadTable, match=r"then: unknown word 'reopend'; did you mean reopened\?"):
        parse(HOME | {"owned_by": "busan", "then": "reopend"}, "x")
    with pytest.raises(BadTable, match="owned_by: unknown word 'busna'"):
        parse(HOME | {"owned_by": "busna", "then": "reopened"}, "x")
    stays = {"expect": {"owner": "busan", "why": "stays"}}
    with pytest.raises(BadTable, match="why: unknown word 'stays'"):
        parse(HOME | stays, "x")
    told = HOME | {"owned_by": "busan", "then": "reopened", "expect": {"owner": "jeju", "why": "home"}}
    assert parse(told, "x").differences() == ["owner is busan, not jeju", "why is stays, not home"]


def test_the_example_in_the_readme_is_decided_as_it_says() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    (told,) = yaml.load(text.split("```yaml")[1].split("```")[0], yaml.CSafeLoader)
    assert parse(told, "README").differences() == []
