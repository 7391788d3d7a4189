"""The page of what happened when everything was broken on purpose, from the numbers that the last run left."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import orjson

NUMBERS: Final = Path(__file__).parents[2] / "docs" / "reference" / "chaos.json"
"""Written by ``python -m tests.chaos page``."""
_HEAD: Final = """# Broken on purpose

Written by `make docs` from `chaos.json`, which `python -m tests.chaos page` makes of the runs in `var/chaos`.
`make chaos` breaks everything once, alone on the machine in five to ten minutes; `python -m tests.chaos long` goes on
for hours and may be stopped and started again.

While people report, withdraw, write messages, and staff acknowledge and move cases, one thing after the other breaks. A
client keeps its own ledger of what was answered. When all is over one checker reads the topics and the stores: every
accepted report has one owner, an alert that arrived, and is counted once; numbers equal a recount of the log; loads,
audit chains and keys are whole.
"""
_RECOVERY: Final = """
## How soon people are helped again

After each fault four urgent reports are handed in at once. Seconds from the fault's end until the slowest of them was
accepted, had an owner, and its alert had been sent. With few faults of a kind p99 is the worst.

![Recovery by kind of fault](chaos.svg)

| kind of fault | struck | accepted p50 | owned p50 | alerted p50 | alerted p99 | worst |
|---|---|---|---|---|---|---|
"""
_KINDS: Final = """
## What is broken

| kind | what breaks | how it is undone | what it puts to the test most |
|---|---|---|---|
"""
_MISTAKES: Final = """
## Mistakes that are found

A checker that finds nothing proves nothing. `python -m tests.chaos planted` runs builds that are wrong on purpose:

| mistake | found |
|---|---|
"""
_OTHERS: Final = """
Two more are found by tests of their own, since a run of minutes seldom brings them out: an owner decided without
comparing offsets after a sleep (`make torture`, `tests/integration/routing/mistakes.py`), and a state store that is
believed though the disk was full (`python -m tools.testing planted routing-failed-store-believed`).

## What it has found

- A batch given up while its broker was away for longer than 20 s left a gap in the producer's numbering. The broker
  then refused everything, and intake, routing and notify ended. Nothing was lost, but nobody could report during a
  restart, and alerts came late. The producer is now replaced.
- The embedded store panicked at a full disk (`WT_PANIC`) and answered with errors until it was restarted, and intake
  with 500. It now ends itself, as MongoDB does, and is started again until there is room; intake answers 503.
- A relay whose two tasks failed and succeeded at the same moment ended with an error and paused.
- After a kill on a busy machine the only broker was fenced for more than a minute, because it was to be heard by its
  controller within 0.25 s, and services that waited for it took more of the machine than it got: each of their tasks
  tried to connect ten times a second. Kafka's own times count now, and a process tries once a second.
"""
_WIDTH, _LEFT, _ROW, _TOP = 760, 150, 24, 34
_LOWEST_S, _HIGHEST_S = 0.1, 200.0
_TICKS: Final = (0.1, 1, 10, 100)


def files() -> dict[str, str]:
    """Page and chart, by their paths below ``docs``."""
    numbers = orjson.loads(NUMBERS.read_bytes())
    return {"reference/chaos.md": page(numbers), "reference/chaos.svg": chart(numbers["kinds"])}


def page(numbers: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    struck = [kind for kind in numbers["kinds"] if "p50" in kind]
    return "".join(
        [
            _HEAD,
            _verdict(numbers),
            _RECOVERY,
            *(_row(kind) for kind in struck),
            _KINDS,
            *(f"| {k['name']} | {k['breaks']} | {k['undone']} | {k['holds']} |\n" for k in numbers["kinds"]),
            _MISTAKES,
            *(f"| {name} | {found} |\n" for name, found in numbers["mistakes"].items()),
            _OTHERS,
        ]
    )


def _verdict(numbers: Mapping[str, Any]) -> str:
    brokers = numbers["faults_with_three_brokers"]
    wrong = numbers["wrong"]
    said = "nothing was wrong" if not wrong else "; ".join(wrong)
    return f"""
## The last runs

{numbers["date"]}, seeds {numbers["seeds"]}: **{numbers["faults"]} faults ({brokers} of them with three brokers) over
{numbers["accepted"]:,} accepted reports: {numbers["lost"]} lost, {numbers["two_owners"]} with two owners,
{numbers["unaccounted"]} alerts unaccounted for.** What the checker said: {said}.

Meanwhile {numbers["withdrawn"]} reports were withdrawn, {numbers["reinstated"]} reinstated, {numbers["moved"]} cases
moved to another centre, {numbers["messages"]} messages left, the master key rotated {numbers["rotated"]} time(s);
{numbers["zombies"]} processes woke up from a sleep longer than their session, and {numbers["garbage"]} records were
garbage. The machine had two cores and a load average of up to {numbers["load"]:.0f}: where that is more than two, other
work ran beside, and a broker alone takes up to a minute to start.
"""


def _row(kind: Mapping[str, Any]) -> str:
    found = (f"{kind[name]:.1f} s" for name in ("accepted_p50", "routed_p50", "p50", "p99", "worst"))
    return f"| {kind['name']} | {kind['struck']} | {' | '.join(found)} |\n"


def chart(kinds: Sequence[Mapping[str, Any]]) -> str:
    """A bar from p50 to the worst for each kind, on a logarithmic scale of seconds."""
    struck = [kind for kind in kinds if "p50" in kind]
    height = _TOP + _ROW * len(struck) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" font-size="12">',
        "<title>Seconds from the end of a fault until a new urgent report is alerted, by kind of fault</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{_LEFT}" y="14" fill="#333">p50 (dot) to worst (end of bar), seconds, logarithmic</text>',
    ]
    for tick in _TICKS:
        at = _x(tick)
        lines.append(f'<line x1="{at}" y1="{_TOP - 8}" x2="{at}" y2="{height - 22}" stroke="#ddd"/>')
        lines.append(f'<text x="{at}" y="{height - 8}" text-anchor="middle" fill="#333">{tick:g} s</text>')
    for number, kind in enumerate(struck):
        middle = _TOP + _ROW * number + _ROW // 2 - 4
        middle_x, worst_x = _x(kind["p50"]), _x(kind["worst"])
        width = max(2.0, worst_x - middle_x)
        lines += [
            f'<text x="{_LEFT - 10}" y="{middle + 4}" text-anchor="end" fill="#111">{escape(kind["name"])}</text>',
            f'<rect x="{middle_x}" y="{middle - 4}" width="{width:.1f}" height="8" fill="#9fa8da"/>',
            f'<circle cx="{middle_x}" cy="{middle}" r="5" fill="#283593"/>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def _x(seconds: float) -> float:
    """Return the place of a time in the chart."""
    within = min(max(seconds, _LOWEST_S), _HIGHEST_S)
    share = math.log(within / _LOWEST_S) / math.log(_HIGHEST_S / _LOWEST_S)
    return round(_LEFT + share * (_WIDTH - _LEFT - 30), 1)
