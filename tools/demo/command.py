"""`ieum demo`: start everything, let a bad week come in, count it, say where to look, stay up until Ctrl-C."""

import asyncio
import hashlib
import secrets
import subprocess
import sys
import time
from pathlib import Path

import orjson
from rich.console import Console

from shared.audit.command import STORE_AWAY
from shared.settings import load
from tools.demo import frontends, people
from tools.demo.codes import FILE, card
from tools.demo.frontends import FrontEndError
from tools.demo.people import Crew, PeopleError, Person
from tools.demo.run import Demonstration, Place
from tools.demo.settings import DemoSettings
from tools.demo.summary import Summary
from tools.demo.view import View, final, walked
from tools.local.cli import EXPECTED_ERRORS, Stopped, ignore_signals, say_room, stay, stop_on_signals, trouble
from tools.local.processes import PROJECT
from tools.local.settings import SERVICES, LocalSettings
from tools.local.stack import Stack

_WIDTH_WITHOUT_TERMINAL = 200
_ASKED = 3
_LONGEST = 400


def main(demo: DemoSettings) -> int:
    """Run the demonstration; the exit status is 1 if anything was lost or the sums differ."""
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH_WITHOUT_TERMINAL)
    local = load(LocalSettings)
    began = time.monotonic()
    stack = Stack(
        local,
        say=lambda line: console.print(line, style="dim", highlight=False),
        extra_env={"notify": {"NOTIFY_QUIET_HOURS": "off"}},
    )
    stop_on_signals()
    try:
        local.var.mkdir(parents=True, exist_ok=True)
        say_room(local.var)
        stack.start()
        console.print(f"everything is ready after {time.monotonic() - began:.1f} s", highlight=False)
        staff = _staff(stack)
        summary = demonstrate(stack, demo, console, staff)
        _write(stack, summary)
        final(console, summary, where_to_look(stack))
        console.print(card(staff, local.var))
        if demo.mode == "stay":
            console.print("Everything stays up. Ctrl-C stops it.")
            stay(stack)
    except Stopped:
        return 130 if demo.mode == "once" else 0
    except (*EXPECTED_ERRORS, PeopleError, FrontEndError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{trouble(error)}\n")
        return 1
    finally:
        ignore_signals()
        stack.stop()
    return 1 if summary.problems else 0


def demonstrate(stack: Stack, demo: DemoSettings, console: Console, staff: dict[str, Person]) -> Summary:
    """The week and the walk against a running stack."""
    front_ends = frontends.create(stack.environment_of("intake"), stack.run_once)
    place = Place(urls=stack.urls, kafka=stack.kafka_settings(), crew=Crew(stack.urls, staff), front_ends=front_ends)
    with View(console) as view:
        run = Demonstration(place, demo, view)
        asyncio.run(run.run())
    found = _audit_findings(stack)
    step = "`ieum audit verify` finds nothing wrong with the audit"
    run.checked(f"{step}: {found}" if found else step, fine=not found)
    walked(console, run.steps)
    return run.summary()


def _audit_findings(stack: Stack) -> str:
    """Return the findings of the verification; empty if there are none. A store too busy to answer is asked again."""
    verify = [sys.executable, "-m", "tools.command", "audit", "verify"]
    env = stack.verifier_environment()
    for _ in range(_ASKED):
        done = subprocess.run(verify, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
        if done.returncode != STORE_AWAY:
            break
    wrong = [line for line in (done.stdout + done.stderr).splitlines() if "nothing wrong" not in line]
    return ("; ".join(wrong) or f"ended with {done.returncode}")[:_LONGEST] if done.returncode else ""


def _staff(stack: Stack) -> dict[str, Person]:
    """The people of the demonstration: those of the last one in this folder, or new ones."""
    store = hashlib.sha256(stack.mongodb.encode()).hexdigest()[:8]
    path = stack.settings.var / "demo" / FILE
    known = people.kept(path, store)
    if not known:
        env = stack.environment_of("identity")
        try:
            known = people.create(env)
        except PeopleError as error:
            if "name_taken" not in str(error):
                raise
            # The store knows the demonstration of another folder, whose passwords are not here.
            known = people.create(env, suffix=f"-{secrets.token_hex(2)}")
        people.keep(path, store, known)
    return known


def where_to_look(stack: Stack) -> dict[str, str]:
    """Links for a person."""
    urls = stack.urls
    return {
        "form": f"{urls['intake']}/",
        "receipt and status": f"{urls['intake']}/status",
        "sign in": f"{urls['identity']}/session",
        "console": f"{urls['notify']}/",
        "accounts": f"{urls['identity']}/accounts",
        "decisions": f"{urls['routing']}/",
        "dashboard": f"{urls['analytics']}/",
        "audit": f"{urls['intake']}/audit  {urls['notify']}/audit  {urls['identity']}/audit",
        "mailbox": urls.get("mail", "(your own mail server)"),
        "API documents": "  ".join(f"{urls[name]}/docs" for name in SERVICES),
    }


def _write(stack: Stack, summary: Summary) -> None:
    folder: Path = stack.settings.var / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "summary.json.new"
    fresh.write_bytes(orjson.dumps(summary.to_json(), option=orjson.OPT_INDENT_2) + b"\n")
    fresh.replace(folder / "summary.json")
