"""Nonsense is refused and leaves no trace in the store: 1,500 bodies here, 100,000 in ``make torture``."""

from collections import Counter

import pytest

from tests.integration.intake import fuzz
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.nonsense import RECEIPTS, Nonsense

SEED = 20261125
BODIES = 1500


@pytest.mark.timeout(480)
async def test_nonsense_is_refused_and_the_store_stays_as_it_was(harness: IntakeHarness) -> None:
    outcome = await fuzz.fuzzed(harness, SEED, BODIES)
    assert not outcome.faults, "\n".join(outcome.faults[:20])
    assert sum(outcome.statuses.values()) == BODIES
    assert {400, 404, 413, 415, 422} <= outcome.statuses.keys()
    assert outcome.accepted, "some torn bodies are good reports by chance, and the store is compared with them too"


async def test_what_the_comparison_would_find(harness: IntakeHarness) -> None:
    before = await fuzz.shot(harness)
    lodged = (await harness.lodge()).json()
    await fuzz.at_rest(harness)
    after = await fuzz.shot(harness)
    assert fuzz.compared(before, after, {lodged["report_id"]}) == []
    assert fuzz.compared(before, after, set()) == ["reports: 1 documents more, 0 reports were accepted"]
    assert fuzz.compared(after, before, set()) == ["reports: a document changed or went"]
    await harness.collection.update_one({"_id": lodged["report_id"]}, {"$set": {"front_end": "another"}})
    changed = await fuzz.shot(harness)
    assert fuzz.compared(after, changed, set()) == ["reports: a document changed or went"]


def test_a_seed_gives_the_same_bodies_and_every_kind_comes() -> None:
    first, again = (list(Nonsense(SEED, "1234").bodies(3000)) for _ in range(2))
    assert first == again
    kinds = Counter(body.kind for body in first)
    assert len(kinds) == 21
    assert min(kinds.values()) >= 10
    assert sum(body.path.startswith(RECEIPTS) for body in first) > 300
