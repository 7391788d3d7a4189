"""Settings of identity; the commands need the same."""

import os
from typing import Final, Self

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.identity.oidc.rules import is_confidential
from services.identity.passkeys.rules import RelyingParty, relying_party
from shared.audit.chain import AuditKeys
from shared.audit.settings import AuditSettings
from shared.identity.keys import public_root_of
from shared.identity.roles import StaffRole, conflict, roles_at
from shared.key_setting import EXAMPLE, Key, key_bytes
from shared.settings import ADDRESS, PORTS, MailSettings, ServiceSettings

DEMO: Final = "IEUM_DEMO_ACCOUNTS"


class Mapped(BaseModel):
    """The meaning here of a value of the provider's role claim."""

    organisation: str
    roles: frozenset[StaffRole] = Field(min_length=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.roles <= roles_at(self.organisation):
            raise ValueError("an organisation cannot give one of these roles")
        if conflict(self.roles) is not None:
            raise ValueError("two of these roles must not be one person's")
        return self


class IdentitySettings(ServiceSettings, AuditSettings, MailSettings):
    """Where identity listens, its keys, and the OpenID provider where there is one."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore")

    port: int = Field(default=PORTS["identity"], ge=1, le=65535, examples=[PORTS["identity"]])
    master_key: Key = Field(examples=[EXAMPLE])
    """Wraps signing keys and second factors."""
    account_key: Key = Field(examples=[EXAMPLE])
    """Marks sessions, invitations, recovery codes and accounts as written by identity. With another one none counts."""
    root_key: Key = Field(examples=[EXAMPLE])
    """Signs the published keys. Its public half is in ``IEUM_IDENTITY_ROOT_KEYS`` of every service."""
    audit_key: Key = Field(examples=["(base64: ieum keys audit identity)"])
    """Chains the lines of the audit and hides report ids in them. Derived from `IEUM_AUDIT_VERIFIER_KEY`, which no
    service has. Must not change while lines are kept: none would verify."""
    directory_key: Key = Field(validation_alias="IEUM_DIRECTORY_KEY", examples=[EXAMPLE])
    """What notify shows to read names at work. Notify has the same."""
    retired_master_keys: tuple[Key, ...] = Field(default=(), examples=['["(base64)"]'])
    """Older master keys, which still open. A JSON list."""
    passkeys_required_for: frozenset[StaffRole] | None = Field(
        default=None, examples=['["lead", "administrator"]', "[]"]
    )
    """Roles that sign in with a passkey beside the password; six digits alone do not let them in. A JSON list.

    Unset: leads and administrators where identity's public address is https, nobody elsewhere. Who must have one and
    has none registers it at the next sign-in.
    """
    smtp_host: str = Field(default="", examples=["smtp.example.org"])
    """Mail server for notices to staff about their accounts. Empty: none are sent."""
    mail_from: str = Field(default="account@ieum.example", pattern=ADDRESS, examples=["account@ieum.example"])
    """The address that notices to staff about their accounts come from: one that the mail server may send from."""
    oidc_issuer: str = Field(default="", pattern=r"^(https?://\S+)?$", examples=["https://login.example.go.kr"])
    """The OpenID provider's issuer, by https, exactly as its discovery document says it.

    Empty: people sign in with a password and a second factor here.
    """
    oidc_plain_http: bool = Field(default=False, examples=["false"])
    """Lets a provider on this machine be asked by plain http. For tests."""
    oidc_client_id: str = Field(default="", examples=["ieum"])
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), examples=["(from the secret store)"])
    oidc_role_claim: str = Field(default="groups", min_length=1, examples=["groups"])
    """The claim of the ID token, a text or a list of texts, that says what somebody works as.

    Dots lead into claims (Keycloak: `realm_access.roles`).
    """
    oidc_role_map: dict[str, Mapped] = Field(
        default={}, examples=['{"ieum-jeju-counsellors": {"organisation": "jeju", "roles": ["counsellor"]}}']
    )
    """What its values stand for. A person none of whose values is here is refused."""
    oidc_acr: str = Field(default="", examples=["https://refeds.org/profile/mfa"])
    """Authentication context (``acr``) that stands for a second factor at the provider; it must attest it.

    Empty: its ``amr`` (RFC 8176) must name ``mfa``, or something one has (``otp``, ``hwk``, ``swk``, ``sc``) together
    with something one knows or is (``pwd``, ``pin``, ``fpt``, ``face``, ``iris``, ``retina``, ``vbm``).
    """

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_role_map):
            raise ValueError("IDENTITY_OIDC_ISSUER also needs IDENTITY_OIDC_CLIENT_ID and IDENTITY_OIDC_ROLE_MAP")
        return self

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if self.oidc_issuer and not is_confidential(self.oidc_issuer, plain_http_here=self.oidc_plain_http):
            raise ValueError("IDENTITY_OIDC_ISSUER must be an https address")
        return self

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if "identity" not in self.public_urls:
            raise ValueError('IEUM_PUBLIC_URLS has no address of "identity", where people sign in')
        return self

    @model_validator(mode="after")
    def _rooted(self) -> Self:
        own = public_root_of(key_bytes(self.root_key))
        if not self.identity_root_keys:
            self.identity_root_keys = own
        if key_bytes(SecretStr(own)) not in self.public_root_keys():
            raise ValueError(
                "IDENTITY_ROOT_KEY has a public half that is not in IEUM_IDENTITY_ROOT_KEYS, so that no service would"
                f" take what it signs; expected among them: {own}"
            )
        return self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.passkeys_required_for and self.relying_party() is None:
            raise ValueError(
                "IDENTITY_PASSKEYS_REQUIRED_FOR names roles, but browsers make passkeys only where identity's address"
                " in IEUM_PUBLIC_URLS is https with a host name (or http://localhost); at other addresses set it to []"
            )
        return self

    def relying_party(self) -> RelyingParty | None:
        """For whom passkeys are made; None where browsers make none for identity's address."""
        return relying_party(self.public_urls.get("identity", ""))

    def roles_with_passkey(self) -> frozenset[StaffRole]:
        """Return the roles that sign in with a passkey."""
        if self.passkeys_required_for is not None:
            return self.passkeys_required_for
        by_https = self.relying_party() is not None and self.served_by_https("identity")
        return frozenset({StaffRole.LEAD, StaffRole.ADMINISTRATOR}) if by_https else frozenset()

    def audit_keys(self) -> AuditKeys:
        """The keys of this service's audit."""
        return AuditKeys(key_bytes(self.audit_key))

    def master_keys(self) -> list[bytes]:
        """The one in use first."""
        return [key_bytes(key) for key in (self.master_key, *self.retired_master_keys)]


def demo_accounts_wanted() -> bool:
    """Return whether ready accounts may be made by command: only on a machine that says it is a demo."""
    return os.environ.get(DEMO) == "1"
