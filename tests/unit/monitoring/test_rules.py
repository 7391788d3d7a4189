"""What Prometheus and Alertmanager are given: every alert fires, leads to its runbook and rests on what there is."""

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import monitoring_tool, ran
from tests.unit.docs.test_paths import PROJECT
from tools.docs_generation import metrics
from tools.local.settings import SERVICES
from tools.monitoring.objectives import OBJECTIVES, WINDOWS, rules
from tools.monitoring.rules import FOLDER, RUNBOOKS, alerts, metrics_of

RUNBOOK = re.compile(r"^## (\w+)\n\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PARTS = ("Symptom:", "People who wait:", "Do:", "Over when:")


def read(name: str) -> Any:
    return yaml.load((FOLDER / name).read_text(encoding="utf-8"), yaml.CSafeLoader)


def known() -> set[str]:
    """Every metric of every process, without what a counter or a client adds."""
    page = metrics.files()["reference/metrics.md"]
    return {*re.findall(r"^\| `(ieum_\w+)`", page, re.MULTILINE), "process_start_time_seconds"}


def test_prometheus_finds_that_every_alert_is_silent_and_fires(tmp_path: Path) -> None:
    files = [written for file in sorted((FOLDER / "tests").glob("*.yaml")) for written in split(file, tmp_path)]
    # It ends soon and may use memory: a fifth of its work would be collecting garbage, another handing it to threads.
    ran([monitoring_tool("promtool"), "test", "rules", *files], GOGC="400", GOMAXPROCS="1")


def split(file: Path, folder: Path) -> Iterator[Path]:
    """Write the cases of a file by the alerts they ask for, each with those alerts and what they rest on alone.

    Prometheus evaluates all rules it is given at every step of every case, and a case asks for one or two of sixty.
    """
    told = read(f"tests/{file.name}")
    groups = [group for name in told["rule_files"] for group in read(f"tests/{name}")["groups"]]
    cases: dict[tuple[str, ...], list[Any]] = {}
    for case in told["tests"]:
        asked = {*re.findall(r'alertname="(\w+)"', str(case)), *re.findall(r"'alertname': '(\w+)'", str(case))}
        cases.setdefault(tuple(sorted(asked)), []).append(case)
    for names, asking in cases.items():
        stem = "-".join((file.stem, *names))
        (folder / f"{stem}.rules").write_text(json.dumps({"groups": _needed(groups, names)}), encoding="utf-8")
        written = folder / f"{stem}.json"
        written.write_text(json.dumps({**told, "rule_files": [f"{stem}.rules"], "tests": asking}), encoding="utf-8")
        yield written


def _needed(groups: list[Any], alerts_asked: Collection[str]) -> list[Any]:
    alerting = [rule for group in groups for rule in group["rules"] if rule.get("alert") in alerts_asked]
    conditions = " ".join(rule["expr"] for rule in alerting)
    objectives = set(re.findall(r'slo="(\w+)"', conditions))
    recorded = [
        rule
        for group in groups
        for rule in group["rules"]
        if "record" in rule
        and (rule["labels"]["slo"] in objectives if "labels" in rule else rule["record"] in conditions)
    ]
    kept = [{**group, "rules": [rule for rule in group["rules"] if rule in alerting + recorded]} for group in groups]
    return [group for group in kept if group["rules"]]


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    silent, firing = Counter[str](), Counter[str]()
    for file in sorted((FOLDER / "tests").glob("*.yaml")):
        for case in read(f"tests/{file.name}")["tests"]:
            for check in case.get("promql_expr_test", ()):
                [name] = re.findall(r'alertname="(\w+)"', check["expr"])
                (firing if check.get("exp_samples") else silent)[name] += 1
    names = {alert.name for alert in alerts()}
    where = "an alert has a case in deploy/monitoring/tests: silent first (no exp_samples), firing afterwards"
    assert set(firing) == names, where
    assert names - set(silent) == {"Watchdog"}, where


def test_prometheus_accepts_its_settings_and_rules() -> None:
    promtool = monitoring_tool("promtool")
    for name in ("prometheus.yaml", "prometheus-kubernetes.yaml"):
        ran([promtool, "check", "config", "--syntax-only", FOLDER / name])
    ran([promtool, "check", "rules", *(FOLDER / name for name in read("prometheus.yaml")["rule_files"])])


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=ReportsOverdue severity=page job=notify-auditor", "on-call"),
        ("alertname=JobFails severity=ticket job=intake", "operators"),
        ("alertname=Watchdog severity=none", "watcher"),
        ("alertname=OfSomebodyElse", "operators"),
    ],
)
def test_alertmanager_leads_an_alert_to_who_should_hear_of_it(labels: str, receiver: str) -> None:
    config = str(FOLDER / "alertmanager.yaml")
    amtool = monitoring_tool("amtool")
    ran([amtool, "check-config", config])
    routed = ran([amtool, "config", "routes", "test", f"--config.file={config}", *labels.split()])
    assert routed.stdout.strip() == receiver


