"""Dashboards ask for what processes show, of the datasource that is provisioned. `tools.monitoring` runs them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import Mock, create_autospec

import httpx
import pytest
import yaml

from tests.unit.monitoring.test_rules import known
from tools.local.state import ProcessEntry
from tools.monitoring import dashboards, trial
from tools.monitoring.objectives import OBJECTIVES, WINDOWS
from tools.monitoring.rules import FOLDER, metrics_of

OF_THE_CLIENT = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"}
PANELS = [
    (page.name, panel) for page, text in zip(dashboards.DASHBOARDS, dashboards.files().values(), strict=True)
    for panel in json.loads(text)["panels"]
]  # fmt: skip


def test_every_metric_of_a_panel_is_one_that_a_process_shows() -> None:
    asked = " ".join(query for _, _, query in dashboards.queries())
    assert metrics_of(asked) <= known() | OF_THE_CLIENT
    recorded = {f"slo:error_ratio:rate{window}" for window in WINDOWS}
    assert set(re.findall(r"slo:[\w:]+", asked)) <= recorded
    assert OBJECTIVES


@pytest.mark.parametrize(("page", "panel"), PANELS, ids=lambda one: one if isinstance(one, str) else one["title"])
def test_a_panel_asks_the_provisioned_source_and_has_a_question_above_it(page: str, panel: dict[str, Any]) -> None:
    del page
    [source] = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert re.search(r"[?)]$", panel["title"])
    references = [target["refId"] for target in panel["targets"]]
    assert references == [chr(ord("A") + number) for number in range(len(references))]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}


def test_no_panel_is_broken_down_by_place_or_person() -> None:
    by = {label.strip() for _, _, query in dashboards.queries() for group in re.findall(r"by \(([^)]*)\)", query)
          for label in group.split(",")}  # fmt: skip
    technical = {"le", "slo", "channel", "relay", "status", "job", "job_name", "group", "version", "check"}
    assert by <= technical | {"fault", "code", "reason", "cause", "outcome"}


def test_a_trial_scrapes_every_worker_of_the_running_stack_under_the_name_that_rules_know() -> None:
    ports = {"kafka": 1, "routing": 2, "routing-2": 3, "notify-auditor": 4, "intake": 5}
    entries = tuple(ProcessEntry(name, 100, port, 0, "ready") for name, port in ports.items())
    config = trial.configuration(entries)
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert targets["routing"] == ["127.0.0.1:2", "127.0.0.1:3"]
    assert targets["notify-auditor"] == ["127.0.0.1:4"]
    assert targets["identity"] == []
    assert "alerting" not in config


def test_a_trial_asks_intake_for_a_page_so_that_its_answers_have_data_on_a_stack_that_nobody_has_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(httpx, "get", lambda url, **_: asked.append(url))
    entries = tuple(ProcessEntry(name, 100, port, 0, "ready") for name, port in {"routing": 2, "intake": 5}.items())
    trial.open_form(entries)
    [url] = asked
    assert url == "http://127.0.0.1:5/"
    [query] = [query for _, question, query in dashboards.queries() if question == "How does intake answer?"]
    [left_out] = re.findall(r'route!~"([^"]+)"', query)
    assert not re.fullmatch(left_out, "/"), "it would not be counted"


def test_a_trial_of_a_stack_whose_intake_does_not_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise httpx.ConnectError("connection refused")

    monkeypatch.setattr(httpx, "get", refused)
    with pytest.raises(trial.TrialError, match=r"intake does not answer .*: ieum doctor$"):
        trial.open_form((ProcessEntry("intake", 100, 5, 0, "ready"),))


def test_a_prometheus_that_listens_and_is_not_ready_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_WATCHED_S", 0.0)
    child: Any = create_autospec(subprocess.Popen, instance=True)
    child.poll.return_value = None
    answers = [trial.TrialError("count(up): Service Unavailable"), [{"metric": {}, "value": [0, "7"]}]]
    ask = Mock(side_effect=answers)
    trial._await_data(child, ask, tmp_path / "log")
    assert ask.call_count == len(answers)
