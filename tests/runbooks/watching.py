"""A Prometheus over a running stack, with the installation's own rules but for how long they wait.

Its alerts go to an Alertmanager with the installation's routes, and the Watchdog from there to a watcher outside.
"""

import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.support.commands import monitoring_tool
from tests.support.waiting import eventually
from tools.local import ports, processes
from tools.local.stack import Stack
from tools.monitoring import rules, trial

LIMIT_S: Final = 300.0
"""An expression may ask for a minute, and its window for a minute and a half more; the machine does other things."""
_WINDOW: Final = "90s"
"""In place of every longer window: what happened once is seen for as long, up to three days."""
_STARTS: Final = "6m"
"""For counting starts: three take minutes where the machine does other things."""
_SILENCE_S: Final = 20.0
"""The watcher is told every two seconds here, and would call somebody after so long."""
_LONGER: Final = re.compile(r"(?<=\[)\d+[mhd](?=\])|(?<=offset )\d+[mhd]")
_SINCE: Final = re.compile(r"(?<=> time\(\) - )\d+")


class Watcher:
    """Whoever outside expects to hear of the Watchdog, and calls somebody when that stops."""

    def __init__(self) -> None:
        """It takes alerts at a port of its own from ``listening`` on."""
        self._port = ports.free_port()
        self.url = f"http://{ports.LOOPBACK}:{self._port}/ieum"
        self.reachable = True
        """Whether what is sent to it arrives; otherwise something on the way answers."""
        self.heard = 0
        self._heard_at = time.monotonic()

    @property
    def calls_somebody(self) -> bool:
        """Whether it has been silent for too long."""
        return time.monotonic() - self._heard_at > _SILENCE_S

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take alerts for a while."""
        watcher = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if watcher.reachable:
                    watcher.heard += 1
                    watcher._heard_at = time.monotonic()
                self.send_response(httpx.codes.OK if watcher.reachable else httpx.codes.BAD_GATEWAY)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer((ports.LOOPBACK, self._port), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class Watch:
    """Which alerts fire."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        """``folder`` is for what Prometheus and Alertmanager read and write."""
        self._stack, self._folder = stack, folder
        self._addresses = {name: f"{ports.LOOPBACK}:{ports.free_port()}" for name in _PROGRAMS}
        self._url, self.alertmanager = (f"http://{self._addresses[name]}" for name in _PROGRAMS)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.watcher = Watcher()
        self._fired: dict[str, Mapping[str, str]] = {}
        self.tried: set[str] = set()
        """Alerts that fired when they were to and were over when they were to."""

    @property
    def file(self) -> Path:
        """The settings that Prometheus reads."""
        return self._folder / "prometheus.yaml"

    def configure(self, *without: str) -> None:
        """Write the settings, with all processes as targets but those named."""
        config = trial.configuration(tuple(one for one in self._stack.state().entries if one.name not in without))
        config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
        config["rule_files"] = [str(_hurried(Path(file), self._folder)) for file in config["rule_files"]]
        targets = [self._addresses["prometheus-alertmanager"]]
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": targets}]}]}
        self.file.write_text(yaml.safe_dump(config), encoding="utf-8")

    async def reload(self) -> None:
        """Have Prometheus read its settings again."""
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{self._url}/-/reload")).raise_for_status()

    async def fires(self, alert: str, **labels: str) -> None:
        """Wait until an alert fires with these labels."""

        async def firing() -> bool:
            return await self._firing(alert, labels)

        await eventually(firing, f"{alert} {labels or ''} fires", seconds=LIMIT_S)
        self._fired[alert] = labels

    async def ends(self, alert: str) -> None:
        """Wait until an alert that was waited for fires no more."""
        labels = self._fired[alert]

        async def ended() -> bool:
            return not await self._firing(alert, labels)

        await eventually(ended, f"{alert} {labels or ''} is over", seconds=LIMIT_S)
        del self._fired[alert]
        self.tried.add(alert)

    async def over(self) -> None:
        """Wait until no alert fires any more that was waited for."""
        while self._fired:
            await self.ends(next(iter(self._fired)))

    async def calls_somebody(self) -> None:
        """Wait until the watcher outside has heard nothing for so long that it calls somebody."""
        await eventually(lambda: self.watcher.calls_somebody, "the watcher hears nothing", seconds=LIMIT_S)
        self._fired["Watchdog"] = {}

    async def is_heard(self) -> None:
        """Wait until the watcher outside hears the Watchdog again."""
        before = self.watcher.heard
        await eventually(lambda: self.watcher.heard > before, "the watcher hears the Watchdog", seconds=LIMIT_S)
        if self._fired.pop("Watchdog", None) is not None:
            self.tried.add("Watchdog")

    def start(self, name: str) -> None:
        """Start Prometheus or Alertmanager."""
        command = [monitoring_tool(name), *(part.format(folder=self._folder) for part in _PROGRAMS[name])]
        self._children[name] = processes.start(
            [*command, f"--web.listen-address={self._addresses[name]}"],
            log=self.log_of(name),
            env=processes.base_environment(),
        )

    def log_of(self, name: str) -> Path:
        """Where Prometheus or Alertmanager writes its log."""
        return self._folder / f"{name}.log"

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """With Prometheus or Alertmanager."""
        self.start(name)
        try:
            yield
        finally:
            processes.stop(self._children[name], 5.0)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """After Prometheus or Alertmanager was killed, until it is started again."""
        processes.kill(self._children[name])
        try:
            yield
        finally:
            self.start(name)

    def amtool(self, *arguments: str) -> tuple[int, str]:
        """Ask Alertmanager as a runbook does: the exit status and what was said."""
        asked = [monitoring_tool("amtool"), f"--alertmanager.url={self.alertmanager}", *arguments]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    async def _firing(self, alert: str, labels: Mapping[str, str]) -> bool:
        chosen = {"alertname": alert, "alertstate": "firing", **labels}
        query = ",".join(f'{name}="{value}"' for name, value in chosen.items())
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                answer = await http.get(f"{self._url}/api/v1/query", params={"query": f"ALERTS{{{query}}}"})
            except httpx.TransportError:
                return False
        return answer.is_success and bool(answer.json()["data"]["result"])


_PROGRAMS: Final = {
    "prometheus": (
        "--config.file={folder}/prometheus.yaml",
        "--storage.tsdb.path={folder}/data",
        "--web.enable-lifecycle",
        # An alert is told again so often, and counts as over four times as long after it was told last.
        "--rules.alert.resend-delay=1s",
    ),
    "prometheus-alertmanager": (
        "--config.file={folder}/alertmanager.yaml",
        "--storage.path={folder}/alertmanager",
        "--cluster.listen-address=",
    ),
}


@contextmanager
def watching(stack: Stack, folder: Path, *without: str) -> Iterator[Watch]:
    """Watch a running stack, at first without some of its processes."""
    watch = Watch(stack, folder)
    watch.configure(*without)
    _write_routes(folder / "alertmanager.yaml", watch.watcher.url)
    with ExitStack() as all_of_it:
        all_of_it.enter_context(watch.watcher.listening())
        for name in _PROGRAMS:
            all_of_it.enter_context(watch.running(name))
        yield watch


def _write_routes(file: Path, watcher: str) -> None:
    """The installation's routes, with nobody to tell but the watcher outside, who is told every two seconds."""
    config: dict[str, Any] = yaml.safe_load((rules.FOLDER / "alertmanager.yaml").read_text(encoding="utf-8"))
    config["receivers"] = [{"name": receiver["name"]} for receiver in config["receivers"]]
    [outside] = [receiver for receiver in config["receivers"] if receiver["name"] == "watcher"]
    outside["webhook_configs"] = [{"url": watcher, "send_resolved": False}]
    [route] = [route for route in config["route"]["routes"] if route["receiver"] == "watcher"]
    route |= {"group_interval": "1s", "repeat_interval": "2s"}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


def _hurried(file: Path, folder: Path) -> Path:
    """The same rules without ``for``, and with short windows."""
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    for group in found["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
            window = _STARTS if rule["expr"].startswith("changes(") else _WINDOW
            rule["expr"] = _SINCE.sub(_WINDOW.removesuffix("s"), _LONGER.sub(window, rule["expr"]))
    hurried = folder / file.name
    hurried.write_text(yaml.safe_dump(found), encoding="utf-8")
    return hurried
