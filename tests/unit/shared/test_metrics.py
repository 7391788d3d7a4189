"""Every metric of every process is named as Prometheus asks: prefix, base unit, help."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shared import VERSION
from shared.metrics import REGISTRY, exposition
from tools.docs_generation import metrics
from tools.local import preloading

ROOT = Path(__file__).parents[3]
UNITS = {"seconds", "bytes"}
COUNTED = {
    "alerts cases centers commands decisions findings info keys letters level number offers partitions records reports",
    "status failing steps streams",
}
"""What a gauge without a base unit counts, or what kind of number it is."""
NOT_BASE = {"ms", "milliseconds", "minutes", "hours", "days", "kb", "mb", "kilobytes", "percent"}


def faults(name: str, kind: str, meaning: str) -> list[str]:
    """What is wrong with one metric."""
    words = name.split("_")
    units = UNITS | {word for line in COUNTED for word in line.split()}
    return [
        fault
        for fault, wrong in (
            ("the prefix is ieum_", words[0] != "ieum"),
            ("a counter ends with _total, nothing else does", (kind == "counter") != (words[-1] == "total")),
            ("it ends with no unit", kind != "counter" and words[-1] not in units),
            ("the unit is no base unit", bool(NOT_BASE & set(words))),
            ("the unit is last", bool(UNITS & set(words[:-1])) and words[-2:] != ["timestamp", "seconds"]),
            ("it has no help", not meaning.strip().endswith(".")),
        )
        if wrong
    ]


def test_every_metric_has_the_prefix_a_base_unit_and_a_help_text() -> None:
    page = metrics.files()["reference/metrics.md"]
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    found = {row[0]: faults(row[0].strip("`"), row[1], row[-1]) for row in rows}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("intake_reports_total", "counter"),
        ("ieum_reports", "counter"),
        ("ieum_queue_total", "gauge"),
        ("ieum_intake_wait", "histogram"),
        ("ieum_wait_ms", "gauge"),
        ("ieum_seconds_since_answer", "gauge"),
    ],
)
def test_a_badly_named_metric_is_found(name: str, kind: str) -> None:
    assert faults(name, kind, "Help.")


def test_a_process_shows_its_build_and_its_own_figures() -> None:
    text = exposition()[0].decode()
    assert f'version="{VERSION}"' in text
    assert REGISTRY.get_sample_value("process_start_time_seconds") is not None
    assert "process_resident_memory_bytes" in text


def test_the_build_has_the_version_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


COUNTING = f"""
import importlib, os, sys
from shared.metrics import exposition
for common in {preloading.MODULES}:
    importlib.import_module(common)
for process in {metrics.MODULES}:
    child = os.fork()
    if not child:
        importlib.import_module(process)
        count = sum(not line.startswith(b"#") for line in exposition()[0].splitlines())
        print(process, count, flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(process + " cannot be imported")
"""
"""Each is a fork of one that has imported what all have in common: importing that eight times is most of the work."""


@pytest.fixture(scope="module")
def series() -> dict[str, int]:
    run = subprocess.run([sys.executable, "-c", COUNTING], cwd=ROOT, capture_output=True, text=True, check=True)
    return {process: int(count) for process, count in (line.split() for line in run.stdout.splitlines())}


@pytest.mark.parametrize("process", metrics.MODULES)
def test_a_process_that_has_done_nothing_has_few_series(series: dict[str, int], process: str) -> None:
    """The contract is 600 at most; what topics, jobs and routes add to this once it runs is less than a hundred."""
    assert 0 < series[process] <= 200
