"""The page of what may be done with a case when, written from notify's table."""

from services.notify.cases.commands import COMMANDS
from services.notify.cases.rules import TABLE, Situation

_HEAD = """# What may be done with a case, and when

Written from `services/notify/cases/rules.py` by `make docs`; a test checks every cell against the decisions.

`yes`, or the code of the refusal (409, or 410 for details of a withdrawn report) that staff of the owning centre get
under the present ownership. Whoever saw an older ownership gets `owner_changed`; whoever's case it never was,
`not_allowed`.
"""


def files() -> dict[str, str]:
    """The page, by its path below ``docs``."""
    columns = list(Situation)
    lines = [
        "| act | " + " | ".join(columns) + " | event |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    events = {command.name: command.event.TYPE.removesuffix(".v1") for command in COMMANDS if command.event}
    for act, row in TABLE.items():
        cells = [row[one] if row[one] == "yes" else f"`{row[one]}`" for one in columns]
        event = f"`{events[act]}`" if act in events else ""
        lines.append(f"| {act} | " + " | ".join(cells) + f" | {event} |")
    return {"cases.md": _HEAD + "\n" + "\n".join(lines) + "\n"}
