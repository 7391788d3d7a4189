"""``tools.testing repeat``: the tests of ``make test`` again and again in random order; what was not always green.

A path such as ``tests/browser``: all tests there instead, also those that ``make test`` leaves out.

``--hog`` lets a second process eat one core meanwhile. ``--clock`` moves the wall clock of tests, services and
engines (with libfaketime, from Debian's package ``faketime``) so that the turn of the year in Seoul, which is the turn
of a month and midnight too, falls into each run, later in each.
"""

import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from shared.clock import SEOUL, SystemClock
from tools.local.settings import LocalSettings
from tools.testing import run

_SPIN: Final = "while True: pass"
_LIBRARIES: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
_WAITS: Final = Path(__file__).with_name("steady_waits.c")
_STEP: Final = timedelta(minutes=2)
"""How much earlier before the turn each further run begins."""


class NoFaketimeError(Exception):
    """libfaketime or a C compiler is not installed."""


def shifted(number: int) -> dict[str, str]:
    """The environment in which run ``number`` (from 1) meets the turn of the year."""
    library = next((str(found) for pattern in _LIBRARIES for found in Path("/").glob(pattern[1:])), None)
    if library is None:
        raise NoFaketimeError("--clock needs libfaketime: apt-get install faketime")
    now = SystemClock().now()
    turn = datetime(now.astimezone(SEOUL).year + 1, 1, 1, tzinfo=SEOUL)
    ahead = (turn - number * _STEP) - now
    return {
        "LD_PRELOAD": f"{_steady_waits()} {library}",
        "FAKETIME": f"+{int(ahead.total_seconds())}s",
        # Waits and time-outs go by the monotonic clock, which stays as it is.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _steady_waits() -> Path:
    """The library made of ``steady_waits.c``, which says why it is needed."""
    made = LocalSettings().var / "tests" / "steady_waits.so"
    made.parent.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", made, _WAITS], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoFaketimeError("--clock needs a C compiler: apt-get install gcc libc6-dev") from error
    return made


def main(times: int, *, hog: bool = False, clock: bool = False, paths: Sequence[str] = (), workers: int = 0) -> int:
    """Run ``times`` times; exits with 1 if any test was not green each time."""
    eater = subprocess.Popen([sys.executable, "-c", _SPIN]) if hog else None
    failures: Counter[str] = Counter()
    reasons: dict[str, set[str]] = defaultdict(set)
    green = 0
    try:
        for number in range(1, times + 1):
            seed = random.SystemRandom().randrange(2**32)
            if clock:
                os.environ |= shifted(number)
            order = ["-p", "randomly", f"--randomly-seed={seed}"]
            marks = run.ALL if paths else run.QUICK
            results = run.run(f"repeat-{number}", paths or ["tests"], marks, order, workers)
            not_green = [*results.failed(), *results.left_out()]
            green += results.status == 0 and not not_green
            for outcome in not_green:
                failures[outcome.name] += 1
                reasons[outcome.name].add(outcome.reason[:200])
            run.report(results)
    finally:
        if eater is not None:
            eater.kill()
            eater.wait()
    for name, count in failures.most_common():
        sys.stdout.write(f"NOT GREEN {count} of {times} times: {name}\n")
        for reason in sorted(reasons[name]):
            sys.stdout.write(f"    {reason}\n")
    sys.stdout.write(f"{green} of {times} runs were green\n")
    return 0 if green == times else 1