def test_the_watcher_outside_is_told_as_often_as_the_runbook_says() -> None:
    [route] = [route for route in read("alertmanager.yaml")["route"]["routes"] if route["receiver"] == "watcher"]
    every, repeat = (int(route[name].removesuffix("s")) for name in ("group_interval", "repeat_interval"))
    assert repeat % every != 0, "what is due as Alertmanager looks is now and then told at its next look"
    assert math.ceil(repeat / every) * every == 60


def test_every_metric_of_a_rule_is_one_that_a_process_shows() -> None:
    exists = known()
    missing = {alert.name: wrong for alert in alerts() if (wrong := alert.metrics - exists)}
    assert missing == {}
    assert metrics_of("rate(ieum_no_such_seconds_bucket[5m])") - exists == {"ieum_no_such_seconds"}


def test_every_metric_stands_where_somebody_on_duty_looks() -> None:
    """In a rule, on a dashboard or in a guide: else it is counted for nobody."""
    written = [*FOLDER.glob("*.yaml"), *FOLDER.glob("grafana/**/*.json"), *PROJECT.glob("docs/how-to/*.md")]
    looked_at = metrics_of("\n".join(path.read_text(encoding="utf-8") for path in written))
    assert known() - looked_at == set()


def test_an_alert_sees_what_a_process_counts_before_prometheus_first_looks_at_it() -> None:
    """Right after an outage most of all. A counter that is born with a number has no rise that `increase` can see."""
    asking = re.compile(r"increase\(((ieum_\w+)(?:\{[^}]*\})?)\[(\d+)([mhd])\]\)")
    seconds = {"m": 60, "h": 3600, "d": 86400}
    written = [rule for group in read("alerts.yaml")["groups"] for rule in group["rules"]]
    found = [(rule, asked) for rule in written for asked in asking.findall(rule["expr"])]
    assert len(found) > 15
    for rule, (asked, metric, number, unit) in found:
        seen = (
            f"{asked} unless {metric} offset {number}{unit}",
            f"({asked} > 0 and on (job, instance) process_start_time_seconds > time() - {int(number) * seconds[unit]})",
        )
        assert any(one in " ".join(rule["expr"].split()) for one in seen), rule


def test_a_skipped_case_or_event_is_counted_under_a_label_that_wakes_somebody() -> None:
    rules_asking = _asked("job_name", "ieum_documents_skipped_total")
    [(_, waking)] = rules_asking["CasesSkipped"]
    assert rules_asking["DocumentsSkipped"] == {("!~", waking)}, "every other label is a ticket"
    labels = labels_of("Skipped")
    assert {label for label in labels if re.fullmatch(waking, label)} == {"alerts", "relay-*"}
    silent = {label: files for label, files in labels.items() if not re.fullmatch(waking, label)}
    assert len(silent) > 10
    alerting = ("services/notify/escalation/", "services/notify/auditor/", "shared/outbox.py")
    # Read for the banner above consoles alone: the auditor mails what it finds, and one whose look is unseen is silent,
    # which wakes somebody.
    shown = {"findings", "last-look"}
    others = {label: files for label, files in silent.items() if label not in shown}
    assert not [label for label, files in others.items() if any(file.startswith(alerting) for file in files)]


