"""How a process ends: statuses, signals, and the watchdog."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from shared.process import EXIT_SILENT, Silence
from tests.support.waiting import DEADLINE_S


def start(body: str) -> "subprocess.Popen[str]":
    code = "import asyncio, sys, time\nfrom shared import process, log\nfrom shared.errors import *\n"
    code += "from shared.settings import SettingsError\nlog.configure('t')\n" + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def outcome(body: str) -> tuple[int, str]:
    child = start(body)
    _, said = child.communicate(timeout=DEADLINE_S)
    return child.returncode, said


def test_returning_ends_with_zero_even_when_a_thread_would_hang() -> None:
    status, _ = outcome("""
        import threading
        threading.Thread(target=time.sleep, args=(600,)).start()
        async def main(): pass
        process.run(main)
    """)
    assert status == 0


EXPORTER = """
        from opentelemetry.sdk.trace.export import SpanExporter
        from shared import spans, trace
        class Exporter(SpanExporter):
            def export(self, done): {export}
        spans.configure("t", "", Exporter())
        async def main():
            spans.record_request(trace.new_traceparent(), "GET", "/last", 200, spans.now())
        process.run(main)
"""


def test_the_last_spans_are_exported_at_the_end() -> None:
    status, said = outcome(EXPORTER.format(export="print([span.name for span in done], file=sys.stderr)"))
    assert status == 0
    assert "['GET /last']" in said


def test_a_collector_that_does_not_answer_does_not_hold_up_the_end() -> None:
    status, _ = outcome(EXPORTER.format(export="time.sleep(600)"))
    assert status == 0  # the SDK alone waits for half a minute, and the watchdog would have ended it before


def test_a_fatal_error_is_logged_and_ends_with_70() -> None:
    status, said = outcome("""
        async def main(): raise FatalError("cannot go on")
        process.run(main)
    """)
    assert status == 70
    assert "process.failed" in said
    assert "cannot go on" in said


def test_of_an_unexpected_error_only_type_and_place_are_logged() -> None:
    status, said = outcome("""
        async def main(): raise ValueError("what a person wrote")
        process.run(main)
    """)
    assert status == 70
    assert "ValueError" in said
    assert "what a person wrote" not in said


def test_of_errors_in_a_group_of_tasks_the_first_is_told_and_not_the_group() -> None:
    status, said = outcome("""
        async def breaks(): raise KeyError("what a person wrote")
        async def main():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(breaks())
        process.run(main)
    """)
    assert status == 70
    assert '"error": "KeyError"' in said
    assert " breaks" in said
    assert "what a person wrote" not in said


def test_a_wrong_setting_is_told_in_a_line_and_ends_with_78() -> None:
    status, said = outcome("""
        async def main(): raise SettingsError(["setting X: wrong"])
        process.run(main)
    """)
    assert status == 78
    assert said.strip() == "setting X: wrong"


def test_a_command_tells_a_wrong_setting_in_a_line_too_and_ends_with_its_status_otherwise() -> None:
    status, said = outcome("""
        def main(): raise SettingsError(["setting X: wrong"])
        process.run_command(main)
    """)
    assert (status, said.strip()) == (78, "setting X: wrong")
    assert outcome("process.run_command(lambda: 3)") == (3, "")


def test_every_command_that_reads_settings_tells_which_is_wrong() -> None:
    wrong = {**os.environ, "IEUM_KAFKA_PORT": "none"}
    said = subprocess.run(
        [sys.executable, "-m", "tools.command", "client", "list"],
        env=wrong,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 78
    assert said.stderr.startswith("setting ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_cleans_up_and_ends_with_zero(number: signal.Signals) -> None:
    child = start("""
        async def main():
            try:
                print("running", flush=True)
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                print("cleaned", flush=True)
        process.run(main)
    """)
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    child.send_signal(number)
    out, _ = child.communicate(timeout=DEADLINE_S)
    assert (child.returncode, out) == (0, "cleaned\n")


def test_a_second_signal_ends_what_will_not_stop() -> None:
    child = start("""
        async def main():
            while True:
                try:
                    print("running", flush=True)
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
        process.run(main)
    """)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    assert child.stdout.readline() == "running\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=DEADLINE_S) == 70


def test_a_silent_loop_ends_with_71() -> None:
    status, said = outcome("""
        import threading
        loop = asyncio.new_event_loop()
        threading.Thread(target=process.watch, args=(loop, 1.0), daemon=True).start()
        time.sleep(60)  # holds the loop up; it is ended long before
    """)
    assert status == EXIT_SILENT
    assert "process.loop_silent" in said


def test_a_process_that_was_stopped_is_not_ended_for_it() -> None:
    child = start("""
        import threading
        async def main():
            loop = asyncio.get_running_loop()
            threading.Thread(target=process.watch, args=(loop, 2.0), daemon=True).start()
            print("running", flush=True)
            await asyncio.sleep(6)  # longer than it is stopped for
        process.run(main)
    """)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGSTOP)
    until = time.monotonic() + 4
    while time.monotonic() < until:  # it must really be stopped for longer than the limit
        time.sleep(0.1)
    child.send_signal(signal.SIGCONT)
    assert child.wait(timeout=DEADLINE_S) == 0


def test_a_late_tick_counts_for_no_more_than_two() -> None:
    silence = Silence(0.5)
    assert silence.tick(1, 0.5) == 0
    assert silence.tick(1, 0.5) == 0.5
    assert silence.tick(1, 3600) == 1.5
    assert silence.tick(2, 0.5) == 0
