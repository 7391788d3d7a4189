"""``python -m tools.doctor [--json]``: exit status 0 where all is well, 1 where something is not, 3 if nothing runs."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping

from tools.doctor import look, rules
from tools.local import beside
from tools.local.settings import LocalSettings
from tools.local.state import RunFolder


def main() -> int:
    """Look, say, and end with a status that a script can use."""
    parser = argparse.ArgumentParser(prog="python -m tools.doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for programs")
    chosen = parser.parse_args()
    settings = LocalSettings()
    state = RunFolder(settings.var / "run").read()
    if state is None:
        sys.stdout.write("[]\n" if chosen.json else "nothing runs here: make up\n")
        return 3
    # Whoever reads every topic sees every topic; notify has the token of metrics.
    both = (beside.environment_of("notify", settings), beside.environment_of("reader", settings))
    environment: Mapping[str, str] = {**both[0], **both[1]}
    seen = asyncio.run(look.look(settings, state, environment))
    found = rules.findings(seen)
    if chosen.json:
        sys.stdout.write(json.dumps([finding._asdict() for finding in found], indent=1) + "\n")
    else:
        sys.stdout.write(said(found, len(seen.processes)))
    return int(bool(found))


def said(found: list[rules.Finding], processes: int) -> str:
    """Format the findings for a person."""
    if not found:
        return f"all is well with {processes} processes\n"
    lines = "".join(f"{one.part}: {one.says}\n    {one.do}\n" for one in found)
    return f"{lines}{len(found)} {'thing is' if len(found) == 1 else 'things are'} wrong\n"


if __name__ == "__main__":
    sys.exit(main())
