"""What is on a log that is kept for ever has a reader, and the table of readers is the code's."""

import re
from pathlib import Path

import pytest

from shared.events import needs
from shared.events.reports import ReportFacts
from tools.docs_generation.__main__ import main

SERVICES = Path(__file__).parents[3] / "services"
PASSES_ON = {"routing/record_encoding.py"}
"""Reads facts only to write them as they came."""
SEVERITY = {"age_band", "harm_types", "urgency", "urgency_reasons"}
"""What `shared.severity.urgency_of` reads."""


def read_by(service: str) -> set[str]:
    found: set[str] = set()
    for path in (SERVICES / service).rglob("*.py"):
        if str(path.relative_to(SERVICES)) in PASSES_ON:
            continue
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\bfacts\.(\w+)", text)) & set(ReportFacts.model_fields)
        found |= SEVERITY if "urgency_of(" in text else set()
    return found


@pytest.mark.parametrize("service", ["routing", "notify", "analytics"])
def test_the_table_names_the_readers_of_each_fact(service: str) -> None:
    assert {name for name, need in needs.FACTS.items() if service in need.readers} == read_by(service)


def test_every_field_of_an_event_about_a_report_has_an_entry() -> None:
    assert needs.unexplained() == []


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_field_without_an_entry_fails_the_documents_in_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {name: need for name, need in needs.FACTS.items() if name != "gender"}
    monkeypatch.setattr(needs, "FACTS", told)
    assert main(arguments) == 1
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("ReportFacts: gender: has no entry in shared/events/needs.py")


def test_only_the_contract_keeps_a_fact_that_nobody_reads() -> None:
    unread = {name for name, need in needs.FACTS.items() if not need.readers}
    assert unread == {"triage_version"}
    assert all(ReportFacts.model_fields[name].is_required() for name in unread)
