"""Sessions: begun, renewed every ten minutes, ended here and within seconds everywhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.identity.accounts.models import Account, RefusedError, Session, SessionEnding
from services.identity.accounts.repository import AT_ONCE, AccountStore
from services.identity.accounts.rules import SESSION_LASTS, alive, of_now, session_wait, usable
from services.identity.audit_recorder import Actor, AuditAction, by_job, line
from services.identity.credentials import new_secret, new_session_name
from services.identity.keyed_digests import AccountDigests, same
from services.identity.keys.service import Signing
from services.identity.metrics import ALTERED, ENDED
from services.identity.sessions.repository import SessionStore
from shared import log
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.errors import TransientError
from shared.identity.keys import CLOCKS_APART
from shared.identity.principal import Principal
from shared.identity.source import Identity
from shared.identity.tokens import ACCESS_LASTS

_log = log.get(__name__)

_TIMES: Final = ("started_at", "shown_at", "seen_at")
IDENTITY: Final = "identity"
"""The audience of a session's first token."""


@dataclass(frozen=True, slots=True)
class Issued:
    """The secrets of a signed-in person."""

    token: str
    principal: Principal
    secret: str
    """Of the session; for the cookie."""


@dataclass(frozen=True, slots=True)
class EndedEverywhere:
    """How many sessions ended, and the account before and after its browsers were forgotten; None: there is none."""

    ended: int
    changed: tuple[Account, Account] | None


