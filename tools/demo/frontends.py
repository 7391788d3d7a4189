"""Front ends of the demonstration and of tests: made by intake's own command, with a credential each."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.identity.roles import REAL_SCOPES
from tools.local.processes import PROJECT

PHONE: Final = "demo-phone"
PORTAL: Final = "demo-portal"
_PER_MINUTE: Final = 1_000_000
"""Thousands of reports in a minute come from no real front end."""


class FrontEndError(Exception):
    """A front end could not be made; the text says why."""


@dataclass(frozen=True, slots=True)
class FrontEnds:
    """Credentials of the two: the phone line's, and a portal's for everything else."""

    phone: str
    portal: str

    def headers(self, channel: str) -> dict[str, str]:
        """Return the headers of a request about a report of this channel."""
        return {"Authorization": f"Bearer {self.phone if channel == 'phone' else self.portal}"}


def create(env: Mapping[str, str]) -> FrontEnds:
    """Both, each new or with a new secret. ``env`` is that of intake's process. Raises FrontEndError."""
    return FrontEnds(phone=credential(env, PHONE), portal=credential(env, PORTAL))


def credential(env: Mapping[str, str], client_id: str) -> str:
    """``<id>.<secret>`` of a front end that may do everything a front end can. Raises FrontEndError."""
    scopes = [word for scope in REAL_SCOPES for word in ("--scope", scope.value)]
    done = _command(env, "add", client_id, "--name", client_id, "--per-minute", str(_PER_MINUTE), *scopes)
    if done.returncode:
        # One of an earlier run: nobody knows its secret any more.
        done = _command(env, "rotate", client_id, "--only")
    if done.returncode:
        raise FrontEndError(f"the front end {client_id} could not be made: {done.stderr.strip()[-1000:]}")
    return str(json.loads(done.stdout.splitlines()[-1])["credential"])


def _command(env: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.intake.clients", *arguments, "--json"],
        cwd=PROJECT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
