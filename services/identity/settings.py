"""Settings of identity; the commands need the same."""

import os
from typing import Final, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.identity.oidc.rules import is_confidential
from shared.audit.settings import AuditSettings
from shared.identity.roles import StaffRole, conflict, roles_at
from shared.key_setting import EXAMPLE, Key, key_bytes
from shared.settings import ServiceSettings

DEMO: Final = "IEUM_DEMO_ACCOUNTS"


class Mapped(BaseModel):
    """What a value of the provider's role claim stands for here."""

    organisation: str
    roles: frozenset[StaffRole] = Field(min_length=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.roles <= roles_at(self.organisation):
            raise ValueError("an organisation cannot give one of these roles")
        if conflict(self.roles) is not None:
            raise ValueError("two of these roles must not be one person's")
        return self


class IdentitySettings(ServiceSettings, AuditSettings):
    """Where identity listens, its keys, and the OpenID provider where there is one."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore")

    port: int = Field(default=8006, ge=1, le=65535, examples=[8006])
    master_key: Key = Field(examples=[EXAMPLE])
    """Wraps signing keys and second factors."""
    account_key: Key = Field(examples=[EXAMPLE])
    """Marks sessions, invitations, recovery codes and accounts as written by identity. With another one none counts."""
    directory_key: Key = Field(validation_alias="IEUM_DIRECTORY_KEY", examples=[EXAMPLE])
    """What notify shows to read names at work. Notify has the same."""
    retired_master_keys: tuple[Key, ...] = Field(default=(), examples=['["(base64)"]'])
    """Older master keys, which still open. A JSON list."""
    oidc_issuer: str = Field(default="", pattern=r"^(https?://\S+)?$", examples=["https://login.example.go.kr"])
    """The OpenID provider's issuer, by https. Empty: people sign in with a password and a second factor here."""
    oidc_plain_http: bool = Field(default=False, examples=["false"])
    """Lets a provider on this machine be asked by plain http. For tests."""
    oidc_client_id: str = Field(default="", examples=["ieum"])
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), examples=["(from the secret store)"])
    oidc_role_claim: str = Field(default="groups", min_length=1, examples=["groups"])
    """The claim of the ID token, a text or a list of texts, that says what somebody works as."""
    oidc_role_map: dict[str, Mapped] = Field(
        default={}, examples=['{"ieum-jeju-counsellors": {"organisation": "jeju", "roles": ["counsellor"]}}']
    )
    """What its values stand for. A person none of whose values is here is refused."""
    oidc_acr: str = Field(default="", examples=["https://refeds.org/profile/mfa"])
    """Authentication context (``acr``) that stands for a second factor at the provider; it must attest it.

    Empty: its ``amr`` must name a second factor (``mfa``, ``otp``, ``hwk``, ``swk`` or ``sc``, RFC 8176).
    """

    @field_validator("oidc_issuer")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

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

    def master_keys(self) -> list[bytes]:
        """The one in use first."""
        return [key_bytes(key) for key in (self.master_key, *self.retired_master_keys)]


def demo_accounts_wanted() -> bool:
    """Whether ready accounts may be made by command: only on a machine that says it is a demo."""
    return os.environ.get(DEMO) == "1"
