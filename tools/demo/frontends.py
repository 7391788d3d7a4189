"""Front ends of the demonstration and of tests: made by intake's own command, with a credential each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.identity.roles import REAL_SCOPES
from tools.local.drilling import Run, front_end
from tools.local.processes import run_module

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


def create(env: Mapping[str, str], run: Run = run_module) -> FrontEnds:
    """Both, each new or with a new secret. ``env`` is that of intake's process. Raises FrontEndError.

    ``run``: of a running stack, which has imported already what the command needs.
    """
    return FrontEnds(phone=credential(env, PHONE, run), portal=credential(env, PORTAL, run))


def credential(env: Mapping[str, str], client_id: str, run: Run = run_module) -> str:
    """``<id>.<secret>`` of a front end that may do everything a front end can. Raises FrontEndError."""
    scopes = [word for scope in REAL_SCOPES for word in ("--scope", scope.value)]
    made, wrote = front_end(run, env, client_id, "--per-minute", str(_PER_MINUTE), *scopes)
    if not made:
        raise FrontEndError(f"the front end {client_id} could not be made: {wrote.strip()[-1000:]}")
    return made
