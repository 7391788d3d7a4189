"""What is done to routing, to the broker and to the store, and in which order."""

import random
from collections.abc import Sequence
from typing import NamedTuple


class Blow(NamedTuple):
    """``kill`` a worker, ``freeze`` one, kill the ``broker`` or the ``store`` and start it again, ``scale`` the crew.

    ``peace`` is a blow that is none: reports come in, and nothing else happens.

    Where there are three brokers, the one killed leads a partition of `routings`.
    """

    kind: str
    number: float = 0
    """Seconds a worker is frozen or an engine is away; workers there are from now on."""
    pause: float = 1.5
    """Seconds until the next blow. A frozen worker is not waited for, so that more happens while it sleeps."""


BRIEF = (
    Blow("freeze", 4.5, 0.5),
    Blow("kill", pause=2),
    Blow("scale", 5, 3),
    Blow("store", 3, 0.5),
    Blow("freeze", 5, 1),
    Blow("kill", pause=1),
    Blow("broker", 2, 3),
    Blow("scale", 2, 3),
    Blow("freeze", 4.5, 1),
    Blow("kill", pause=5),
    Blow("scale", 3, 1),
)
"""Every kind of blow once or more, within a minute; the session timeout must be 3 s."""
LEADERS = (Blow("freeze", 4.5, 1), Blow("broker", 4, 3), Blow("kill", pause=3))
"""With three brokers: while a worker sleeps a leader dies."""


def draw(seed: int, number: int) -> tuple[Blow, ...]:
    """Blows in a random order, with every kind in it and 3 → 5 → 2 → 3 workers over the whole."""
    dice = random.Random(seed)
    kinds = ["kill"] * 5 + ["freeze"] * 3 + ["broker"] * 2 + ["store"]
    drawn = [*kinds, *dice.choices(kinds, k=max(0, number - len(kinds)))]
    dice.shuffle(drawn)
    blows = [_blow(kind, dice) for kind in drawn]
    for share, wanted in ((0.75, 3), (0.5, 2), (0.25, 5)):
        blows.insert(int(len(blows) * share), Blow("scale", wanted, dice.uniform(2, 4)))
    return tuple(blows)


def kinds_of(blows: Sequence[Blow]) -> set[str]:
    return {blow.kind for blow in blows}


def _blow(kind: str, dice: random.Random) -> Blow:
    if kind == "freeze":
        return Blow(kind, round(dice.uniform(3.5, 8), 2), dice.uniform(0.5, 5))
    if kind == "kill":
        return Blow(kind, pause=dice.uniform(0.5, 3))
    return Blow(kind, round(dice.uniform(0.3, 6), 2), dice.uniform(1, 5))
