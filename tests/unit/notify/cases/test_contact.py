"""Contact only by agreed ways, and only after the rules were read; severe cases per person; deletions; joined cases."""

import pytest

from services.notify.cases import rules as decisions
from services.notify.cases.attention import states_of
from services.notify.cases.models import NEXT_OF, Case, ContactWay, DeletionState, EntryKind
from services.notify.cases.rules import Accepted, Actor, Rejected, is_severe, severe_of
from services.notify.console.views import case_view
from services.notify.escalation.rules import ALWAYS
from shared.events.vocabulary import ContactChannel, HarmType, PlatformKind, Urgency
from shared.severity import SEVERE_PER_PERSON
from tests.unit.notify.cases.samples import KIM, LEE, OTHER, acknowledged
from tests.unit.notify.cases.test_projection import folded, taken
from tests.unit.notify.samples import NOW, event, report_id

ALL = (ContactChannel.PHONE, ContactChannel.TEXT, ContactChannel.EMAIL)


def _contact(case: Case, way: ContactWay) -> Accepted | Rejected:
    return decisions.contact(case, LEE, 1, way=way, reached=True, now=NOW, rules=ALWAYS)


@pytest.mark.parametrize("way", list(ContactWay))
@pytest.mark.parametrize("agreed", [(), (ContactChannel.PHONE,), (ContactChannel.MESSAGE_HERE,), ALL])
def test_no_way_that_was_not_agreed_to(way: ContactWay, agreed: tuple[ContactChannel, ...]) -> None:
    came = _contact(acknowledged(contact_channels=agreed), way)
    fine = way is ContactWay.CAME_TO_US or way.value in [one.value for one in agreed]
    assert isinstance(came, Accepted) if fine else came is Rejected.WAY_NOT_AGREED
    assert (way in decisions.ways(acknowledged(contact_channels=agreed))) is fine


@pytest.mark.parametrize("way", list(ContactWay))
def test_only_here_excludes_what_an_older_report_chose_beside_it(way: ContactWay) -> None:
    case = acknowledged(contact_channels=(*ALL, ContactChannel.MESSAGE_HERE))
    fine = way in {ContactWay.MESSAGE_HERE, ContactWay.CAME_TO_US}
    assert isinstance(_contact(case, way), Accepted) is fine
    assert (way in decisions.ways(case)) is fine
    assert case_view(case).contact_channels == (ContactChannel.MESSAGE_HERE,)


@pytest.mark.parametrize("reached", [True, False])
def test_nobody_contacts_without_the_rules_and_who_is_called_by_the_reporter_may_note_it(*, reached: bool) -> None:
    case = acknowledged(contact_channels=ALL, rules_known_to=("somebody-else",))
    asked = decisions.contact(case, LEE, 1, way=ContactWay.PHONE, reached=reached, now=NOW, rules=ALWAYS)
    assert asked is Rejected.RULES_NOT_READ
    assert isinstance(_contact(case, ContactWay.CAME_TO_US), Accepted)
    opened = decisions.opened(case, LEE, 1, "first_contact", NOW, ALWAYS)
    assert isinstance(opened, Accepted)
    assert opened.event is None
    assert opened.case.entries[-1].kind is EntryKind.OPENED
    assert isinstance(_contact(opened.case, ContactWay.PHONE), Accepted)


@pytest.mark.parametrize("kind", ["amended", "reinstated", "message_left"])
def test_the_rules_have_to_be_read_again_after_they_may_have_changed(kind: str) -> None:
    case = taken(folded([event("report.routed", 1)]))
    opened = decisions.opened(case, Actor(KIM, "gwangju"), 1, "first_contact", NOW, ALWAYS)
    assert isinstance(opened, Accepted)
    after = folded([event("report.updated", 1, version=2, kind=kind)], opened.case)
    assert after.rules_known_to == ((KIM,) if kind == "message_left" else ())
    assert after.unread_messages == (1 if kind == "message_left" else 0)


def test_a_new_owner_has_read_no_rules_and_joined_nothing() -> None:
    case = acknowledged(joined=(OTHER,))
    moved = folded([event("report.rerouted", 1, version=2, ownership=2, center="busan")], case)
    assert (moved.rules_known_to, moved.joined) == ((), ())


def test_messages_are_counted_until_the_details_are_opened_and_acknowledging_opens_nothing() -> None:
    news = [event("report.updated", 1, version=n, kind="message_left") for n in (2, 3)]
    for case in (
        taken(folded([event("report.routed", 1), *news])),
        folded(list(news), taken(folded([event("report.routed", 1)]))),
    ):
        assert (case.unread, case.unread_messages, states_of(case)) == (True, 2, ("new",))
        assert decisions.acknowledge(case, LEE, 1, NOW, ALWAYS) is Rejected.ALREADY_ACKNOWLEDGED
        again = decisions.acknowledge(case, Actor(KIM, "gwangju"), 1, NOW, ALWAYS)
        assert again == Accepted(case, None)
        opened = decisions.opened(case, LEE, 1, "message", NOW, ALWAYS)
        assert isinstance(opened, Accepted)
        assert (opened.case.unread, opened.case.unread_messages, states_of(opened.case)) == (False, 0, ("working",))


