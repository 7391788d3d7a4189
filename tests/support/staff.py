"""Signed-in people for tests: an identity that knows a key of its own, and tokens made with it."""

import json
import secrets
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypedDict, Unpack

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.clock import Clock
from shared.identity.cookies import token_cookie
from shared.identity.keys import KeyDocument, PublicKey, RevokedSession, RootKey, RootKeys
from shared.identity.principal import Principal
from shared.identity.roles import StaffRole
from shared.identity.source import Identity, TaggedKeys
from shared.identity.tokens import ACCESS_LASTS, GRACE, TICKET_LASTS, Purpose, Signer, Ticket, TicketKey
from tests import ROOT_SEED

TICKET_KEY = b"t" * 32
"""The key that notify and intake share in tests."""
SUBJECT = "s-testfolk"
"""The signed-in person unless a test says otherwise."""


ROOT = RootKey(ROOT_SEED)
ROOTS = RootKeys([ROOT.public])


class Who(TypedDict, total=False):
    """What a test may say of a signed-in person, see ``TestIdentity.principal``."""

    subject: str
    session: str | None
    lasts: timedelta


class TestIdentity:
    """A stand-in for identity's signing, and for notify's tickets: the real verification, with a key made here."""

    __test__ = False

    def __init__(
        self,
        clock: Clock,
        service: str = "notify",
        *,
        key: Ed25519PrivateKey | None = None,
        ticket_key: bytes = TICKET_KEY,
    ) -> None:
        """``service`` is the one under test, for which tokens are; ``key`` is a fresh one unless given.

        A second process with the same key knows the same document.
        """
        self.service = service
        self.clock = clock
        self.private = key or Ed25519PrivateKey.generate()
        self.tickets = TicketKey(ticket_key)
        self.signer = Signer(secrets.token_hex(8), self.private)
        self._revoked: list[RevokedSession] = []
        self.identity = self.another()
        self.identity.adopt(self.document())

    async def fetch(self, known: str = "") -> TaggedKeys:
        """As identity answers, always with the whole document."""
        del known
        return TaggedKeys(self.signed())

    def another(self, cache: Path | None = None) -> Identity:
        """Make another process's verifier; it has asked nothing yet."""
        return Identity(self.fetch, ROOTS, self.clock, cache, service=self.service)

    def signed(self) -> str:
        """The document under the root key of tests."""
        return ROOT.sign(self.document())

    def kept(self) -> str:
        """Return the content of the file that outlives a service's restart; older builds, too."""
        return json.dumps({**self.document().model_dump(mode="json"), "signed": [self.signed()]})

    def document(self) -> KeyDocument:
        """Return the document that identity would publish; hand it to ``Identity.adopt`` of a service under test."""
        now = self.clock.now()
        public = jwt.algorithms.OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        key = PublicKey(kid=self.signer.kid, x=str(public["x"]), valid_until=now + timedelta(days=400))
        return KeyDocument(keys=(key,), revoked=tuple(self._revoked), issued_at=now)

    def revoke(self, session: str) -> None:
        """End a session as identity would, and let ``identity`` know."""
        self._revoked.append(RevokedSession(session=session, until=self.clock.now() + ACCESS_LASTS + GRACE))
        self.identity.adopt(self.document())

    def principal(
        self,
        organisation: str,
        *roles: StaffRole | str,
        subject: str = SUBJECT,
        session: str | None = None,
        lasts: timedelta = ACCESS_LASTS,
        issued_at: datetime | None = None,
        confirmed_at: datetime | None = None,
    ) -> Principal:
        """Make a principal with these roles, signed in now."""
        now = issued_at or self.clock.now()
        return Principal(
            subject=subject,
            organisation=organisation,
            roles=frozenset(StaffRole(role) for role in roles),
            session=session or secrets.token_urlsafe(24),
            issued_at=now,
            expires_at=now + lasts,
            confirmed_at=now if confirmed_at is None else confirmed_at,
        )

    def token(self, organisation: str, *roles: StaffRole | str, **who: Unpack[Who]) -> str:
        """An access token."""
        return self.signer.access(self.principal(organisation, *roles, **who), self.service)

    def bearer(self, organisation: str, *roles: StaffRole | str, **who: Unpack[Who]) -> dict[str, str]:
        """Headers of an API caller."""
        return {"Authorization": f"Bearer {self.token(organisation, *roles, **who)}"}

    def cookie(self, organisation: str, *roles: StaffRole | str, **who: Unpack[Who]) -> dict[str, str]:
        """Cookies of a browser. Unsafe requests with them also need an ``Origin`` or ``Sec-Fetch-Site`` of ours."""
        return {token_cookie(self.service): self.token(organisation, *roles, **who)}

    def ticket(
        self,
        report_id: str,
        organisation: str,
        *roles: StaffRole | str,
        ownership: int = 1,
        subject: str = SUBJECT,
        session: str | None = None,
        purpose: Purpose = Purpose.FIRST_CONTACT,
        lasts: timedelta = TICKET_LASTS,
        issued_at: datetime | None = None,
    ) -> str:
        """A ticket to one report's details; a counsellor's unless roles are named."""
        now = issued_at or self.clock.now()
        ticket = Ticket(
            ticket_id=uuid.uuid4().hex,
            report_id=report_id,
            ownership=ownership,
            organisation=organisation,
            subject=subject,
            roles=frozenset(StaffRole(role) for role in roles or (StaffRole.COUNSELLOR,)),
            session=session or secrets.token_urlsafe(24),
            purpose=purpose,
            expires_at=now + lasts,
        )
        return self.tickets.sign(ticket, now)
