"""Which modules `make test` runs beside all unit tests; all others are marked ``thorough`` and left to `make test-all`.

A module stands here because it is the quickest that proves one kind of thing on the real parts. A single test in it
that takes long carries the mark itself.
"""

from typing import Final

QUICK: Final = frozenset(
    {
        # the bus: consuming, publishing, the outbox, dead letters, commits that fail, deaths
        "tests/integration/kafka/test_commit.py",
        "tests/integration/kafka/test_consume.py",
        "tests/integration/kafka/test_crash.py",
        "tests/integration/kafka/test_dead_letter.py",
        "tests/integration/kafka/test_outbox.py",
        "tests/integration/kafka/test_publisher.py",
        # intake: accepting, who may, links, erasure, what a receipt may do, what a reporter is told
        "tests/integration/intake/test_accepting.py",
        "tests/integration/intake/test_clients.py",
        "tests/integration/intake/test_details.py",
        "tests/integration/intake/test_erasure.py",
        "tests/integration/intake/test_example.py",
        "tests/integration/intake/test_following.py",
        "tests/integration/intake/test_links.py",
        "tests/integration/intake/test_receipt_changes.py",
        # one fault scenario: Kafka away and the store away while people report
        "tests/integration/intake/test_outages.py",
        # routing: a real process, two workers that both believe a partition is theirs, the audits of its log
        "tests/integration/ownership/test_verdict.py",
        "tests/integration/routing/test_service.py",
        "tests/integration/routing/test_two_workers.py",
        "tests/integration/routing/test_verifier.py",
        # notify: alerts, commands, transfers, tickets, withdrawals, kill -9
        "tests/integration/notify/test_alerts.py",
        "tests/integration/notify/test_crash.py",
        "tests/integration/notify/test_desk.py",
        "tests/integration/notify/test_example.py",
        "tests/integration/notify/test_tickets.py",
        "tests/integration/notify/test_transfers.py",
        "tests/integration/notify/test_withdrawal.py",
        # analytics: exactly once, one store for two workers, the catalogue of releases
        "tests/integration/analytics/test_dead_letters.py",
        "tests/integration/analytics/test_exactly_once.py",
        "tests/integration/analytics/test_one_store.py",
        "tests/integration/analytics/test_register.py",
        # identity and audit: signing in, what somebody with the store alone can do
        "tests/integration/identity/test_sign_in.py",
        "tests/integration/identity/test_tampering.py",
        "tests/integration/audit/test_heads.py",
        "tests/integration/audit/test_store.py",
        # every route x every role
        "tests/integration/trust/test_clients.py",
        "tests/integration/trust/test_matrix.py",
        # the launcher's supervisor
        "tests/integration/local/test_supervisor.py",
        # a journey per role through the whole system, and every public page by axe
        "tests/browser/test_every_page.py",
        "tests/browser/test_journey.py",
        "tests/browser/test_kwcag.py",
        # the short kill run and the checks of its verdict
        "tests/kill/test_kill.py",
        "tests/kill/test_plan.py",
        "tests/kill/test_verdict.py",
    }
)

LONGEST_FIRST: Final = (
    "tests/kill/test_kill.py",
    "tests/chaos/test_short.py",
    "tests/integration/upgrade/test_rollout.py",
    "tests/browser/test_dashboard_year.py",
    "tests/browser/test_kwcag.py",
    "tests/disclosure/test_attack.py",
    "tests/integration/ownership/test_ownership.py",
    "tests/browser/test_every_page.py",
    "tests/integration/analytics/test_rebuild.py",
    "tests/browser/test_journey_of_trust.py",
    "tests/integration/trust/test_matrix.py",
    "tests/integration/intake/test_front_ends.py",
    "tests/browser/test_operators.py",
    "tests/integration/demo/test_whole.py",
    "tests/integration/kafka/test_stuck.py",
    "tests/integration/local/test_launcher.py",
    "tests/browser/test_centers.py",
    "tests/integration/kafka/test_outage.py",
    "tests/browser/test_steps.py",
    "tests/browser/test_calls.py",
    "tests/browser/test_dashboard.py",
    "tests/integration/analytics/test_exactly_once.py",
    "tests/integration/analytics/test_revise.py",
    "tests/integration/trust/test_canary.py",
    "tests/browser/test_desk.py",
    "tests/integration/local/test_engines.py",
    "tests/integration/routing/test_under_fire.py",
    "tests/browser/test_console.py",
    "tests/integration/local/test_stack.py",
    "tests/integration/routing/test_state.py",
    "tests/integration/security/test_stack.py",
    "tests/integration/notify/test_ladder_kill.py",
    "tests/kill/test_between.py",
    "tests/integration/routing/test_three_brokers.py",
    "tests/browser/test_journey.py",
    "tests/browser/test_console_work.py",
    "tests/integration/intake/test_details.py",
    "tests/integration/intake/test_store_attacks.py",
    "tests/integration/identity/openid/test_oidc.py",
    "tests/integration/identity/test_sessions.py",
    "tests/unit/simulation/test_surge.py",
    "tests/browser/test_handing_over.py",
    "tests/browser/test_shared_pages.py",
    "tests/integration/identity/test_sign_in.py",
    "tests/integration/intake/test_clients.py",
    "tests/browser/test_form.py",
    "tests/integration/kafka/test_outbox.py",
)
"""Modules that take half a minute and more begin first: one that begins last keeps a single worker busy at the end.

Beside the first kill run and the roll-out of builds stands what no limit of time ends: a walk and an attack."""

APART: Final = frozenset(
    {
        "tests/browser/test_every_page.py",
        "tests/integration/identity/test_sign_in.py",
        "tests/integration/analytics/test_exactly_once.py",
        "tests/kill/test_kill.py",
    }
)
"""Long modules whose tests share nothing: workers take them test by test."""


def is_quick(path: str) -> bool:
    """Whether the tests of a module, by its path in the project, belong to `make test`."""
    return path.startswith("tests/unit/") or path in QUICK


def rank(path: str) -> int:
    """When a module is begun, lowest first."""
    return LONGEST_FIRST.index(path) if path in LONGEST_FIRST else len(LONGEST_FIRST)


def unit_of_work(nodeid: str) -> str:
    """What one worker does as a whole: a module, whose tests may share a service, or one test of those in ``APART``."""
    path = nodeid.split("::", maxsplit=1)[0]
    return nodeid if path in APART else path
