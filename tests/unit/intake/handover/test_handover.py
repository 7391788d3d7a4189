"""A report changes hands once, by a code that counts for a time; and a code proves nobody to be the person harmed."""

from datetime import timedelta
from typing import Any

import pytest

from services.intake.caller import Caller
from services.intake.handover import rules as handover_rules
from services.intake.handover.rules import OPEN_FOR, REPEATED_FOR, HandoverCode
from services.intake.handover.service import HandoverService
from services.intake.receipts.models import ReceiptQuestion
from services.intake.receipts.status import status_answer
from services.intake.receipts.views import steps_of
from services.intake.reports import documents, receipt_numbers
from services.intake.reports.lifecycle import NEW, Lifecycle, Special
from services.intake.reports.models import Progress, State
from services.intake.reports.rules import status_of
from services.intake.retention import rules as retention_rules
from services.intake.retention.rules import RefusedError
from services.intake.staff_access.views import details_of
from shared.events.vocabulary import ContactChannel, Role
from shared.web.problems import Problem
from tests.support.keys import KEYS, issuer
from tests.unit.intake.retention.test_erasure import NOW, facts, taken_back

REPRESENTATIVE = facts(role=Role.REPRESENTATIVE)
OFFER = HandoverCode(until=NOW + OPEN_FOR)
LATER = NOW + timedelta(hours=2)


def handed(life: Lifecycle = NEW) -> Lifecycle:
    return handover_rules.handed_over(life, REPRESENTATIVE, (), NOW)[0]


def refusal_of(offer: HandoverCode, *, by: str = "one", after: timedelta = timedelta()) -> str:
    with pytest.raises(RefusedError) as refused:
        handover_rules.taken(offer, by, NOW + after)
    return refused.value.code


@pytest.mark.parametrize("role", [Role.VICTIM, Role.THIRD_PARTY])
def test_only_a_representatives_report_is_handed_over_and_only_once(role: Role) -> None:
    assert handover_rules.offered(NEW, REPRESENTATIVE, NOW) == OFFER
    with pytest.raises(RefusedError, match="nobody_to_hand_over_to"):
        handover_rules.offered(NEW, facts(role=role), NOW)
    with pytest.raises(RefusedError, match="nobody_to_hand_over_to"):
        handover_rules.offered(handed(), REPRESENTATIVE, NOW)


def test_a_code_counts_once_and_for_its_time_and_a_lost_answer_is_given_again() -> None:
    used = handover_rules.taken(OFFER, "one", NOW)
    assert used is not None
    assert handover_rules.taken(used, "one", NOW + REPEATED_FOR - timedelta(seconds=1)) is None
    assert refusal_of(used, after=REPEATED_FOR) == "code_used"
    assert refusal_of(used, by="another") == "code_used"
    assert handover_rules.taken(OFFER, "one", NOW + OPEN_FOR - timedelta(seconds=1)) is not None
    assert refusal_of(OFFER, after=OPEN_FOR) == "code_expired"
    void = handover_rules.cancelled(OFFER)
    assert void is not None
    assert refusal_of(void) == "code_void"
    assert [handover_rules.cancelled(one) for one in (None, void, used)] == [None, None, None]
    assert [handover_rules.open_until(one, NOW) for one in (OFFER, void, used, None)] == [OFFER.until, None, None, None]
    assert handover_rules.open_until(OFFER, OFFER.until) is None


def test_what_was_handed_over_is_a_victims_report_with_only_the_ways_they_chose() -> None:
    before = facts(role=Role.REPRESENTATIVE, contact_channels=(ContactChannel.PHONE,))
    life, after = handover_rules.handed_over(NEW, before, (ContactChannel.TEXT, ContactChannel.TEXT), NOW)
    assert (after.role, after.contact_channels) == (Role.VICTIM, (ContactChannel.TEXT,))
    assert after.model_copy(update={"role": before.role, "contact_channels": before.contact_channels}) == before
    assert (life.handed_over_at, life.special) == (NOW, (Special.REPRESENTATIVE,))


