"""When what is hit: drawn from a seed, so that a failing run can be told by its number and run again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SERVICES = ("intake", "routing", "notify", "analytics")
ENGINES = ("kafka", "store")
TARGETS = (*SERVICES, *ENGINES)

Action = Literal["kill", "freeze"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One blow, struck once ``after`` reports have been accepted.

    ``kill`` is SIGKILL. ``freeze`` is SIGSTOP for ``seconds`` and then SIGCONT: a worker that wakes up and does not
    know that others have taken over.
    """

    after: int
    target: str
    action: Action
    seconds: float = 0.0


def draw(
    seed: int, *, reports: int, kills: int, freezes: int, session_timeout_s: float, targets: Sequence[str] = TARGETS
) -> list[Fault]:
    """Every target is killed ``kills`` times and routing frozen ``freezes`` times, at random moments of the run.

    Frozen for longer than the session timeout, so that another worker owns the partitions when it wakes. The last
    twentieth is left in peace, so that every blow falls while reports go in.
    """
    rng = random.Random(seed)
    last = max(2, reports - reports // 20)
    faults = [Fault(rng.randrange(1, last), target, "kill") for target in targets for _ in range(kills)]
    for _ in range(freezes):
        seconds = session_timeout_s + rng.uniform(1.0, 4.0)
        faults.append(Fault(rng.randrange(1, max(2, last // 2)), "routing", "freeze", round(seconds, 2)))
    return sorted(faults, key=lambda fault: fault.after)
