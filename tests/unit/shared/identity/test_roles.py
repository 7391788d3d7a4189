"""The permission table against a second one, written by hand: a changed cell must be changed in both."""

import pytest

from shared.identity.roles import (
    MINISTRY,
    ORGANISATIONS,
    TABLE,
    Action,
    StaffRole,
    allowed,
    conflict,
    roles_at,
)
from shared.web.audit_labels import ACTIONS

# - nothing, o one's own organisation's, a everybody's.
# Columns: who, at a centre (c), at central (z), at the ministry (m).
COLUMNS = "c.operator c.counsellor c.lead c.administrator z.operator z.counsellor z.lead z.auditor z.administrator m.analyst m.auditor m.administrator"  # noqa: E501  # one line of a table
EXPECTED = """
own_account            o o o o   o o o o o   o o o
cases.list             - o o -   - a a - -   - - -
cases.read             - o o -   - a a a -   - a -
cases.acknowledge      - o o -   - o o - -   - - -
cases.assign           - o o -   - o o - -   - - -
cases.record           - o o -   - o o - -   - - -
cases.close            - o o -   - o o - -   - - -
cases.reopen           - - o -   - - o - -   - - -
transfers.offer        - o o -   - o o - -   - - -
transfers.answer       - o o -   - o o - -   - - -
calls.take             o - - -   o - - - -   - - -
details.open           - o o -   - o o - -   - - -
details.confirm        - o o -   - o o - -   - - -
details.write          - o o -   - o o - -   - - -
erasures.read          - - o -   - - o a -   - a -
erasures.decide        - - o -   - - o - -   - - -
centers.read           a a a -   a a a a -   - a -
centers.counts         - o o -   - a a - -   - - -
centers.live           - o a -   - a a - -   - - -
centers.duty           - o o -   - o o - -   - - -
centers.close          - - o -   - - a - -   - - -
centers.team           - o o -   - o o - -   - - -
centers.rota           - - o -   - - o - -   - - -
decisions.read         - o o -   - a a a -   - a -
dead.read              - o o o   - a a - a   - - a
dead.redrive           - - o o   - - a - a   - - a
drills.run             - - o o   - - a - a   - - a
tables.read            - - a -   - - a a -   a a -
operations.read        - - o o   - - a a a   - a a
audit.read             - - - -   - - - a -   - a -
audit.check            - - - -   - - - a -   - a -
accounts.manage        - - - o   - - - - a   - - a
accounts.release       - - o o   - - o - a   - - a
clients.manage         - - - o   - - - - a   - - a
open                   - - - -   - - - - -   - - -
front_end              - - - -   - - - - -   - - -
service                - - - -   - - - - -   - - -
"""
PLACES = {"c": "jeju", "z": "central", "m": MINISTRY}
ROWS = {line.split()[0]: line.split()[1:] for line in EXPECTED.strip().splitlines()}


def cells() -> list[tuple[str, str, str]]:
    return [(a, who, cell) for a, row in ROWS.items() for who, cell in zip(COLUMNS.split(), row, strict=True)]


def test_the_second_table_is_complete() -> None:
    assert set(ROWS) == {action.value for action in Action}, "a new action needs a line in EXPECTED, in this file"
    assert set(TABLE) == set(Action) - {Action.OPEN, Action.FRONT_END, Action.SERVICE}
    given = {(PLACES[who[0]], StaffRole(who[2:])) for who in COLUMNS.split()}
    assert given == {(place, role) for place in PLACES.values() for role in roles_at(place)}


def test_the_auditor_reads_every_action_in_words() -> None:
    never_written = {Action.OPEN, Action.SERVICE}  # nobody signs in for them
    without = set(Action) - never_written - set(ACTIONS)
    assert without == set(), "words are missing in ACTIONS of shared/web/audit_labels.py"


@pytest.mark.parametrize(("action", "who", "cell"), cells())
def test_every_cell(action: str, who: str, cell: str) -> None:
    place, role, what = PLACES[who[0]], StaffRole(who[2:]), Action(action)
    assert allowed(role, place, what) is (cell != "-")
    for organisation in ORGANISATIONS:
        may = cell == "a" or (cell == "o" and organisation == place)
        assert allowed(role, place, what, organisation) is may, organisation


@pytest.mark.parametrize(
    ("role", "place"),
    [
        (StaffRole.ANALYST, "jeju"),
        (StaffRole.AUDITOR, "jeju"),
        (StaffRole.COUNSELLOR, MINISTRY),
        (StaffRole.LEAD, MINISTRY),
    ],
)
def test_a_role_that_an_organisation_cannot_give_opens_nothing(role: StaffRole, place: str) -> None:
    assert not any(allowed(role, place, action, o) for action in Action for o in (None, *ORGANISATIONS))


def test_an_administrator_never_sees_a_report_nor_does_an_analyst_see_one_case() -> None:
    about_reports = [a for a in Action if a.value.startswith(("cases.", "details.", "transfers.", "erasures."))]
    for role in (StaffRole.ADMINISTRATOR, StaffRole.ANALYST, StaffRole.OPERATOR):
        for place in ORGANISATIONS:
            assert not any(allowed(role, place, action) for action in about_reports)


@pytest.mark.parametrize(
    ("roles", "together"),
    [
        ({"administrator", "counsellor"}, False),
        ({"administrator", "lead"}, False),
        ({"auditor", "lead"}, False),
        ({"auditor", "administrator"}, False),
        ({"auditor", "operator"}, False),
        ({"auditor", "analyst"}, False),
        ({"auditor"}, True),
        ({"counsellor", "lead", "operator"}, True),
        ({"administrator", "operator"}, True),
        ({"administrator", "analyst"}, True),
    ],
)
def test_conflicts(roles: set[str], together: bool) -> None:
    assert (conflict(frozenset(StaffRole(role) for role in roles)) is None) is together


def test_there_are_no_roles_where_there_is_no_organisation() -> None:
    with pytest.raises(ValueError, match="no organisation"):
        roles_at("atlantis")
