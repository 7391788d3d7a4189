import json
import logging
import subprocess
import sys

SCRIPT = """
import logging
from shared import log, trace
log.configure("probe")
trace.bind("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
log.get("probe").info("report.accepted", group=3)
def risky():
    canary = "CANARY-LOCAL"
    raise ValueError("no")
try:
    risky()
except ValueError:
    log.get("probe").exception("report.failed")
for _ in range(50):
    logging.getLogger("aiokafka.conn").error("broker %s away", 1)
logging.getLogger("other").error("broker %s away", 1)
"""


def test_lines_are_json_with_service_trace_and_no_local_values() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    first = lines[0]
    assert (first["event"], first["service"], first["group"]) == ("report.accepted", "probe", 3)
    assert first["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert lines[1]["event"] == "report.failed"
    assert "exception" in lines[1]
    assert "CANARY-LOCAL" not in run.stderr


def test_floods_of_the_bus_library_are_held_back_but_nobody_elses() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    away = [line for line in run.stderr.splitlines() if "away" in line]
    assert len(away) == 2


DEBUGGING = """
import logging
from shared import log
log.configure("probe", "DEBUG")
for name in ("pymongo.command", "motor", "aiosmtplib"):
    logging.getLogger(name).debug("CANARY-COMMAND")
logging.getLogger("other").debug("heard")
"""


def test_no_level_makes_libraries_repeat_documents_or_mails() -> None:
    run = subprocess.run([sys.executable, "-c", DEBUGGING], capture_output=True, text=True, check=True)
    assert "heard" in run.stderr
    assert "CANARY-COMMAND" not in run.stderr


def test_importing_log_configures_nothing() -> None:
    before = logging.getLogger().handlers[:]
    __import__("shared.log")
    assert logging.getLogger().handlers == before
