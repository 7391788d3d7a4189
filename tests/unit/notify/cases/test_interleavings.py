"""Any order of what staff, reporters, centres and the bus do: one owner, one offer, nothing on a stale ownership."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.notify.cases import rules as decisions
from services.notify.cases.models import (
    AwaitingKind,
    Case,
    CaseState,
    ContactWay,
    EntryKind,
    EscalationCause,
    TransferReason,
    added,
    next_due,
    sort_key,
)
from services.notify.cases.projection import fold
from services.notify.cases.rules import Accepted, Actor, Rejected
from services.notify.escalation import rules as policy
from services.notify.escalation.rules import Rules
from services.notify.team.models import CenterDuty
from shared.events.cases import CaseEvent
from shared.events.routings import ReportEnded, ReportUpdated
from shared.events.vocabulary import CenterState, EndReason, Outcome, SupportKind, UpdateKind
from tests.unit.notify.samples import NOW, TRACE, event
from tests.unit.notify.small_router import CENTRES, SmallRouter

RULES = Rules()
OFFER = partial(decisions.offer, agreed=True)
MOMENT, ORGS = timedelta(milliseconds=1), st.sampled_from((*CENTRES, "daegu"))
ACTORS = st.sampled_from(("owner", "owner", "owner", *CENTRES, "daegu"))
"""Mostly whoever has the case, or the offer; now and then anybody."""
BACK = st.sampled_from((0, 0, 0, 1))
"""How old the ownership is that somebody sees."""
VOID = {EntryKind.MOVE_VOID, EntryKind.CLOSING_VOID, EntryKind.REOPENING_VOID}


class Interleavings(RuleBasedStateMachine):
    """Notify's case, routing in small, and a bus between them that repeats and delays."""

    @initialize()
    def begin(self) -> None:
        self.router = SmallRouter()
        self.now = NOW
        self.told: list[CaseEvent] = []
        self.read = self.folded = 0
        self.case: Case | None = None
        self.unread = self.messages = False
        self.deliver()

    def act(self, org: str, ownership: int | None, decide: Callable[[Case], Accepted | Rejected]) -> None:
        self.now += MOMENT
        case = self.known
        answer = decide(case)
        if isinstance(answer, Rejected):
            return
        assert ownership in {None, case.ownership}, "an act on an ownership that is over"
        if answer.case is case:
            return
        assert answer.case.rev == case.rev + 1
        if not isinstance(answer.event, CaseEvent):
            assert answer.case.case_version == case.case_version
        else:
            assert org == case.center_id or answer.event.TYPE.startswith("case.transfer_")
            assert case.state is not CaseState.ENDED or answer.event.TYPE == "case.reopened.v1"
            assert case.ended is not EndReason.WITHDRAWN
            assert case.awaiting is None
            self.publish(answer.event, case)
        lines = {entry.kind for entry in added(case, answer.case)}
        if EntryKind.OPENED in lines:
            self.unread = self.messages = False
        elif EntryKind.ACKNOWLEDGED in lines:
            self.unread = self.messages
        self.case = answer.case

    def publish(self, made: CaseEvent, before: Case) -> None:
        assert made.case_version == before.case_version + 1
        assert (made.ownership, made.center_id) == (before.ownership, before.center_id)
        self.told.append(made)

    @property
    def known(self) -> Case:
        assert self.case is not None
        return self.case

    def owner(self, org: str) -> str:
        return self.known.center_id if org == "owner" else org

    def seen(self, back: int) -> int:
        return max(self.known.ownership - back, 1)

    @rule(org=ACTORS, back=BACK)
    def acknowledge(self, org: str, back: int) -> None:
        own, org = self.seen(back), self.owner(org)
        self.act(org, own, lambda case: decisions.acknowledge(case, Actor("kim", org), own, self.now, RULES))

    @rule(org=ACTORS, back=BACK, what=st.sampled_from(("assign", "contact", "support", "refer")))
    def work(self, org: str, back: int, what: str) -> None:
        own, org = self.seen(back), self.owner(org)
        who = Actor("kim", org)
        acts: dict[str, Callable[[Case], Accepted | Rejected]] = {
            "assign": lambda case: decisions.assign(case, who, own, "lee", self.now),
            "contact": lambda case: decisions.contact(
                case, who, own, way=ContactWay.CAME_TO_US, reached=True, now=self.now, rules=RULES
            ),
            "support": lambda case: decisions.support(case, who, own, SupportKind.DELETION, self.now),
            "refer": lambda case: decisions.refer(case, who, own, "central", self.now),
        }
        self.act(org, own, acts[what])

    @rule(org=ACTORS, back=BACK)
    def open_details(self, org: str, back: int) -> None:
        own, org = self.seen(back), self.owner(org)
        self.act(org, own, lambda case: decisions.opened(case, Actor("kim", org), own, "message", self.now, RULES))

    @rule(org=ACTORS, back=BACK)
    def close(self, org: str, back: int) -> None:
        own, org = self.seen(back), self.owner(org)
        self.act(org, own, lambda case: decisions.close(case, Actor("kim", org), own, Outcome.SUPPORTED, self.now))

    @rule(org=ACTORS, back=BACK)
    def reopen(self, org: str, back: int) -> None:
        own, org = self.seen(back), self.owner(org)
        self.act(org, own, lambda case: decisions.reopen(case, Actor("kim", org), own, self.now))

    @precondition(lambda self: self.case.state is CaseState.ACKNOWLEDGED or self.case.version % 3 == 0)
    @rule(org=ACTORS, to=ORGS, back=BACK)
    def offer(self, org: str, to: str, back: int) -> None:
        own, receiver, before = self.seen(back), self.center(to), self.known.offer
        org = self.owner(org)

        def decide(case: Case) -> Accepted | Rejected:
            return OFFER(case, Actor("kim", org), own, receiver, TransferReason.PLACE, RULES, self.now)

        self.act(org, own, decide)
        assert before is None or self.known.offer == before, "a second offer took the place of the first"

    @precondition(lambda self: self.case.offer is not None or self.case.past_offer is not None)
    @rule(org=ACTORS, how=st.sampled_from(("accept", "accept", "decline", "recall")), old=st.booleans())
    def answer(self, org: str, how: str, *, old: bool) -> None:
        offer, past = self.known.offer, self.known.past_offer
        chosen = past if old else offer
        offer_id = chosen.offer_id if chosen is not None else "offer-0"
        asked = self.known.center_id if how == "recall" or chosen is None else chosen.to_center_id
        org = asked if org == "owner" else org
        who = Actor("lee", org)
        ways: dict[str, Callable[[Case], Accepted | Rejected]] = {
            "accept": lambda case: decisions.accept(case, who, offer_id, self.center(org), self.now),
            "decline": lambda case: decisions.decline(case, who, offer_id, self.now),
            "recall": lambda case: decisions.recall(case, who, offer_id, self.now),
        }
        if offer is None:
            before = self.known
            self.act(org, None, ways[how])
            assert self.known is before, "an offer that is over was answered"
        else:
            self.act(org, None, ways[how])

    @rule(minutes=st.sampled_from((1, 29, 31)))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        case = self.known
        over = decisions.expire(case, self.now)
        if over is not None:
            assert isinstance(over.event, CaseEvent)
            self.publish(over.event, case)
            self.case = over.case

    # What centres and reporters do.

    @rule(center=st.sampled_from(CENTRES))
    def center_closes(self, center: str) -> None:
        self.router.close(center)

    @rule(center=st.sampled_from(CENTRES))
    def center_opens(self, center: str) -> None:
        self.router.open(center)

    @rule()
    def withdraw(self) -> None:
        self.router.withdraw()

    @rule()
    def reinstate(self) -> None:
        self.now += MOMENT
        self.router.reinstate(self.now)

    @rule(kind=st.sampled_from(("amended", "message_left")))
    def reporter_adds(self, kind: str) -> None:
        if self.router.ended != "withdrawn":
            self.router.add(kind)

    # What the bus does.

    @precondition(lambda self: self.read < len(self.told))
    @rule()
    def routing_reads(self) -> None:
        self.router.take(self.told[self.read])
        self.read += 1
        self.router.sweep()

    @precondition(lambda self: self.read > 0)
    @rule(data=st.data())
    def routing_reads_again(self, data: st.DataObject) -> None:
        records = len(self.router.records)
        self.router.take(self.told[data.draw(st.integers(0, self.read - 1))])
        assert len(self.router.records) == records

    @precondition(lambda self: self.folded < len(self.router.records))
    @rule()
    def deliver(self) -> None:
        before = self.case
        record = self.router.records[self.folded]
        after = fold(before, record, TRACE, RULES, self.now)
        assert after is not None
        self.folded += 1
        self.case = after
        if isinstance(record, ReportUpdated) and record.kind in (UpdateKind.AMENDED, UpdateKind.MESSAGE_LEFT):
            self.unread = True
            self.messages = self.messages or record.kind is UpdateKind.MESSAGE_LEFT
        elif isinstance(record, ReportEnded) and record.reason is EndReason.WITHDRAWN:
            self.unread = self.messages = False
        if before is not None:
            assert after.case_version == before.case_version
            self._explained(before, after)

    def _explained(self, before: Case, after: Case) -> None:
        """Whatever staff had asked for and did not get has its line."""
        if before.awaiting is None or after.awaiting is not None:
            return
        asked = {
            AwaitingKind.MOVING: after.center_id == before.awaiting.to_center_id,
            AwaitingKind.CLOSING: after.ended is EndReason.CLOSED,
            AwaitingKind.REOPENING: after.ended is None,
        }[before.awaiting.kind]
        assert asked or VOID & {entry.kind for entry in added(before, after)}

    @rule(data=st.data(), other=st.sampled_from(CENTRES))
    def deliver_again_or_late(self, data: st.DataObject, other: str) -> None:
        version = data.draw(st.integers(1, self.folded))
        late: Any = event("report.rerouted", 1, version=version, ownership=9, center=other, previous_center_id="jeju")
        for record in (self.router.records[version - 1], late):
            assert fold(self.known, record, TRACE, RULES, self.now) is None

    def center(self, center_id: str) -> CenterDuty:
        # What notify knows of a centre lags behind routing; the state here is what routing will be told.
        state = CenterState.CLOSED if center_id in self.router.closed else CenterState.OPEN
        return CenterDuty(
            center_id=center_id, rev=1, center_version=1, state=state, staff_on_duty=1, cases_per_person=15
        )

    # What always holds.

    @invariant()
    def versions_grow_by_one(self) -> None:
        assert [made.case_version for made in self.told] == list(range(1, len(self.told) + 1))
        assert self.known.case_version == len(self.told)
        assert self.known.version == self.folded

    @invariant()
    def one_offer_at_most_and_only_while_it_can_be_answered(self) -> None:
        case = self.known
        moving = case.awaiting is not None and case.awaiting.kind is AwaitingKind.MOVING
        assert not (case.offer is not None and case.awaiting is not None)
        if case.offer is not None:
            assert case.state is CaseState.ACKNOWLEDGED
            assert case.offered_to == case.offer.to_center_id != case.center_id
        elif moving and case.awaiting is not None:
            assert case.offered_to == case.awaiting.to_center_id
        else:
            assert case.offered_to is None
        assert (case.awaiting is None) == (case.awaiting_since is None)

    @invariant()
    def nobody_who_waits_is_without_a_ladder(self) -> None:
        case = self.known
        climbs = case.escalation is not None and case.escalation.cause is not EscalationCause.CONTACT
        assert case.needs_attention == climbs
        owes = case.state is CaseState.ACKNOWLEDGED and not policy.contacted(case) and not case.unread
        assert owes == (case.escalation is not None and not climbs)
        assert case.needs_attention or not self.unread, "something that was left is read by nobody"
        assert case.wake_at == next_due(case)
        assert case.sort_key == sort_key(case)

    @invariant()
    def after_the_end_nothing_is_open(self) -> None:
        case = self.known
        if case.state is not CaseState.ENDED:
            assert case.ended is None
            return
        assert case.offer is None
        assert case.awaiting is None or case.awaiting.kind is AwaitingKind.REOPENING
        if case.ended is EndReason.WITHDRAWN:
            assert case.escalation is None
            assert case.awaiting is None

    def teardown(self) -> None:
        """When everything has arrived, both sides say the same and nobody waits for an answer."""
        if self.case is None:
            return
        while self.read < len(self.told) or self.folded < len(self.router.records):
            if self.read < len(self.told):
                self.routing_reads()
            if self.folded < len(self.router.records):
                self.deliver()
        case = self.known
        note(f"{case.state} {case.awaiting}")
        assert (case.center_id, case.ownership) == (self.router.center, self.router.ownership)
        assert (case.ended.value if case.ended else None) == self.router.ended
        assert case.awaiting is None


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
