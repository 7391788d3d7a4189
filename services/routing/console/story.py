"""Tell the story of a report: the decision that holds now, and what happened. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.routing.assignment import sentences
from services.routing.assignment.explain import Explainer, Explanation, Translate
from services.routing.console.views import replays
from services.routing.state.report_states import BROUGHT_BACK, RoutingEvent
from shared.centers import PACKAGED, Tables
from shared.clock import seoul_date
from shared.events.reports import ReportFacts
from shared.events.routings import Decision, ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.events.vocabulary import EndReason, Urgency
from shared.labels import TRANSFER_VOIDS
from shared.web.language import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryStep:
    """One record of the stream in words."""

    version: int
    at: datetime
    center_id: str
    said: tuple[str, ...]
    decision: Explanation | None = None
    replays: bool | None = None
    """Whether deciding again from what was recorded gives the same answer; none where this build cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A report's page."""

    center_id: str
    ended: EndReason | None
    urgency: Urgency
    synthetic: bool
    weight: str
    received_at: datetime
    answer: StoryStep
    """The decision that made the present owner."""
    steps: tuple[StoryStep, ...]


def story_of(
    events: Sequence[RoutingEvent],
    language: Language,
    translate: Translate,
    known: Mapping[str, Tables] = PACKAGED.known,
) -> Story:
    """The page of a report; ``known`` are the tables by version. Raises ``ValueError`` without its first record."""
    first = events[0]
    if not isinstance(first, ReportRouted):
        raise ValueError("the first record of a report is not there")  # noqa: TRY004  # the record is wrong, not a type
    teller = _Teller(Explainer(language, translate, known), translate, known)
    steps = [teller.step(first, None)]
    facts, decision, ended = first.facts, first.decision, None
    for event in events[1:]:
        steps.append(teller.step(event, ended))
        if isinstance(event, ReportEnded):
            ended = event.reason
            continue
        facts = event.facts
        if isinstance(event, ReportRerouted):
            decision, ended = event.decision, None
        elif isinstance(event, ReportUpdated) and event.kind in BROUGHT_BACK:
            ended = None
    return Story(
        center_id=steps[-1].center_id,
        ended=ended,
        urgency=facts.urgency,
        synthetic=facts.synthetic,
        weight=teller.explainer.weight(decision, facts),
        received_at=first.received_at,
        answer=[step for step in steps if step.decision is not None][-1],
        steps=tuple(steps),
    )


class _Teller:
    """Tells each kind of record."""

    def __init__(self, explainer: Explainer, translate: Translate, known: Mapping[str, Tables]) -> None:
        self._known = known
        self.explainer = explainer
        self._translate = translate

    def step(self, event: RoutingEvent, ended: EndReason | None) -> StoryStep:
        """One record; ``ended`` is how the report had ended before it, if it had."""
        match event:
            case ReportRouted():
                return self._decided(event, event.decision, event.facts, ())
            case ReportRerouted():
                name = self.explainer.name
                left, chosen = name(event.previous_center_id), name(event.decision.center_id)
                kind = event.cause.kind
                why = sentences.CAME_BACK.get((kind, ended), sentences.MOVED[kind])
                moved = self.explainer.say(why, left=left, chosen=chosen)
                return self._decided(event, event.decision, event.facts, (moved,))
            case ReportUpdated():
                owner = self.explainer.name(event.center_id)
                said = [self.explainer.say(sentences.UPDATED[event.kind], owner=owner)]
                if event.void_reason is not None:
                    said.append(self._translate(TRANSFER_VOIDS[event.void_reason]))
                return _told(event, event.center_id, said)
            case ReportEnded():
                owner = self.explainer.name(event.center_id)
                return _told(event, event.center_id, [self.explainer.say(sentences.ENDED[event.reason], owner=owner)])

    def _decided(
        self, event: ReportRouted | ReportRerouted, decision: Decision, facts: ReportFacts, before: tuple[str, ...]
    ) -> StoryStep:
        day = seoul_date(event.received_at)
        explained = self.explainer.explain(decision, facts, day)
        return StoryStep(
            version=event.version,
            at=event.decided_at,
            center_id=decision.center_id,
            said=(*before, explained.why),
            decision=explained,
            replays=replays(event, self._known),
        )


def _told(event: ReportUpdated | ReportEnded, center_id: str, said: Sequence[str]) -> StoryStep:
    return StoryStep(version=event.version, at=event.decided_at, center_id=center_id, said=tuple(said))