def test_messages_opened_before_the_case_is_acknowledged_stay_opened_and_its_alerts_go_on() -> None:
    case = folded([event("report.routed", 1), event("report.updated", 1, version=2, kind="message_left")])
    opened = decisions.opened(case, LEE, 1, "first_contact", NOW, ALWAYS)
    assert isinstance(opened, Accepted)
    assert opened.event is not None
    assert (opened.case.state, opened.case.escalation) == (case.state, case.escalation)
    assert taken(opened.case).unread_messages == 0
    assert not taken(opened.case).unread


def test_a_person_has_so_many_severe_cases_and_a_lead_may_say_otherwise() -> None:
    severe = acknowledged(urgency=Urgency.CRITICAL)
    assert is_severe(severe)
    assert decisions.assign(severe, LEE, 1, "lee", NOW, severe_open=SEVERE_PER_PERSON) is Rejected.SEVERE_CAP
    assert isinstance(decisions.assign(severe, LEE, 1, "lee", NOW, severe_open=SEVERE_PER_PERSON - 1), Accepted)
    assert isinstance(
        decisions.assign(severe, LEE, 1, "lee", NOW, severe_open=SEVERE_PER_PERSON, over_cap=True), Accepted
    )
    mild = acknowledged(urgency=Urgency.NORMAL, harm_types=(HarmType.OTHER,))
    assert isinstance(decisions.assign(mild, LEE, 1, "lee", NOW, severe_open=SEVERE_PER_PERSON), Accepted)
    drill = severe.model_copy(update={"synthetic": True})
    assert severe_of([severe, drill, mild], KIM) == 1


def test_a_linked_case_is_put_under_nobody_who_has_as_many_severe_cases_as_one_may() -> None:
    severe = acknowledged(urgency=Urgency.CRITICAL)
    beside = acknowledged().model_copy(update={"report_id": OTHER, "assignee": "lee", "linked": ()})

    def join(case: Case, severe_open: int) -> Accepted | Rejected:
        return decisions.join(case, beside, LEE, 1, "lee", agreed=True, now=NOW, severe_open=severe_open)

    assert join(severe, SEVERE_PER_PERSON) is Rejected.SEVERE_CAP
    assert isinstance(join(severe, SEVERE_PER_PERSON - 1), Accepted)
    given = severe.model_copy(update={"assignee": "lee"})
    assert isinstance(join(given, SEVERE_PER_PERSON), Accepted), "a lead gave it before"
    mild = acknowledged(urgency=Urgency.NORMAL, harm_types=(HarmType.OTHER,))
    assert isinstance(join(mild, SEVERE_PER_PERSON), Accepted)


def test_a_request_to_delete_goes_only_where_it_can() -> None:
    made = decisions.request_deletion(acknowledged(deletions=()), LEE, 1, PlatformKind.MESSENGER, 3, NOW)
    assert isinstance(made, Accepted)
    case = made.case
    assert [(one.number, one.addresses, one.state) for one in case.deletions] == [(1, 3, DeletionState.REQUESTED)]
    for state, nexts in NEXT_OF.items():
        stands = case.model_copy(update={"deletions": (case.deletions[0].model_copy(update={"state": state}),)})
        for wanted in DeletionState:
            came = decisions.move_deletion(stands, LEE, 1, 1, wanted, NOW)
            if wanted in nexts:
                assert isinstance(came, Accepted)
                assert came.event is None
                assert came.case.deletions[0].state is wanted
            elif wanted is state:
                assert came == Accepted(stands, None)
            else:
                assert came is Rejected.WRONG_STEP
    assert decisions.move_deletion(case, LEE, 1, 2, DeletionState.REMOVED, NOW) is Rejected.NO_SUCH_DELETION


def test_linked_cases_come_under_one_person_only_as_both_agreed_and_only_at_one_centre() -> None:
    here = acknowledged()
    there = acknowledged().model_copy(update={"report_id": OTHER, "assignee": "lee", "linked": ()})

    def join(other: Case | None, *, agreed: bool = True) -> Accepted | Rejected:
        return decisions.join(here, other, LEE, 1, "lee", agreed=agreed, now=NOW)

    assert join(there, agreed=False) is Rejected.AGREEMENT_MISSING
    assert join(None) is Rejected.NOT_LINKED
    assert join(there.model_copy(update={"report_id": report_id(9)})) is Rejected.NOT_LINKED
    assert join(there.model_copy(update={"center_id": "busan"})) is Rejected.OTHER_CENTER
    came = join(there)
    assert isinstance(came, Accepted)
    assert came.event is not None
    assert (came.case.assignee, came.case.joined) == ("lee", (OTHER,))
    again = decisions.join(came.case, there, LEE, 1, "lee", agreed=True, now=NOW)
    assert again == Accepted(came.case, None)
    parted = decisions.part(came.case, OTHER, there.alias, LEE, 1, NOW)
    assert isinstance(parted, Accepted)
    assert (parted.case.joined, parted.case.assignee) == ((), "lee")


def test_cases_are_under_one_person_only_until_one_is_given_to_another_or_moves() -> None:
    here = acknowledged(joined=(OTHER,))
    there = acknowledged(report_id=OTHER, joined=(here.report_id,))
    assert decisions.under_one_person(here, there)
    given = decisions.assign(there, Actor(KIM, "gwangju"), 1, "lee", NOW)
    assert isinstance(given, Accepted)
    assert not decisions.under_one_person(here, given.case)
    moved = there.model_copy(update={"joined": ()})  # as of a case that came to another centre, and perhaps back
    assert not decisions.under_one_person(here, moved)
    nobodys = [one.model_copy(update={"assignee": None}) for one in (here, there)]
    assert not decisions.under_one_person(*nobodys)
