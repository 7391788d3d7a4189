"""Begins drills, by button or by the calendar, and sees each through to its verdict. Many processes may share it."""

import uuid
from typing import Final

import httpx

from services.notify import metrics
from services.notify.cases.repository import CaseStore
from services.notify.drills.repository import DrillStore
from services.notify.drills.rules import (
    SUBMISSION_LASTS,
    Drill,
    DrillOutcome,
    Verdict,
    next_scheduled,
    outcome,
    report,
    scheduled,
)
from services.notify.settings import NotifySettings
from shared import log
from shared.clock import Clock, whole_milliseconds
from shared.drills import key_of
from shared.errors import PermanentError
from shared.jobs import Skipped
from shared.key_setting import key_bytes
from shared.tls import trusted_authorities

_LOG = log.get(__name__)
EVERY_S: Final = 20.0
_TIMEOUT_S: Final = 15.0
_ACCEPTED: Final = 202
SCHEDULE: Final = "schedule"


class Drills:
    """The way in is intake's API, with a front end's credential, like any report's."""

    def __init__(self, store: DrillStore, cases: CaseStore, settings: NotifySettings, clock: Clock) -> None:
        """No connection is opened until a drill begins."""
        self._store = store
        self._cases = cases
        self._settings = settings
        self._clock = clock

    @property
    def possible(self) -> bool:
        """Whether the deployment gave notify a front end's credential for drills."""
        return self._credential() is not None

    async def begin(self, center_id: str, by: str, drill_id: str | None = None) -> Drill | None:
        """Begin a drill at a centre; None where one of this id was begun already."""
        # As the store keeps it: submitted again, the same key has to come with the same body.
        now = whole_milliseconds(self._clock.now())
        drill = Drill(drill_id=drill_id or str(uuid.uuid4()), center_id=center_id, by=by, started_at=now, tried_at=now)
        if not await self._store.begin(drill):
            return None
        _LOG.info("drill.began", drill=drill.drill_id)
        return await self._submit(drill)

    async def _submit(self, drill: Drill) -> Drill:
        credential = self._credential()
        reason, report_id = "no_credential", None
        if credential is not None:
            reason, report_id = await self._post(drill, credential)
        accepted = self._clock.now() if report_id is not None else None
        said = {"accepted_at": accepted, "report_id": report_id, "refused": reason if report_id is None else None}
        after = drill.model_copy(update=said)
        await self._store.save(after)
        if report_id is None:
            _LOG.warning("drill.not_accepted", drill=drill.drill_id, reason=reason)
        return after

    async def _post(self, drill: Drill, credential: str) -> tuple[str, str | None]:
        key = key_of(key_bytes(self._settings.ticket_key), drill.drill_id)
        headers = {"Authorization": f"Bearer {credential}", "Idempotency-Key": key}
        url = f"{self._settings.intake_url or self._settings.public_urls['intake']}/api/v1/reports"
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, verify=trusted_authorities()) as http:
                # The body is made from the start alone, so that the same key always comes with the same body.
                answer = await http.post(url, json=report(drill.center_id, drill.started_at), headers=headers)
        except httpx.HTTPError as error:
            return f"error_{type(error).__name__}"[:60], None
        if answer.status_code != _ACCEPTED:
            return f"http_{answer.status_code}", None
        return "", str(answer.json()["report_id"])

    def _credential(self) -> str | None:
        given = self._settings.drill_credential
        if given is not None:
            return given.get_secret_value()
        file = self._settings.drill_credential_file
        try:
            return file.read_text(encoding="ascii").strip() or None if file is not None else None
        except OSError:
            return None

    async def look(self) -> None:
        """Do what the calendar asks for, submit again what has to be, end what is over. Raises ``TransientError``.

        Raises ``SkippedError`` at the end, and ``PermanentError`` where the calendar's drills have no credential.
        """
        skipped = Skipped("drills")
        now = self._clock.now()
        impossible = self._settings.drills == "monthly" and not self.possible
        if self._settings.drills == "monthly" and not impossible:
            due = next_scheduled(await self._store.begun(list(scheduled(now))), now)
            if due is not None:
                drill_id, center_id = due
                await self.begin(center_id, SCHEDULE, drill_id)
        for drill in await self._store.running(skipped):
            if (
                drill.accepted_at is None
                and now - drill.tried_at > SUBMISSION_LASTS
                and await self._store.retake(drill, now)
            ):
                await self._submit(drill.model_copy(update={"tried_at": now}))
        for drill, came in await self.outcomes(await self._store.running(Skipped("drills")), skipped):
            if came.verdict is not Verdict.RUNNING:
                await self._over(drill, came)
        skipped.raise_if_any()
        if impossible:
            raise PermanentError("no_credential", "NOTIFY_DRILLS is monthly: drills need NOTIFY_DRILL_CREDENTIAL")

    async def _over(self, drill: Drill, came: DrillOutcome) -> None:
        await self._store.save(drill.model_copy(update={"over": True}))
        metrics.DRILLS.labels(came.verdict.value).inc()
        _LOG.info("drill.over", drill=drill.drill_id, verdict=came.verdict.value)

    async def outcomes(self, drills: list[Drill], skipped: Skipped) -> list[tuple[Drill, DrillOutcome]]:
        """Return the result of each, but of those whose case cannot be read."""
        now = self._clock.now()
        cases = await self._cases.load([drill.report_id for drill in drills if drill.report_id is not None], skipped)
        known = [drill for drill in drills if drill.report_id not in skipped.references]
        return [(drill, outcome(drill, cases.get(drill.report_id or ""), now)) for drill in known]

    async def latest(self, center_id: str | None) -> list[tuple[Drill, DrillOutcome]]:
        """The newest drills of a centre (None: of all) and what came of each."""
        return await self.outcomes(await self._store.latest(center_id), Skipped("drills-list"))
