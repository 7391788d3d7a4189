"""A module that is run as a fork of the preloader: says what it is given, then waits.

Arguments: ``seek`` looks for the word whose letters ``BACKWARDS`` has in reverse, in all memory it can write to;
``end`` ends with a status, ``write`` with 3 after a line to each output.
"""

import json
import os
import re
import signal
import sys
from pathlib import Path


def memory() -> bytes:
    found = b""
    with open("/proc/self/maps", encoding="utf-8") as maps, open("/proc/self/mem", "rb") as pages:  # noqa: PTH123  # no path
        for line in maps:
            part = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if part and "[v" not in line:
                pages.seek(int(part[1], 16))
                found += pages.read(int(part[2], 16) - int(part[1], 16))
    return found


def main() -> None:
    if "end" in sys.argv:
        sys.exit(int(sys.argv[2]))
    if "write" in sys.argv:
        sys.stderr.write("beside\n")
        sys.stderr.flush()
        sys.stdout.write(f"{os.environ['MINE']}\n")
        sys.exit(3)
    told: dict[str, object] = {"env": dict(os.environ), "argv": sys.argv[1:], "leads": os.getsid(0) == os.getpid()}
    told["name"] = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    told["imported"] = "shared.web.app" in sys.modules
    if "seek" in sys.argv:
        # Never the right way round: then this process would find its own question.
        told["found"] = os.environ["BACKWARDS"].encode() in memory()[::-1]
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
