"""``python -m tools.monitoring``: rules and dashboards on a real Prometheus over the stack that `ieum up` started."""

import sys

from tools.monitoring.trial import TrialError, run


def main() -> int:
    """Try; exit status 1 where a query has no data, 2 where it cannot be tried."""
    try:
        wrong = run(lambda line: print(line, flush=True))
    except TrialError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