def test_a_job_that_reports_alerts_or_sign_ins_wait_for_has_a_name_that_wakes_somebody() -> None:
    rules_asking = _asked("job_name", "ieum_job_failing")
    [(_, waking)] = rules_asking["AlertingJobFails"]
    assert rules_asking["JobFails"] == {("!~", waking)}, "every other job is a ticket"
    names = {*labels_of("every"), *labels_of("endless")}
    assert len(names) > 30
    for alternative in waking.split("|"):
        assert any(re.fullmatch(alternative, name) for name in names), f"no job is called {alternative}"
    assert {name for name in names if re.fullmatch(waking, name)} == {
        *("alerts-*", "alerts-urgent", "alerts-urgent-held", "relay", "case-relay", "center-relay"),
        *("auditor", "heartbeat", "store-watch", "sign-in-provider", "closing"),
    }


def test_the_runbook_of_failing_jobs_says_what_each_of_them_leaves_undone() -> None:
    [(_, waking)] = _asked("job_name", "ieum_job_failing")["AlertingJobFails"]
    told = dict(RUNBOOK.findall((PROJECT / "docs" / "how-to" / "runbooks.md").read_text(encoding="utf-8")))["JobFails"]
    names = {name for name in {*labels_of("every"), *labels_of("endless")} if re.fullmatch(r"[a-z][a-z-]+", name)}
    assert {name for name in names if not re.fullmatch(waking, name) and f"`{name}`" not in told} == set()


def labels_of(function: str) -> dict[str, set[str]]:
    """What is handed as a name to a function of this name anywhere in services, and where; ``*`` for what varies."""
    found: dict[str, set[str]] = {}
    for path, call in _calls().get(function, ()):
        for name in (name for argument in call.args for name in _names(argument, _constants())):
            found.setdefault(name, set()).add(path)
    return found


@cache
def _constants() -> dict[str, set[str]]:
    constants: dict[str, set[str]] = {}
    for tree in _trees().values():
        for stated in tree.body:
            if isinstance(stated, ast.AnnAssign | ast.Assign) and isinstance(stated.value, ast.Constant):
                target = stated.target if isinstance(stated, ast.AnnAssign) else stated.targets[0]
                constants.setdefault(ast.unparse(target), set()).add(str(stated.value.value))
    return constants


@cache
def _calls() -> dict[str, list[tuple[str, ast.Call]]]:
    """Every call in services by the last name of what is called, and where it stands."""
    calls: dict[str, list[tuple[str, ast.Call]]] = {}
    for path, tree in _trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
                calls.setdefault(called, []).append((path, node))
    return calls


