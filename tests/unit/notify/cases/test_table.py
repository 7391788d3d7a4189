"""Every cell of the table against the decisions themselves, and what holds for every act."""

from collections.abc import Callable

import pytest

from services.notify.cases import rules as decisions
from services.notify.cases.commands import COMMANDS
from services.notify.cases.models import Case, ContactWay, DeletionState, TransferReason
from services.notify.cases.rules import TABLE, Accepted, Actor, Rejected, Situation
from services.notify.escalation.rules import Rules
from services.notify.team.repository import nominal
from shared.events.cases import CaseEvent
from shared.events.vocabulary import Outcome, PlatformKind, SupportKind
from tests.unit.notify.cases.samples import KIM, LEE, OTHER, SITUATIONS, acknowledged
from tests.unit.notify.samples import NOW, report_id

BESIDE = acknowledged().model_copy(update={"report_id": OTHER})
Act = Callable[[Case, Actor, int], Accepted | Rejected]


ACTS: dict[str, Act] = {
    "acknowledge": lambda case, who, own: decisions.acknowledge(case, who, own, NOW, Rules()),
    "assign": lambda case, who, own: decisions.assign(case, who, own, "lee", NOW),
    "contact": lambda case, who, own: decisions.contact(
        case, who, own, way=ContactWay.TEXT, reached=True, now=NOW, rules=Rules()
    ),
    "support": lambda case, who, own: decisions.support(case, who, own, SupportKind.LEGAL, NOW),
    "request_deletion": lambda case, who, own: decisions.request_deletion(case, who, own, PlatformKind.OTHER, 1, NOW),
    "move_deletion": lambda case, who, own: decisions.move_deletion(case, who, own, 1, DeletionState.REMOVED, NOW),
    "refer": lambda case, who, own: decisions.refer(case, who, own, "central", NOW),
    "join": lambda case, who, own: decisions.join(case, BESIDE, who, own, "lee", agreed=True, now=NOW),
    "part": lambda case, who, own: decisions.part(case, OTHER, "다른-0001", who, own, NOW),
    "offer": lambda case, who, own: decisions.offer(
        case, who, own, nominal("busan"), TransferReason.PLACE, Rules(), NOW, agreed=True
    ),
    "close": lambda case, who, own: decisions.close(case, who, own, Outcome.SUPPORTED, NOW),
    "reopen": lambda case, who, own: decisions.reopen(case, who, own, NOW),
    "open_details": lambda case, who, own: decisions.opened(case, who, own, "first_contact", NOW, Rules()),
}
EVENTS = {one.name: one.event.TYPE.removesuffix(".v1") for one in COMMANDS if one.event and one.name in TABLE}
CELLS = [(act, situation) for act in TABLE for situation in Situation]


def test_the_table_names_every_act_and_every_event() -> None:
    assert TABLE.keys() == ACTS.keys(), "a command has a line in rules.TABLE and one in ACTS, in this file"
    answers = {"accept", "decline", "recall"}  # of an offer, by another centre or about what is no state of the case
    commands = {one.name for one in COMMANDS} | {"open_details"}
    assert commands == TABLE.keys() | answers, "a command is an entry of COMMANDS and a line of rules.TABLE"


@pytest.mark.parametrize(("act", "situation"), CELLS)
def test_a_cell_is_what_the_decision_says(act: str, situation: Situation) -> None:
    came = ACTS[act](SITUATIONS[situation], LEE, 1)
    assert (came.value if isinstance(came, Rejected) else "yes") == TABLE[act][situation]
    if isinstance(came, Accepted) and came.event is not None:
        assert came.event.TYPE == f"{EVENTS[act]}.v1"
        assert came.event.ownership == 1


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("situation", list(Situation))
def test_an_older_ownership_and_another_centre_are_refused_whatever_the_state(act: str, situation: Situation) -> None:
    case = SITUATIONS[situation].model_copy(update={"ownership": 2, "former": ("daegu",)})
    assert ACTS[act](case, LEE, 1) is Rejected.OWNER_CHANGED
    assert ACTS[act](case, Actor("park", "busan"), 2) is Rejected.NOT_ALLOWED
    assert ACTS[act](case, Actor("choi", "daegu"), 2) is Rejected.OWNER_CHANGED


@pytest.mark.parametrize("act", EVENTS)
def test_what_counts_tells_the_bus(act: str) -> None:
    situation = next(one for one in Situation if TABLE[act][one] == "yes")
    came = ACTS[act](SITUATIONS[situation], LEE, 1)
    assert isinstance(came, Accepted)
    assert isinstance(came.event, CaseEvent)
    assert came.event.report_id == report_id(1)
    assert came.case.case_version == came.event.case_version
    assert KIM != LEE.subject


@pytest.mark.parametrize(
    ("before", "command", "other"),
    [
        (
            SITUATIONS[Situation.ACKNOWLEDGED],
            lambda case, who: decisions.close(case, who, 1, Outcome.SUPPORTED, NOW),
            lambda case, who: decisions.close(case, who, 1, Outcome.REFERRED, NOW),
        ),
        (SITUATIONS[Situation.CLOSED], lambda case, who: decisions.reopen(case, who, 1, NOW), None),
        (
            SITUATIONS[Situation.ACKNOWLEDGED],
            lambda case, who: ACTS["offer"](case, who, 1),
            lambda case, who: decisions.offer(
                case, who, 1, nominal("jeju"), TransferReason.PLACE, Rules(), NOW, agreed=True
            ),
        ),
    ],
    ids=["close", "reopen", "offer"],
)
def test_the_same_command_again_is_told_yes_since_the_first_answer_may_be_lost(
    before: Case, command: Callable[..., Accepted | Rejected], other: Callable[..., Accepted | Rejected] | None
) -> None:
    first = command(before, LEE)
    assert isinstance(first, Accepted)
    assert command(first.case, LEE) == Accepted(first.case, None)
    assert isinstance(command(first.case, Actor("park", "gwangju")), Rejected)
    assert other is None or isinstance(other(first.case, LEE), Rejected)