class Sessions:
    """Begins, renews and ends sessions."""

    def __init__(
        self,
        store: SessionStore,
        accounts: AccountStore,
        signing: Signing,
        marks: AccountDigests,
        identity: Identity,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        """``identity`` is this process's own: it learns of what ended at once."""
        self._store = store
        self._accounts = accounts
        self._signing = signing
        self._marks = marks
        self._identity = identity
        self._audit = audit
        self._clock = clock

    async def begin(
        self, account: Account, who: Actor | None = None, shown_at: datetime | None = None, provider_session: str = ""
    ) -> Issued | None:
        """A new session with names of its own, whatever the browser held before; None where they may not sign in.

        ``account`` as it was when its factors were shown: where it was changed since, that was perhaps to keep out
        whoever showed them. ``who``: from which device and network. Of the OpenID provider: ``shown_at`` is when it
        asked for the factors, ``provider_session`` its own session.

        Raises ``RefusedError`` ``too_many_sessions``: too many of theirs began lately.
        """
        now = self._clock.now()
        await self._bring_back(account, now)
        secret = new_secret()
        name = new_session_name()
        made = Session(
            digest=self._marks.session(secret),
            session=name,
            subject=account.subject,
            started_at=now,
            shown_at=shown_at,
            provider_session=provider_session,
            seen_at=now,
            device=who.device if who is not None else "",
            where=who.where if who is not None else "",
        )
        session = made.model_copy(update={"seal": self._marks.session_seal(made)})
        await self._store.add(session)
        # Counted with this one there, so that many at once gain nothing.
        if seconds := session_wait(await self._store.begun(session), now):
            await self._store.withdraw(session)
            raise RefusedError("too_many_sessions", retry_after=seconds)
        # Read after the session is there: a change before this is seen here, one after it ends this session too.
        found = await self._accounts.get(account.subject)
        if found is None or not usable(found) or not of_now(session, found) or found.changes != account.changes:
            await self._store.end(account.subject, SessionEnding.DISABLED, now, only=session.session)
            return None
        return await self._issued(found, session, secret)

    async def _bring_back(self, account: Account, now: datetime) -> None:
        """Let sessions that begin now count although a clock that was ahead said that only later ones do.

        Those from before stay over: either they began before now, or they were ended one by one.
        """
        begins = account.sessions_from
        if begins is None or begins <= now + CLOCKS_APART:
            return
        found = await self._accounts.get(account.subject)
        if found is not None and found.sessions_from == begins:
            _log.warning("sessions.began_in_the_future", subject=account.subject)
            await self._accounts.save(found.model_copy(update={"sessions_from": now}))

    async def renew(self, secret: str, audience: str = IDENTITY) -> Issued | None:
        """A fresh token for a service; None where the session is over or unknown, or the account may not sign in."""
        found = await self.present(secret)
        if found is None:
            return None
        known, account = found
        # Marked after the account was read: whoever takes a role away ends the sessions after writing that, so either
        # this sees the ended session, or the token made here belongs to a session that is published as ended.
        session = await self._store.seen(known.digest, self._clock.now(), audience)
        if session is None:
            return None
        return await self._issued(account, session, secret, audience)

    async def present(self, secret: str) -> tuple[Session, Account] | None:
        """The session of a cookie, and whose it is; None where it would not be renewed. It does not count as a use."""
        session = await self._kept(secret)
        account = await self._accounts.get(session.subject) if session is not None else None
        if session is None or account is None or not alive(session, self._clock.now()):
            return None
        if self._identity.is_revoked(session.session):
            # Known to have ended although the store says otherwise now; ``Signing`` raises the alarm.
            return None
        return (session, account) if usable(account) and of_now(session, account) else None

    async def confirm(self, session: Session) -> bool:
        """Note that a second factor was shown in it now; False where it has ended."""
        now = self._clock.now()
        return await self._store.confirm(session.digest, now, self._marks.confirmed_seal(session, now))

    def confirmed_at(self, session: Session) -> datetime:
        """Return when a second factor was shown last; what identity did not write counts for nothing."""
        at = session.confirmed_at
        if at is not None and same(session.confirmed_seal, self._marks.confirmed_seal(session, at)):
            return at
        if at is not None:
            ALTERED.labels("session").inc()
            _log.error("sessions.altered", session=session.session)
        return session.shown_at or session.started_at

    async def end(self, subject: str, why: SessionEnding, *, only: str = "", but: str = "") -> int:
        """End somebody's sessions (``only`` one, or all ``but`` one) and publish that. How many there were."""
        ended = await self._store.end(subject, why, self._clock.now(), only=only, but=but)
        if ended:
            ENDED.labels(why.value).inc(ended)
            await self.publish()
        return ended

    async def end_everywhere(self, subject: str, why: SessionEnding, *, but: str = "") -> EndedEverywhere:
        """End all of somebody's sessions, or all ``but`` one, and forget the browsers they are known in.

        Whoever was in one of those browsers is a stranger there, and the next sign-in from it is told of. Raises
        ``TransientError``: nothing was done, or all sessions are over and not yet published as ended.
        """
        now, account = self._clock.now(), await self._accounts.get(subject)
        changed = None
        if account is not None:
            changed = await self._accounts.change(account, now, tries=AT_ONCE, sessions_from=now, session_kept=but)
            if changed is None:
                raise TransientError("the account was changed meanwhile, again and again")
        return EndedEverywhere(await self.end(subject, why, but=but), changed)

    async def end_left(self) -> int:
        """End what a change of its account should have ended before its process died. How many ended.

        They renew no more, but each service would take their last tokens for ten minutes, and identity being away for
        another hour. Raises ``TransientError``.
        """
        now = self._clock.now()
        sessions = await self._store.not_ended(now)
        known = {one.subject: one for one in await self._accounts.several([one.subject for one in sessions])}
        done = 0
        for session in sessions:
            account = known.get(session.subject)
            sealed = same(session.seal, self._marks.session_seal(session))  # any other never had a token
            if account is None or not sealed or (usable(account) and of_now(session, account)):
                continue
            why = SessionEnding.EVERYWHERE if usable(account) else SessionEnding.DISABLED
            ended = await self.end(session.subject, why, only=session.session)
            if ended:
                said = {"account": session.subject, "ended": str(ended)}
                await self._audit.append(line(by_job("sessions"), AuditAction.SESSIONS_END, now, **said))
            done += ended
        return done

    async def date_anew(self, now: datetime) -> int:
        """Let sessions, and factors shown in them, that a clock which was ahead dated in the future, be of now.

        They would go on, and be asked for no factor, for as long as it was ahead. ``now`` must be right: to a clock
        that is behind, all of them look so. How many. Raises ``TransientError``.
        """
        done = 0
        for session in await self._store.not_ended(now):
            confirmed = session.confirmed_at
            if max(session.started_at, session.seen_at, confirmed or session.started_at) <= now + CLOCKS_APART:
                continue
            if not same(session.seal, self._marks.session_seal(session)):
                continue  # it never had a token
            times = {name: min(at, now) for name in _TIMES if (at := getattr(session, name)) is not None}
            made = session.model_copy(update=times)
            update: dict[str, object] = {"seal": self._marks.session_seal(made)}
            if confirmed is not None and same(session.confirmed_seal, self._marks.confirmed_seal(session, confirmed)):
                at = min(confirmed, now)
                update |= {"confirmed_at": at, "confirmed_seal": self._marks.confirmed_seal(session, at)}
            done += await self._store.redate(session, made.model_copy(update=update))
        if done:
            _log.warning("sessions.dated_anew", sessions=done)
        return done

    async def end_by_secret(self, secret: str) -> Session | None:
        """End the session of a cookie; None where there was none."""
        session = await self._kept(secret)
        if session is not None:
            await self.end(session.subject, SessionEnding.SIGNED_OUT, only=session.session)
        return session

    async def end_of_provider(self, mark: str) -> dict[str, int]:
        """End what came from one session of the OpenID provider: how many ended, by subject."""
        ended: dict[str, int] = {}
        for session in await self._store.from_provider(mark):
            count = await self.end(session.subject, SessionEnding.PROVIDER, only=session.session)
            ended[session.subject] = ended.get(session.subject, 0) + count
        return ended

    async def end_unnamed(self, subject: str, *, every: bool) -> int:
        """End somebody's sessions of which the OpenID provider gave no name, or all. How many ended."""
        if every:
            return await self.end(subject, SessionEnding.PROVIDER)
        unnamed = [one for one in await self.of(subject) if not one.provider_session]
        return sum([await self.end(subject, SessionEnding.PROVIDER, only=one.session) for one in unnamed])

    async def of(self, subject: str) -> list[Session]:
        """Return a person's sessions that still renew, newest first."""
        now = self._clock.now()
        return [session for session in await self._store.of(subject, now) if alive(session, now)]

    async def publish(self) -> None:
        """Let this process know at once what others will within seconds."""
        self._identity.adopt(await self._signing.document(anew=True))

    async def _kept(self, secret: str) -> Session | None:
        session = await self._store.get(self._marks.session(secret))
        if session is not None and not same(session.seal, self._marks.session_seal(session)):
            ALTERED.labels("session").inc()
            _log.error("sessions.altered", session=session.session)
            refusal = line(by_job("sessions"), AuditAction.SESSION_ALTERED, self._clock.now(), refused="altered")
            self._audit.note(refusal, rate_limited=True)
            return None
        return session

    async def token_for(self, issued: Issued, audience: str) -> str:
        """Exchange what somebody was given now for a token of another service."""
        await self._store.seen(self._marks.session(issued.secret), self._clock.now(), audience)
        return (await self._signing.signer()).access(issued.principal, audience)

    async def _issued(self, account: Account, session: Session, secret: str, audience: str = IDENTITY) -> Issued:
        now = self._clock.now()
        principal = Principal(
            subject=account.subject,
            organisation=account.organisation,
            roles=frozenset(account.roles),
            session=session.session,
            issued_at=now,
            expires_at=min(now + ACCESS_LASTS, session.started_at + SESSION_LASTS),
            confirmed_at=self.confirmed_at(session),
        )
        return Issued((await self._signing.signer()).access(principal, audience), principal, secret)
