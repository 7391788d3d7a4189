"""Dashboards ask for what processes show, of the datasource that is provisioned. `make dashboards` runs them."""

import json
import re
from typing import Any

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
