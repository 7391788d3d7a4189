"""Run a target of tests: which files, which marks, how many workers, and what is said at the end."""

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from tools.local import chromium, jars, processes
from tools.local.settings import LocalSettings
from tools.testing.results import Results

EXIT_LEFT_OUT: Final = 3
"""Exit status if all that ran is green, and some tests did not run."""

QUICK: Final = "not thorough"
THOROUGH: Final = "thorough"
"""Marks of what `make test` and `make test-all` run."""
ALL: Final = ""
WORKERS: Final = 4
"""For the two cores that CI has: a good third of what tests do is waiting for a broker, a store or a browser."""
_NO_TESTS: Final = 5

_JOURNEY: Final = "tests/browser/test_journey.py"
MORE_OF: Final = {
    "intake": ("tests/browser/test_kwcag.py",),
    "routing": (_JOURNEY,),
    "notify": ("tests/integration/identity", _JOURNEY),
}
"""Tests of a service that lie elsewhere, as far as three minutes allow."""


def run(target: str, paths: Sequence[str], marks: str, more: Sequence[str] = (), workers: int = 0) -> Results:
    """Run pytest over ``paths`` with the shared engines and a browser, and keep what it found in ``var/tests``.

    ``workers`` is how many run side by side, unless it is 0.
    """
    folder = LocalSettings().var / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    xml = folder / f"{target}.xml"
    xml.unlink(missing_ok=True)
    environment = dict(os.environ)
    # Where this is set, every worker and every service that a test starts compiles all modules anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found = chromium.find_or_install(print)
    if found:
        environment["IEUM_CHROMIUM"] = found
    # Kafka's jars are fetched once, not by several workers at the same time.
    jars.classpath()
    command = [
        sys.executable,
        "-m",
        "pytest",
        *paths,
        "-q",
        "-m",
        marks,
        "-n",
        str(workers or WORKERS),
        "--dist",
        "loadscope",
    ]
    # Not the modules with most tests first, but those that take longest (tests/tiers.py).
    command += ["--no-loadscope-reorder"]
    command += [f"--junitxml={xml}", "-o", "junit_family=xunit2", *more]
    began, worked = time.monotonic(), _cpu_seconds()
    status = subprocess.run(command, cwd=processes.PROJECT, env=environment, check=False).returncode
    results = Results.read(target, time.monotonic() - began, _cpu_seconds() - worked, status, xml)
    results.write(folder / f"{target}.json")
    return results


def report(results: Results) -> int:
    """Say what was left out and how it ended; returns the exit status of the target."""
    left_out = results.left_out()
    for outcome in left_out:
        print(f"LEFT OUT: {outcome.name} ({outcome.reason})", flush=True)
    minutes, seconds = divmod(round(results.seconds), 60)
    passed, failed = results.count("passed"), results.count("failed", "error")
    busy = f"{results.cpu_seconds / 60:.0f} min of CPU"
    said = f"{passed} passed, {failed} failed, {len(left_out)} left out"
    print(f"{results.target}: {said} in {minutes} min {seconds} s ({busy})", flush=True)
    if results.status not in {0, _NO_TESTS}:
        return results.status
    return EXIT_LEFT_OUT if left_out and os.environ.get("CI") else 0


def quick(service: str) -> int:
    """``make test``: every kind of proof, in minutes; with a service, what tells that this service is whole."""
    services = sorted(main.parent.name for main in (processes.PROJECT / "services").glob("*/main.py"))
    if service and service not in services:
        print(f"S={service} is no service; it is one of {', '.join(services)}", flush=True)
        return 2
    return report(run("test", paths_of(service) if service else ["tests"], QUICK))


def thorough() -> int:
    """``make test-all``: what ``make test`` leaves to it."""
    return report(run("test-all", ["tests"], THOROUGH))


def matching(expression: str) -> int:
    """``make t``: the tests whose names fit, in this process, against the kept engines."""
    words = re.findall(r"\w+", re.sub(r"\b(and|or|not)\b", " ", expression))
    paths = sorted(_files_with(words)) or ["tests"]
    command = [sys.executable, "-m", "pytest", *paths, "-q", "-x", "-k", expression, "-p", "no:randomly"]
    return subprocess.run(command, cwd=processes.PROJECT, check=False).returncode


def paths_of(service: str) -> list[str]:
    """The tests that tell whether a service is whole: its folders, and what drives it in a browser."""
    found = [f"tests/unit/{service}", f"tests/integration/{service}", *MORE_OF.get(service, ())]
    return [path for path in found if (processes.PROJECT / path).exists()]


def _files_with(words: Sequence[str]) -> set[str]:
    """Test files that hold one of the words, in their name or in their text: importing all of them takes seconds."""
    patterns = [part for word in words for part in ("-e", word)]
    found = subprocess.run(
        ["git", "grep", "-l", "--untracked", "-i", "-F", *patterns, "--", "tests/**/test_*.py"],
        cwd=processes.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    named = [str(p.relative_to(processes.PROJECT)) for p in (processes.PROJECT / "tests").rglob("test_*.py")]
    return {*found, *(name for name in named if any(word.lower() in name.lower() for word in words))}


def _cpu_seconds() -> float:
    """Of all processes that this one started and that have ended: tests, and the engines and services they start."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
