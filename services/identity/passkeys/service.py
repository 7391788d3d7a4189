"""Registers passkeys and checks their answers.

A challenge says by itself for what, for which browser or session and until when it was made, under the account key; the
store only remembers which were used. A passkey counts for the account whose seal covers it.
"""

import base64
import binascii
import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import orjson
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.identity.accounts.models import Account, Passkey, RefusedError
from services.identity.accounts.repository import AccountStore
from services.identity.accounts.rules import usable
from services.identity.audit_recorder import Actor, AuditAction, line
from services.identity.keyed_digests import AccountDigests, same
from services.identity.notices.models import Notice
from services.identity.notices.service import Notices
from services.identity.passkeys.repository import UsedStore
from services.identity.passkeys.rules import (
    CHALLENGE_LASTS,
    MOST,
    NAME_LENGTH,
    REGISTRATION_LASTS,
    RelyingParty,
    goes_on,
)
from shared import log
from shared.audit.store import AuditLog
from shared.clock import Clock
from shared.errors import TransientError

_log = log.get(__name__)

NAME: Final = "Ieum"
_NONCE_BYTES: Final = 16
_TIME_BYTES: Final = 8
_MAC_BYTES: Final = 32
_TRIES: Final = 5
LONGEST: Final = 16_000
"""Characters of an answer: public keys and attestations are short, and more than that is somebody trying."""


class Use(StrEnum):
    """Purposes of a challenge; none counts for another one."""

    SIGN_IN = "sign in"
    CONFIRM = "confirm"
    REGISTER = "register"