def test_a_code_alone_shows_nothing_more_than_before() -> None:
    life = handed()
    assert retention_rules.limited(life, Role.VICTIM)
    assert status_of(NOW, Progress(), life, Role.VICTIM).limited
    with pytest.raises(RefusedError, match="not_with_this_receipt"):
        # Confirmed before it changed hands: who has it now is not known to be that person.
        taken_back(
            handed(retention_rules.confirmed(NEW, REPRESENTATIVE, "s-1", NOW - timedelta(days=1))), role=Role.VICTIM
        )


def test_once_confirmed_since_it_is_the_persons_own_in_every_way() -> None:
    life = retention_rules.confirmed(handed(), facts(), "s-1", LATER)
    assert (life.confirmed_at, life.special) == (LATER, ())
    assert not retention_rules.limited(life, Role.VICTIM)
    assert not retention_rules.made_by_other(life, facts())
    assert retention_rules.confirmed(life, facts(), "s-2", LATER + timedelta(hours=1)) == life
    own = taken_back(life, at_once=True, now=LATER, role=Role.VICTIM)
    assert own.plan is not None
    assert own.plan.at == LATER


def test_an_earlier_confirmation_does_not_count_for_who_took_it_over() -> None:
    before = retention_rules.confirmed(NEW, REPRESENTATIVE, "s-1", NOW - timedelta(days=1))
    life = handed(before)
    assert retention_rules.limited(life, Role.VICTIM)
    assert retention_rules.confirmed(life, facts(), "s-2", LATER).confirmed_by == "s-2"


