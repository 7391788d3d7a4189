"""``python -m tools.testing COMMAND``: what `make engines`, `make test` and the others call."""

import argparse
import sys

from tools.local.cli import EXPECTED_ERRORS
from tools.local.engines import EngineError
from tools.local.settings import LocalSettings
from tools.testing import planted, repeat, results, run, shared_engines


def main() -> int:
    """Run one command; the exit status is 1 if it could not do what was asked."""
    parser = argparse.ArgumentParser(prog="python -m tools.testing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("engines", help="keep a broker and a store running for tests").set_defaults(
        work=lambda _: shared_engines.keep()
    )
    commands.add_parser("engines-down", help="stop them").set_defaults(work=lambda _: shared_engines.stop())
    commands.add_parser("keep-engines", help="what `engines` starts in the background").set_defaults(
        work=lambda _: shared_engines.keep_in_this_process()
    )
    quick = commands.add_parser("test", help="every kind of proof, in minutes")
    quick.add_argument("--service", default="", help="only what tells that this service is whole")
    quick.set_defaults(work=lambda given: run.quick(given.service))
    commands.add_parser("test-all", help="what `test` leaves out").set_defaults(work=lambda _: run.thorough())
    some = commands.add_parser("matching", help="tests whose names fit, against the kept engines")
    some.add_argument("expression")
    some.set_defaults(work=lambda given: run.matching(given.expression))
    again = commands.add_parser("repeat", help="`test` again and again in random order")
    again.add_argument("--times", type=int, default=10)
    again.add_argument("--hog", action="store_true", help="beside a process that eats one core")
    again.add_argument("--clock", action="store_true", help="so that the turn of the year in Seoul falls into each run")
    again.add_argument("--workers", type=int, default=0, help="side by side, unless 0")
    again.add_argument("paths", nargs="*", help="all tests there, instead of those of `test`")
    again.set_defaults(
        work=lambda given: repeat.main(
            given.times, hog=given.hog, clock=given.clock, paths=given.paths, workers=given.workers
        )
    )
    faults = commands.add_parser("planted", help="plant each fault of the catalogue and see that a test catches it")
    faults.add_argument("names", nargs="*", help="only patches whose file names hold one of these")
    faults.set_defaults(work=lambda given: planted.main(given.names))
    table = commands.add_parser("table", help="what each target took, and the ten slowest tests")
    table.add_argument("targets", nargs="+")
    table.set_defaults(work=lambda given: _table(given.targets))
    given = parser.parse_args()
    try:
        return given.work(given) or 0
    except (*EXPECTED_ERRORS, EngineError, planted.PatchError, repeat.NoFaketimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _table(targets: list[str]) -> None:
    folder = LocalSettings().var / "tests"
    sys.stdout.write(results.table([folder / f"{target}.json" for target in targets]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
