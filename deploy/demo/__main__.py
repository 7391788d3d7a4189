"""`make demo`: start everything, let a bad week come in, count it, say where to look, stay up until Ctrl-C."""

import os
import sys
import time

import orjson
import uvloop
from rich.console import Console

from deploy.demo.run import Demonstration, Place
from deploy.demo.settings import DemoSettings
from deploy.demo.summary import Summary
from deploy.demo.view import View, final
from deploy.local.cli import EXPECTED_ERRORS, Stopped, ignore_signals, stay, stop_on_signals
from deploy.local.settings import LocalSettings
from deploy.local.stack import Stack
from shared.settings import SettingsError, load

_WIDTH_WITHOUT_TERMINAL = 200


def main() -> int:
    """Run the demonstration; the exit status is 1 if anything was lost or the sums differ."""
    os.umask(0o077)  # what the demonstration writes is for this user only
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH_WITHOUT_TERMINAL)
    try:
        demo, local = load(DemoSettings), load(LocalSettings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 78
    began = time.monotonic()
    stack = Stack(
        local,
        say=lambda line: console.print(line, style="dim", highlight=False),
        extra_env={"notify": {"NOTIFY_QUIET_HOURS": "off"}},
    )
    stop_on_signals()
    try:
        stack.start()
        console.print(f"everything is ready after {time.monotonic() - began:.1f} s", highlight=False)
        summary = _demonstrate(stack, demo, console)
        _write(stack, summary)
        final(console, summary, where_to_look(stack))
        if demo.mode == "stay":
            console.print("Everything stays up. Ctrl-C stops it.")
            stay(stack)
    except Stopped:
        return 130 if demo.mode == "once" else 0
    except EXPECTED_ERRORS as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        ignore_signals()
        stack.stop()
    return 1 if summary.problems else 0


def _demonstrate(stack: Stack, demo: DemoSettings, console: Console) -> Summary:
    place = Place(urls=stack.urls, kafka=stack.kafka, token=stack.secrets["IEUM_DEMO_TOKEN"])
    with View(console) as view:
        return uvloop.run(Demonstration(place, demo, view).run())


def where_to_look(stack: Stack) -> dict[str, str]:
    """Links for a person, and the token staff pages ask for."""
    urls = stack.urls
    return {
        "form": f"{urls['intake']}/",
        "console": f"{urls['notify']}/",
        "decisions": f"{urls['routing']}/",
        "dashboard": f"{urls['analytics']}/",
        "mailbox": urls.get("mail", "(your own mail server)"),
        "API documents": "  ".join(f"{urls[name]}/docs" for name in ("intake", "routing", "notify", "analytics")),
        "staff token": stack.secrets["IEUM_DEMO_TOKEN"],
    }


def _write(stack: Stack, summary: Summary) -> None:
    folder = stack.settings.var / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "summary.json.new"
    fresh.write_bytes(orjson.dumps(summary.to_json(), option=orjson.OPT_INDENT_2) + b"\n")
    fresh.replace(folder / "summary.json")


if __name__ == "__main__":
    raise SystemExit(main())
