"""``ieum doctor``: exit status 0 where all is well, 1 where something is not, 3 if nothing runs."""

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.settings import load
from tools.doctor import look, rules
from tools.doctor.rules import Finding
from tools.local import beside, cli
from tools.local.keys import SecretsError
from tools.local.settings import LocalSettings
from tools.local.state import RunFolder, State

SETTLES: Final = timedelta(minutes=1)
"""After a start jobs fail until what they read is connected, and the auditor has not looked."""


def main(*, as_json: bool = False) -> int:
    """Look, say, and end with a status that a script can use."""
    settings = load(LocalSettings)
    try:
        state = RunFolder(settings.var / "run").read()
    except OSError as error:
        sys.stderr.write(f"{cli.trouble(error)}\n")
        return 1
    if state is None:
        sys.stdout.write("[]\n" if as_json else "nothing runs here: ieum up\n")
        return 3
    found = _found(settings, state)
    if as_json:
        sys.stdout.write(json.dumps([finding._asdict() for finding in found], indent=1) + "\n")
    else:
        since_start = datetime.now(UTC) - datetime.fromisoformat(state.started)
        sys.stdout.write(said(found, len(state.entries), since_start))
    return int(bool(found))


def _found(settings: LocalSettings, state: State) -> list[Finding]:
    try:
        # Whoever reads every topic sees every topic; notify has the token of metrics.
        both = (beside.environment_of("notify", settings), beside.environment_of("reader", settings))
    except SecretsError as error:
        return [Finding("secrets", str(error), "ask again afterwards: without them nothing else was looked at")]
    environment: Mapping[str, str] = {**both[0], **both[1]}
    return rules.findings(asyncio.run(look.look(settings, state, environment)))


def said(found: list[Finding], processes: int, since_start: timedelta) -> str:
    """Format the findings for a person."""
    if not found:
        return f"all is well with {processes} processes\n"
    lines = "".join(f"{one.part}: {one.says}\n    {one.do}\n" for one in found)
    soon = ", or not ready yet: it was started less than a minute ago, ask again then" if since_start < SETTLES else ""
    return f"{lines}{len(found)} {'thing is' if len(found) == 1 else 'things are'} wrong{soon}\n"
