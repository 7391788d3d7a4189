"""Try rules and dashboards on the running stack: a Prometheus of our own scrapes it for half a minute and is asked."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from shared.settings import load
from tools.local import ports, processes
from tools.local.settings import LocalSettings
from tools.local.state import ProcessEntry, RunFolder
from tools.monitoring import dashboards, rules

MOST_SERIES: Final = 600
_SCRAPE_S: Final = 2
_WATCHED_S: Final = 30.0
_LIMIT_S: Final = 60.0
_NOT_OURS: Final = frozenset({"kafka", "store", "mailbox"})


class TrialError(Exception):
    """The trial cannot be made; the text says what to do."""


def configuration(entries: tuple[ProcessEntry, ...]) -> dict[str, Any]:
    """The installation's own settings of Prometheus, with the processes of this stack as targets."""
    config: dict[str, Any] = yaml.safe_load((rules.FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    targets: dict[str, list[str]] = {}
    for entry in entries:
        if entry.name not in _NOT_OURS:
            # "routing-2" is one more worker of routing.
            job = entry.name.rstrip("0123456789").rstrip("-")
            targets.setdefault(job, []).append(f"{ports.LOOPBACK}:{entry.port}")
    config["global"] |= {"scrape_interval": f"{_SCRAPE_S}s", "evaluation_interval": f"{_SCRAPE_S}s"}
    config["rule_files"] = [str(rules.FOLDER / name) for name in config["rule_files"]]
    del config["alerting"]
    config["scrape_configs"] = [
        {"job_name": job["job_name"], "static_configs": [{"targets": targets.get(job["job_name"], [])}]}
        for job in config["scrape_configs"]
    ]
    return config


def run(say: Callable[[str], None]) -> list[str]:
    """Return the faults, one line each. Raises ``TrialError`` if nothing runs or Prometheus is not installed."""
    state = RunFolder(load(LocalSettings).var / "run").read()
    if state is None:
        raise TrialError("nothing runs here: ieum up")
    binary = shutil.which("prometheus")
    if binary is None:
        raise TrialError("prometheus is not installed (Debian: apt-get install prometheus)")
    open_form(state.entries)
    with tempfile.TemporaryDirectory() as folder, _prometheus(binary, Path(folder), state.entries) as ask:
        return _judge(ask, say)


def open_form(entries: tuple[ProcessEntry, ...]) -> None:
    """Ask intake for its first page: where nobody has asked for anything yet, its answers would have no data.

    Raises ``TrialError`` if it does not answer.
    """
    for entry in entries:
        if entry.name == "intake":
            try:
                httpx.get(f"http://{ports.LOOPBACK}:{entry.port}/", timeout=10)
            except httpx.HTTPError as error:
                raise TrialError(f"intake does not answer ({error}): ieum doctor") from error


Ask = Callable[[str], list[dict[str, Any]]]


@contextmanager
def _prometheus(binary: str, folder: Path, entries: tuple[ProcessEntry, ...]) -> Iterator[Ask]:
    file, port = folder / "prometheus.yaml", ports.free_port()
    file.write_text(yaml.safe_dump(configuration(entries)), encoding="utf-8")
    address = f"{ports.LOOPBACK}:{port}"
    command = [binary, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
    child = processes.start(
        [*command, f"--web.listen-address={address}"], log=folder / "log", env=processes.base_environment()
    )
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=10) as client:

            def ask(query: str) -> list[dict[str, Any]]:
                answer = client.get("/api/v1/query", params={"query": query})
                if answer.is_error:
                    raise TrialError(f"{query}: {answer.text}")
                found: list[dict[str, Any]] = answer.json()["data"]["result"]
                return found

            _await_data(child, ask, folder / "log")
            yield ask
    finally:
        processes.stop(child, 5.0)


def _await_data(child: subprocess.Popen[bytes], ask: Ask, log: Path) -> None:
    until = time.monotonic() + _LIMIT_S
    seen_at: float | None = None
    while time.monotonic() < until:
        if child.poll() is not None:
            raise TrialError(log.read_text(encoding="utf-8")[-2000:])
        try:
            if seen_at is None and ask("count(up)"):
                seen_at = time.monotonic()
        except (httpx.TransportError, TrialError):
            pass  # it listens, and answers 503, before it is ready
        if seen_at is not None and time.monotonic() - seen_at > _WATCHED_S:
            return
        time.sleep(0.5)
    raise TrialError("prometheus has scraped nothing within a minute")


def _judge(ask: Ask, say: Callable[[str], None]) -> list[str]:
    wrong: list[str] = []
    unseen = 0
    for page, question, query in dashboards.queries():
        found = ask(query.replace("$__rate_interval", f"{10 * _SCRAPE_S}s"))
        if not found:
            wrong.append(f"{page}: “{question}” has no data: {query}")
        elif all(series["value"][1] == "NaN" for series in found):
            unseen += 1
            say(f"{page}: “{question}”: nothing observed yet")
    say(f"{len(dashboards.queries())} queries of dashboards, {unseen} of which about nothing that has happened yet")
    for series in ask('ALERTS{alertstate="firing",alertname!="Watchdog"}'):
        say(f"firing: {_named(series['metric'])}")
    if not ask('ALERTS{alertname="Watchdog",alertstate="firing"}'):
        wrong.append("rules are not evaluated: Watchdog does not fire")
    for series in ask("sum by (job) (scrape_samples_scraped)"):
        job, number = series["metric"]["job"], int(series["value"][1])
        say(f"{job}: {number} series")
        if number > MOST_SERIES:
            wrong.append(f"{job} shows {number} series; {MOST_SERIES} is the most")
    return wrong


def _named(labels: Mapping[str, str]) -> str:
    rest = ", ".join(f"{k}={v}" for k, v in sorted(labels.items()) if k not in {"__name__", "alertname", "alertstate"})
    return f"{labels['alertname']} ({rest})"
