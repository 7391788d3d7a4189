"""Runs a stack of real engines, mailbox and stand-in services until a signal: a launcher for tests to kill.

Arguments: the var folder, then the ports as JSON by field name.
"""

import json
import sys
import threading
from pathlib import Path

from tools.local import cli
from tools.local.plan import AUDITOR, RECOUNT
from tools.local.settings import SERVICES, LocalSettings
from tools.local.stack import Stack

FAKE = str(Path(__file__).with_name("fake_service.py"))


def main() -> None:
    settings = LocalSettings.model_validate({"var_dir": sys.argv[1], **json.loads(sys.argv[2])})
    commands = {name: [sys.executable, FAKE, str(settings.service_port(name))] for name in SERVICES}
    commands[AUDITOR] = [sys.executable, FAKE, str(settings.auditor_port)]
    commands[RECOUNT] = [sys.executable, FAKE, str(settings.recount_port)]
    stack = Stack(settings, say=cli.say, commands=commands)
    cli.stop_on_signals()
    try:
        stack.start()
        threading.Event().wait()
    except cli.Stopped:
        pass
    finally:
        cli.ignore_signals()
        stack.stop()


if __name__ == "__main__":
    main()
