"""A Prometheus over a running stack, with the installation's own rules but for how long they wait."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.support.waiting import eventually
from tools.local import ports, processes
from tools.local.stack import Stack
from tools.monitoring import trial

LIMIT_S: Final = 300.0
"""An expression may ask for a minute, and its window for a minute and a half more; the machine does other things."""
_WINDOW: Final = "90s"
"""In place of every longer window: what happened once is seen for as long, up to three days."""
_STARTS: Final = "6m"
"""For counting starts: three take minutes where the machine does other things."""
_LONGER: Final = re.compile(r"(?<=\[)\d+[mhd](?=\])|(?<=offset )\d+[mhd]")


class Watch:
    """Which alerts fire."""

    def __init__(self, stack: Stack, folder: Path, address: str) -> None:
        """``folder`` is for what Prometheus reads and writes, ``address`` where it is to listen."""
        self._stack, self._folder, self._url = stack, folder, f"http://{address}"
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

    async def over(self) -> None:
        """Wait until no alert fires any more that was waited for."""
        while self._fired:
            alert, labels = next(iter(self._fired.items()))

            async def ended(alert: str = alert, labels: Mapping[str, str] = labels) -> bool:
                return not await self._firing(alert, labels)

            await eventually(ended, f"{alert} {labels or ''} is over", seconds=LIMIT_S)
            del self._fired[alert]
            self.tried.add(alert)

    async def _firing(self, alert: str, labels: Mapping[str, str]) -> bool:
        chosen = {"alertname": alert, "alertstate": "firing", **labels}
        query = ",".join(f'{name}="{value}"' for name, value in chosen.items())
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                answer = await http.get(f"{self._url}/api/v1/query", params={"query": f"ALERTS{{{query}}}"})
            except httpx.TransportError:
                return False
        return answer.is_success and bool(answer.json()["data"]["result"])


@contextmanager
def watching(stack: Stack, folder: Path, *without: str) -> Iterator[Watch]:
    """Watch a running stack, at first without some of its processes."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("left out: prometheus is not installed (Debian: apt-get install prometheus)")
    address = f"{ports.LOOPBACK}:{ports.free_port()}"
    watch = Watch(stack, folder, address)
    watch.configure(*without)
    command = [
        binary,
        f"--config.file={watch.file}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.enable-lifecycle",
    ]
    child: subprocess.Popen[bytes] = processes.start(
        [*command, f"--web.listen-address={address}"], log=folder / "log", env=processes.base_environment()
    )
    try:
        yield watch
    finally:
        processes.stop(child, 5.0)


def _hurried(file: Path, folder: Path) -> Path:
    """The same rules without ``for``, and with short windows."""
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    for group in found["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
            window = _STARTS if rule["expr"].startswith("changes(") else _WINDOW
            rule["expr"] = _LONGER.sub(window, rule["expr"])
    hurried = folder / file.name
    hurried.write_text(yaml.safe_dump(found), encoding="utf-8")
    return hurried
