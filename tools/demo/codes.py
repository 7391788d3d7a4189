"""Print the demo's accounts with the codes that count now: ``ieum demo codes``.

A code of the second factor counts once and for half a minute, so a table printed earlier cannot hold them.
"""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from shared.settings import load
from tools.demo import people
from tools.demo.people import STEP_S, Person
from tools.local.settings import LocalSettings

FILE: Final = "accounts.json"
_SHORT: Final = (
    "gyeonggi-counsellor",
    "gyeonggi-lead",
    "busan-counsellor",
    "busan-lead",
    "central-counsellor-lead",
    "central-administrator",
    "ministry-analyst",
    "ministry-auditor",
)
_MAY: Final = {
    "counsellor": "works on the cases of their centre, opens their details",
    "lead": "the same, and closes the centre, reopens cases, decides erasures",
    "administrator": "accounts and front ends; sees no report",
    "analyst": "the dashboard and its tables",
    "auditor": "the audit and its monthly check",
}


def card(staff: Mapping[str, Person], var: Path) -> Table:
    """Format how to sign in, for a spectator of the demonstration."""
    table = Table(title="Who can sign in", title_justify="left", caption_justify="left")
    for head in ("account", "password", "may"):
        table.add_column(head, overflow="fold")
    for name in _SHORT:
        if name in staff:
            one = staff[name]
            table.add_row(one.account, one.password, "; ".join(_MAY[role] for role in one.roles if role in _MAY))
    table.caption = (
        f"and a lead of each of the 16 centres ({var / 'demo' / FILE}). Signing in also takes a code of six digits, new"
        " every half minute: ieum demo codes prints the present ones, also in another terminal."
    )
    return table


def main(arguments: list[str]) -> int:
    """Print the present codes, of all or of the named accounts; 1 where there is no demonstration."""
    staff = people.kept(load(LocalSettings).var / "demo" / FILE)
    wanted = [one for one in staff.values() if not arguments or one.account in arguments]
    if not wanted:
        sys.stderr.write("no such account here: `ieum demo` makes them\n")
        return 1
    now = time.time()
    table = Table(title="Codes that count now, once each", title_justify="left", caption_justify="left")
    for head in ("account", "password", "code"):
        table.add_column(head, overflow="fold")
    for one in wanted:
        table.add_row(one.account, one.password, one.code(int(now) // STEP_S))
    table.caption = f"new ones in {STEP_S - int(now) % STEP_S} s"
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    return 0