@cache
def _trees() -> dict[str, ast.Module]:
    files = (file for folder in ("services", "shared") for file in (PROJECT / folder).rglob("*.py"))
    return {str(file.relative_to(PROJECT)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def _names(argument: ast.expr, constants: dict[str, set[str]]) -> set[str]:
    match argument:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.JoinedStr(values=parts):
            return {"".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)}
        case ast.Name(id=name):
            return constants.get(name, set())
        case _:
            return set()


def _asked(label: str, metric: str) -> dict[str, set[tuple[str, str]]]:
    """By alert: how it asks a metric for a label."""
    asking = re.compile(rf'{metric}\{{{label}(=~|!~)"([^"]+)"')
    return {rule["alert"]: found for rule in _alerting() if (found := set(asking.findall(rule["expr"])))}


def test_an_alert_leads_to_a_runbook_with_all_four_parts() -> None:
    page = (PROJECT / "docs" / f"{RUNBOOKS}.md").read_text(encoding="utf-8")
    found = {name.lower(): text for name, text in RUNBOOK.findall(page)}
    assert set(found) == {alert.runbook for alert in alerts()}, f"docs/{RUNBOOKS}.md has a runbook for each alert"
    assert {name: part for name, text in found.items() for part in PARTS if f"**{part}**" not in text} == {}
    rendered = yaml.load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    assert rendered["use_directory_urls"] is False
    urls = {rule["annotations"]["runbook_url"].partition("#")[0] for rule in _alerting()}
    assert urls == {f"{{{{ $externalLabels.docs_url }}}}/{RUNBOOKS}.html"}
    assert "docs_url" in read("prometheus.yaml")["global"]["external_labels"]


def test_a_runbook_names_only_metrics_that_exist() -> None:
    assert metrics_of((PROJECT / "docs" / f"{RUNBOOKS}.md").read_text(encoding="utf-8")) <= known()


def test_severities_are_those_that_alertmanager_tells_apart() -> None:
    assert {alert.severity for alert in alerts()} == {"page", "ticket", "none"}


def test_every_process_is_scraped_and_missed() -> None:
    jobs = {job["job_name"] for job in read("prometheus.yaml")["scrape_configs"]}
    assert jobs == {*SERVICES, "notify-auditor", "recount"}
    [missing] = [rule["expr"] for rule in _alerting() if rule["alert"] == "ProcessMissing"]
    assert set(re.findall(r'job="([a-z-]+)"', missing)) == jobs


def test_labels_of_alerts_name_no_place_and_no_person() -> None:
    by = {
        label
        for rule in _alerting()
        for group in re.findall(r"by \(([^)]*)\)", rule["expr"])
        for label in _words(group)
    }
    assert by <= {
        *("fault", "job", "relay", "source", "part", "group", "object", "check", "job_name", "version", "le"),
        "certificate",
        "kind",
    }


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda one: one.name)
def test_an_objective_has_every_window_and_a_budget_that_can_burn(objective: Any) -> None:
    recorded, alerting = (group["rules"] for group in rules()["groups"])
    mine = [rule["record"] for rule in recorded if rule["labels"]["slo"] == objective.name]
    assert {f"slo:error_ratio:rate{window}" for window in WINDOWS} <= set(mine)
    factors = [
        float(factor)
        for rule in alerting
        if rule["alert"].startswith(objective.alert)
        for factor in re.findall(r"> ([\d.e-]+)", rule["expr"])
    ]
    assert len(factors) == 8
    assert max(factors) < 1, "a budget that can only burn above 100 % never fires"


def test_limits_of_objectives_are_edges_of_buckets() -> None:
    edges, seen = _edges(), set()
    for objective in OBJECTIVES:
        for metric, limit in re.findall(r'(ieum_\w+)_bucket\{[^}]*le="([\d.]+)"', objective.ratio):
            assert limit in edges[metric], f"{metric} has no bucket {limit}"
            seen.add(objective.name)
    assert seen == {objective.name for objective in OBJECTIVES if "_bucket" in objective.ratio} != set()


def _edges() -> dict[str, set[str]]:
    script = (
        "import services.routing.main, services.notify.metrics\n"
        "from shared.metrics import exposition\n"
        "from services.notify import metrics\n"
        "print(exposition()[0].decode())\n"
    )
    text = ran([PROJECT / ".venv/bin/python", "-c", script]).stdout
    found: dict[str, set[str]] = {}
    for metric, limit in re.findall(r'^(ieum_\w+)_bucket\{.*?le="([^"]+)"', text, re.MULTILINE):
        found.setdefault(metric, set()).add(limit)
    return found


def _alerting() -> list[dict[str, Any]]:
    groups = [*rules()["groups"], *read("alerts.yaml")["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def test_the_written_rules_are_those_of_the_code() -> None:
    assert Path(FOLDER / "slos.yaml").is_file()
    assert read("slos.yaml") == rules()