@pytest.mark.parametrize("apart", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_which_came_first_does_not_rest_on_two_clocks(apart: timedelta) -> None:
    """``apart``: how far ahead the clock of the confirming process is of the one that the report changed hands at."""
    before = handed(retention_rules.confirmed(NEW, REPRESENTATIVE, "s-1", NOW - timedelta(minutes=1) + apart))
    assert not retention_rules.confirmed_by_holder(before), "whoever reported used the code"
    assert retention_rules.limited(before, Role.VICTIM)
    since = retention_rules.confirmed(handed(), facts(), "s-2", NOW + timedelta(minutes=1) + apart)
    assert retention_rules.confirmed_by_holder(since)
    assert retention_rules.confirmed(since, facts(), "s-3", LATER) == since, "refused as nothing to confirm"


def test_who_took_it_over_is_told_of_no_answer_to_whoever_reported_and_is_answered_for_words_of_their_own() -> None:
    life = retention_rules.confirmed(handed(), facts(), "s-1", NOW)
    before = [{"number": 1, "at": NOW - timedelta(hours=1)}, {"number": 2, "at": NOW - timedelta(minutes=1)}]
    document: dict[str, Any] = {
        "received_at": NOW - timedelta(days=1),
        "facts": facts().model_dump(mode="json"),
        "life": life.model_dump(),
        "replies": before,
        "messages": before[:1],
    }
    assert status_answer(document, LATER, lambda _, moment: moment).answers is None
    assert documents.of_holder(document, "messages") == []
    document |= {"replies": [*before, {"number": 3, "at": LATER}, {"number": 4, "at": LATER}], "replies_read": 3}
    answer = status_answer(document, LATER, lambda _, moment: moment)
    assert (answer.answers, answer.answers_unread, answer.answered_at) == (2, 1, LATER)


def test_the_former_receipt_says_the_same_whatever_comes_after() -> None:
    former = {"received_at": NOW - timedelta(days=1), "handed_over_at": NOW}
    answer = status_answer(former, LATER, lambda _, moment: moment)
    assert answer.model_dump(exclude_none=True) == {
        "state": State.HANDED_OVER,
        "since": NOW,
        "received_at": NOW - timedelta(days=1),
    }
    assert [step.at for step in steps_of(answer)] == [NOW - timedelta(days=1), NOW]
    assert retention_rules.tombstone(handed(), LATER).handed_over_at == NOW


def test_what_the_person_may_still_say_is_not_used_up_by_whoever_reported() -> None:
    stored: dict[str, Any] = {"messages": [{"at": NOW - timedelta(hours=n)} for n in range(3)]}
    assert len(documents.of_holder(stored, "messages")) == 3
    stored["life"] = handed().model_dump()
    assert len(documents.of_holder(stored, "messages")) == 0
    stored["messages"].append({"at": LATER})
    assert len(documents.of_holder(stored, "messages")) == 1


@pytest.mark.parametrize("apart", [timedelta(minutes=-5), timedelta(minutes=5)])
@pytest.mark.parametrize("what", documents.OF_HOLDER)
def test_what_was_said_before_and_after_it_changed_hands_does_not_rest_on_two_clocks(
    what: str, apart: timedelta
) -> None:
    """``apart``: how far ahead the clock of another process is of the one that handed the report over."""
    before, after = ({"number": number, "at": NOW + timedelta(minutes=m) + apart} for number, m in ((1, -1), (2, 1)))
    used = OFFER.model_copy(update={"said_before": dict.fromkeys(documents.OF_HOLDER, 1)})
    stored = {"life": handed().model_dump(), "hand_over": used.model_dump(), what: [before, after]}
    assert documents.of_holder(stored, what) == [after]


def test_staff_see_that_it_changed_hands_and_whose_contact_came_before() -> None:
    parts = {"contact": {"channels": ["phone"], "phone": "1"}, "contact:2": {}, "on_behalf": {"relation": "spouse"}}
    stored = {
        "received_at": NOW - timedelta(days=1),
        "facts": facts().model_dump(mode="json"),
        "amendments": [{"number": 1, "at": NOW, "version": 2}],
        "life": handed(retention_rules.confirmed(NEW, REPRESENTATIVE, "s-1", NOW - timedelta(hours=1))).model_dump(),
    }
    details = details_of(stored, parts)
    assert (details.by_other, details.handed_over_at, details.may_contact) == (True, NOW, False)
    assert details.contact_changed_at is None
    assert [said.value["phone"] for said in details.earlier_contacts] == ["1"]
    assert details.on_behalf["relation"] == "spouse"
    assert details.confirmed_at is None


def test_codes_are_no_receipts_and_the_new_receipt_needs_more_than_the_code() -> None:
    code = receipt_numbers.code_from_number(7)
    assert receipt_numbers.shown(code) == "0000-0000-0076"
    assert receipt_numbers.read_code(" 0000 0000\u20130076 ") == code
    assert receipt_numbers.read(code) is None
    assert [
        receipt_numbers.read_code(bad) for bad in ("0000-0000-0077", receipt_numbers.from_number(7), "", "a" * 12)
    ] == [None] * 4
    numbers = {
        handover_rules.receipts(KEYS.receipts, *parts)[0]
        for parts in [("one", code, "k"), ("one", code, "l"), ("two", code, "k"), ("one", "x", "k")]
    }
    assert len(numbers) == 4


async def test_a_code_that_is_gone_within_the_moment_is_told_as_not_possible_now_and_as_no_defect() -> None:
    class Changer:
        async def change(self, *_: Any) -> tuple[dict[str, Any], None]:
            return {"_id": "erased in the same moment"}, None

    changer: Any = Changer()
    nothing: Any = None
    handing = HandoverService(changer, KEYS.lasting, issuer(), nothing, nothing, nothing)
    with pytest.raises(Problem) as refused:
        await handing.offer(ReceiptQuestion(receipt="1234"), Caller("192.0.2.0/24"))
    assert (refused.value.status_code, refused.value.code) == (503, "unavailable")