class Passkeys:
    """The ceremonies of WebAuthn for one relying party."""

    def __init__(
        self,
        party: RelyingParty | None,
        accounts: AccountStore,
        used: UsedStore,
        marks: AccountDigests,
        notices: Notices,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        """``party`` None: browsers make no passkeys for identity's address."""
        self.party: Final = party
        self._accounts = accounts
        self._used = used
        self._marks = marks
        self._notices = notices
        self._audit = audit
        self._clock = clock

    def options(self, use: Use, bound: str, account: Account | None = None) -> dict[str, Any]:
        """Return the browser's options to show a passkey. ``bound`` is the browser's secret, or the session.

        Without an account no passkey is named: the page must not tell who has one.
        """
        known = account.passkeys if account is not None else ()
        made = generate_authentication_options(
            rp_id=self._party().id,
            challenge=self._challenge(use, bound),
            timeout=_milliseconds(),
            allow_credentials=[PublicKeyCredentialDescriptor(id=key.id) for key in known],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(made)

    def new_options(self, bound: str, account: Account) -> dict[str, Any]:
        """Return the browser's options to make a passkey."""
        made = generate_registration_options(
            rp_id=self._party().id,
            rp_name=NAME,
            # Stays on the person's own device; nobody else reads it there.
            user_name=account.name,
            user_display_name=account.name,
            user_id=account.subject.encode(),
            challenge=self._challenge(Use.REGISTER, bound),
            timeout=_milliseconds(),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=key.id) for key in account.passkeys],
        )
        return options_to_json_dict(made)

    async def prove(self, account: Account, use: Use, bound: str, given: str) -> bool:
        """Return whether one of the account's passkeys answered a challenge made for ``use`` and ``bound``."""
        try:
            challenge, answer = self._accepted(use, bound, given)
        except RefusedError:
            return False
        used_up = False
        for _ in range(_TRIES):
            key = next((one for one in account.passkeys if one.id == _credential_id(answer)), None)
            count = self._signed(key, challenge, answer) if key is not None else None
            if key is None or count is None or _handle(answer) not in {b"", account.subject.encode()}:
                return False
            # By a right answer alone: whether a challenge still counts must not tell whoever tries a password with a
            # passkey of their own that the password was right.
            used_up = used_up or await self._use(challenge)
            if not used_up:
                return False
            now = self._clock.now()
            if not goes_on(key.sign_count, count):
                _log.error("passkeys.counter_went_back", subject=account.subject)
                who = Actor(account.subject, account.organisation, tuple(sorted(account.roles)), "passkey")
                await self._audit.append(line(who, AuditAction.PASSKEY_COPIED, now, refused="counter_went_back"))
                return False
            used = key.model_copy(update={"sign_count": count, "used_at": now})
            others = tuple(used if one.id == key.id else one for one in account.passkeys)
            if await self._accounts.save(account.model_copy(update={"passkeys": others})) is not None:
                return True
            again = await self._accounts.get(account.subject)
            if again is None or not usable(again):
                return False
            account = again
        raise TransientError("the account changes too often")

    async def add(self, account: Account, bound: str, name: str, given: str, who: Actor) -> Account:
        """Register a passkey. Raises ``RefusedError``: ``passkey_name``, ``passkey_refused``, ``passkey_most``."""
        name = " ".join(name.split())
        if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
            raise RefusedError("passkey_name")
        if len(account.passkeys) >= MOST:
            raise RefusedError("passkey_most")
        challenge, answer = self._accepted(Use.REGISTER, bound, given)
        if not await self._use(challenge):
            raise RefusedError("passkey_refused")
        party = self._party()
        try:
            made = verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=party.id,
                expected_origin=party.origin,
                require_user_verification=True,
            )
        except Exception as error:
            # The library and the CBOR below it raise many kinds, whose texts quote what was given.
            raise self._refused(error) from None
        if any(one.id == made.credential_id for one in account.passkeys):
            raise RefusedError("passkey_refused")
        now = self._clock.now()
        key = Passkey(
            id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            name=name,
            added_at=now,
        )
        await self._audit.append(line(who, AuditAction.PASSKEY_ADD, now, account=account.subject))
        async with self._notices.about(account, Notice.PASSKEY_ADDED):
            return await self._saved(account, (*account.passkeys, key))

    async def remove(self, account: Account, credential_id: str, who: Actor, *, required: bool) -> Account:
        """Forget a passkey. Raises ``RefusedError``: ``passkey_unknown``, ``passkey_last`` (``required``: keep one)."""
        rest = tuple(one for one in account.passkeys if one.id.hex() != credential_id)
        if len(rest) == len(account.passkeys):
            raise RefusedError("passkey_unknown")
        if required and not rest:
            raise RefusedError("passkey_last")
        await self._audit.append(line(who, AuditAction.PASSKEY_REMOVE, self._clock.now(), account=account.subject))
        async with self._notices.about(account, Notice.PASSKEY_REMOVED):
            return await self._saved(account, rest)

    def permission(self, account: Account) -> str:
        """A cookie that lets whoever gave both factors register one passkey, and nothing else."""
        nonce, until = secrets.token_urlsafe(12), int((self._clock.now() + REGISTRATION_LASTS).timestamp())
        return f"{account.subject}.{nonce}.{until}.{self._marks.registration(account, nonce, until)}"

    async def end_permission(self, cookie: str) -> None:
        """End a permission for every process: it belongs to one sign-in, in one browser, and counts once."""
        if cookie and await self.permitted(cookie) is not None:
            until = datetime.fromtimestamp(int(cookie.split(".")[2]), UTC)
            await self._used.use(_permission_id(cookie), until)

    async def permitted(self, cookie: str) -> Account | None:
        """The account of a permission that is ours and not over."""
        subject, nonce, until, proof = [*cookie.split("."), "", "", "", ""][:4]
        if not (until.isascii() and until.isdigit() and int(until[:12]) > self._clock.now().timestamp()):
            return None
        account = await self._accounts.get(subject)
        if account is None or not usable(account):
            return None
        if not same(proof, self._marks.registration(account, nonce, int(until[:12]))):
            return None
        return None if await self._used.known(_permission_id(cookie)) else account

    def _challenge(self, use: Use, bound: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        until = int((self._clock.now() + CHALLENGE_LASTS).timestamp())
        mac = self._marks.challenge(use, bound, nonce.hex(), until)
        return nonce + until.to_bytes(_TIME_BYTES, "big") + mac

    def _accepted(self, use: Use, bound: str, given: str) -> tuple[bytes, dict[str, Any]]:
        """The challenge of an answer, not used up yet, and the answer. Raises ``RefusedError`` ``passkey_refused``."""
        self._party()
        try:
            answer: dict[str, Any] = orjson.loads(given[:LONGEST])
            challenge = _decoded(orjson.loads(_decoded(answer["response"]["clientDataJSON"]))["challenge"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._refused(error) from None
        nonce, rest = challenge[:_NONCE_BYTES], challenge[_NONCE_BYTES:]
        until, mac = int.from_bytes(rest[:_TIME_BYTES], "big"), rest[_TIME_BYTES:]
        ours = len(mac) == _MAC_BYTES and secrets.compare_digest(
            mac, self._marks.challenge(use, bound, nonce.hex(), until)
        )
        if not ours or not bound or until <= self._clock.now().timestamp():
            raise RefusedError("passkey_refused")
        return challenge, answer

    async def _use(self, challenge: bytes) -> bool:
        """Use a challenge of ours up; False where it was used before."""
        nonce, until = challenge[:_NONCE_BYTES], challenge[_NONCE_BYTES : _NONCE_BYTES + _TIME_BYTES]
        return await self._used.use(nonce.hex(), datetime.fromtimestamp(int.from_bytes(until, "big"), UTC))

    def _signed(self, key: Passkey, challenge: bytes, answer: dict[str, Any]) -> int | None:
        """The counter of a right answer; None where it is not right. The counter itself is not judged here."""
        party = self._party()
        try:
            verified = verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=party.id,
                expected_origin=party.origin,
                credential_public_key=key.public_key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except Exception as error:
            # As when one is added.
            _log.info("passkeys.answer_refused", error=type(error).__name__)
            return None
        return verified.new_sign_count

    def _party(self) -> RelyingParty:
        if self.party is None:
            raise RefusedError("passkey_nowhere")
        return self.party

    async def _saved(self, account: Account, keys: tuple[Passkey, ...]) -> Account:
        saved = await self._accounts.save(account.changed(self._clock.now(), passkeys=keys))
        if saved is None:
            raise TransientError("the account changed meanwhile")
        return saved

    def _refused(self, error: Exception) -> RefusedError:
        _log.info("passkeys.answer_refused", error=type(error).__name__)
        return RefusedError("passkey_refused")


def _permission_id(cookie: str) -> str:
    return f"registration {cookie.split('.')[1]}"


def _milliseconds() -> int:
    return int(CHALLENGE_LASTS.total_seconds() * 1000)


def _credential_id(answer: dict[str, Any]) -> bytes:
    try:
        return _decoded(answer["rawId"])
    except (ValueError, TypeError, KeyError):
        return b""


def _handle(answer: dict[str, Any]) -> bytes:
    """The user handle that the passkey gave; empty where it gave none."""
    try:
        return _decoded(answer["response"].get("userHandle") or "")
    except (ValueError, TypeError, KeyError, AttributeError):
        return b"?"


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
