"""Starts Ieum if it does not run, makes a credential for drills, and says how to send the first one.

``ieum sandbox``; ``--callback URL`` has callbacks sent there.
"""

import json
import shlex
import subprocess
import sys
from typing import Final

from shared.settings import load
from tools.local import security
from tools.local.plan import urls
from tools.local.processes import PROJECT
from tools.local.settings import LocalSettings
from tools.local.state import RunFolder

NAME: Final = "sandbox"


def main(callback: str | None) -> int:
    """0; otherwise what the launcher or intake's command ended with."""
    settings = load(LocalSettings)
    if RunFolder(settings.var / "run").runner() is None and (status := _ieum("up").returncode):
        return status
    more = ("--callback", callback) if callback else ()
    made = _clients("add", NAME, "--name", "Sandbox", "--scope", "reports:drill", *more)
    if is_taken(made):  # there is one of an earlier run, whose secret nobody knows any more
        made = _clients("rotate", NAME, "--only")
        if not made.returncode and callback:
            told = _clients("callback", NAME, "--url", callback)
            if told.returncode:
                made = told
            else:
                made.stdout = json.dumps({**_said(made), **_said(told)})
    if made.returncode:
        sys.stderr.write(made.stderr)
        return made.returncode
    sys.stdout.write(how_to(urls(settings)["intake"], _said(made)) + events_of(settings))
    return 0


def how_to(base: str, made: dict[str, object]) -> str:
    """What is printed: where, with what, and a first drill."""
    secrets = made.get("callback_secrets")
    signed = (
        f"Callbacks    signed with {' '.join(map(str, secrets))}\n" if isinstance(secrets, list) and secrets else ""
    )
    header = " -H 'Ieum-Callback: my-first-drill'" if signed else ""
    return (
        f"Base URL     {base}\n"
        f"Credential   {made['credential']}\n"
        f"{signed}"
        f"What arrived {base}/sandbox   (asks for the credential)\n"
        f"Problems     {base}/problems\n\n"
        f"curl -sS {base}/api/v1/reports -H 'Authorization: Bearer {made['credential']}'{header}"
        " -H 'Content-Type: application/json'"
        " -H 'Idempotency-Key: '$(uuidgen 2>/dev/null || cat /proc/sys/kernel/random/uuid)"
        ' -d \'{"role": "victim", "harm_types": ["other"], "division": "busan", "synthetic": true}\'\n'
    )


def events_of(settings: LocalSettings) -> str:
    """What is printed of the events: how to read them as another agency would; nothing where Kafka is elsewhere."""
    signed_in = security.access(settings, "partner")
    if not settings.starts_kafka or (settings.secured and not signed_in):
        return ""
    variables = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{settings.kafka_port}", **signed_in}
    lines = "".join(f"  export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return f"\nEvents (docs/how-to/read-events.md), as another agency reads them:\n{lines}"


def is_taken(added: "subprocess.CompletedProcess[str]") -> bool:
    """Whether ``add`` failed only because there is a front end with this id."""
    return added.returncode != 0 and f"{NAME}: exists" in added.stderr.splitlines()


def _said(done: "subprocess.CompletedProcess[str]") -> dict[str, object]:
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


def _clients(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return _ieum("client", *arguments, "--json", captured=True)


def _ieum(*arguments: str, captured: bool = False) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tools.command", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=captured, text=True, check=False
    )
