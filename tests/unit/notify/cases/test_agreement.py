"""Another centre is told of a case only with the person's agreement; what it is told when it answers once more."""

from services.notify.cases import rules as decisions
from services.notify.cases.models import Case, EntryKind, TransferReason
from services.notify.cases.rules import Accepted, Actor, Rejected
from services.notify.console.dependencies import concerned
from services.notify.console.problems import refused
from services.notify.escalation.rules import Rules
from shared.events.cases import CaseTransferAccepted, CaseTransferOffered
from shared.events.envelope import event_id
from tests.unit.notify.cases.test_projection import folded, taken
from tests.unit.notify.escalation.test_rules import STAFFED
from tests.unit.notify.samples import NOW, event

TYPE = CaseTransferAccepted.TYPE
RECEIVER = STAFFED.model_copy(update={"center_id": "jeju"})


def case_of(*, other_centers: bool) -> Case:
    first = event("report.routed", center="busan")
    facts = first.facts.model_copy(update={"other_centers": other_centers})  # type: ignore[union-attr]  # the first has facts
    return taken(folded([first.model_copy(update={"facts": facts})]))


def offered(case: Case, *, agreed: bool) -> Accepted | Rejected:
    who = Actor("kim", case.center_id)
    return decisions.offer(case, who, case.ownership, RECEIVER, TransferReason.PLACE, Rules(), NOW, agreed=agreed)


def test_without_any_agreement_no_other_centre_is_told() -> None:
    assert offered(case_of(other_centers=False), agreed=False) is Rejected.NOT_AGREED


def test_what_was_agreed_in_the_report_or_said_when_asked_is_enough() -> None:
    for case, agreed in ((case_of(other_centers=True), False), (case_of(other_centers=False), True)):
        answer = offered(case, agreed=agreed)
        assert isinstance(answer, Accepted)
        assert isinstance(answer.event, CaseTransferOffered)


def test_an_offer_ends_with_the_addition_that_declines_its_centre() -> None:
    made = offered(case_of(other_centers=True), agreed=False)
    assert isinstance(made, Accepted)
    assert made.case.offer is not None
    addition = event("report.updated", version=2, ownership=1, center="busan", kind="amended")
    for declined, ends in ((("ulsan",), False), (("ulsan", "jeju"), True)):
        facts = addition.facts.model_copy(update={"declined_centers": declined})  # type: ignore[union-attr]  # as above
        after = folded([addition.model_copy(update={"facts": facts})], made.case)
        assert (after.offer is None) is ends
        assert concerned(after, "jeju") == ("busan" if ends else "jeju"), "read as its own while it is offered"
        died = [entry.reason for entry in after.entries if entry.kind is EntryKind.OFFER_DIED]
        assert died == (["declined"] if ends else [])
        again = decisions.accept(after, Actor("lee", "jeju"), made.case.offer.offer_id, RECEIVER, NOW)
        assert (again is Rejected.OFFER_OVER) is ends


def test_a_centre_that_accepted_is_told_yes_again_only_as_long_as_the_case_moves_there_or_is_there() -> None:
    made = offered(case_of(other_centers=True), agreed=False)
    assert isinstance(made, Accepted)
    assert made.case.offer is not None
    offer_id, jeju = made.case.offer.offer_id, Actor("lee", "jeju")

    def accepted(case: Case) -> Accepted | Rejected:
        return decisions.accept(case, jeju, offer_id, RECEIVER, NOW)

    first = accepted(made.case)
    assert isinstance(first, Accepted)
    assert accepted(first.case) == Accepted(first.case, None)
    void = event("report.updated", version=2, ownership=1, center="busan", kind="transfer_void", void_reason="declined")
    stays = folded([void], first.case)
    assert accepted(stays) is Rejected.OFFER_OVER
    said = refused(stays, Rejected.OFFER_OVER, "en", str, offer_id, now=NOW)
    assert "but the case did not move there" in str(said.detail)
    cause = {"kind": "case_event", "event_id": event_id("notify", TYPE, first.case.report_id, first.case.case_version)}
    moves = event("report.rerouted", version=2, ownership=2, center="jeju", whole_cause=cause)
    moved = folded([moves], first.case)
    assert accepted(moved) == Accepted(moved, None)
    on = event("report.rerouted", version=3, ownership=3, center="ulsan", cause="center_closed")
    gone = folded([on.model_copy(update={"previous_center_id": "jeju"})], moved)
    assert accepted(gone) is Rejected.OFFER_OVER, "another centre's by now"
    assert "did not move" not in str(refused(gone, Rejected.OFFER_OVER, "en", str, offer_id, now=NOW).detail)


def test_a_centre_that_declined_is_told_yes_again_and_nothing_of_what_happens_to_the_case_later() -> None:
    made = offered(case_of(other_centers=True), agreed=False)
    assert isinstance(made, Accepted)
    assert made.case.offer is not None
    offer_id = made.case.offer.offer_id

    def declined(case: Case) -> Accepted | Rejected:
        return decisions.decline(case, Actor("lee", "jeju"), offer_id, NOW)

    first = declined(made.case)
    assert isinstance(first, Accepted)
    assert declined(first.case) == Accepted(first.case, None)
    later = decisions.assign(first.case, Actor("kim", "busan"), 1, "park", NOW)
    assert isinstance(later, Accepted)
    assert declined(later.case) is Rejected.OFFER_OVER
    said = refused(later.case, Rejected.OFFER_OVER, "en", str, offer_id, now=NOW)
    assert "declined this offer" in str(said.detail)
