"""The audit's keys. Services inherit the class; the verifier loads its own."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.audit.chain import AuditKeys
from shared.key_setting import EXAMPLE, Key, OptionalKey, key_bytes
from shared.settings import OptionalPath

_FORMER = "IEUM_AUDIT_KEY"
_HEADS = "IEUM_AUDIT_HEADS"
FORMER_EXAMPLE = "(base64: the one used up to 0.2.0)"


class AuditSettings(BaseSettings):
    """What every service with an audit log needs, beside its own key (``INTAKE_AUDIT_KEY`` …)."""

    model_config = SettingsConfigDict(extra="ignore")

    audit_former_key: OptionalKey = Field(default=None, validation_alias=_FORMER, examples=[FORMER_EXAMPLE])
    """The key that all services shared up to 0.2.0. A log goes on with it until `python -m shared.audit change-key`;
    its lines of before are verified and found with it, so keep it for two years more. A new installation has none."""

    audit_heads: OptionalPath = Field(default=None, validation_alias=_HEADS, examples=["/var/lib/ieum/audit"])
    """A folder that the store's administrator cannot write to: the last signed heads are kept there as well."""

    def keys_with(self, own: Key) -> AuditKeys:
        """The keys derived from the service's own, and from the one before it."""
        return AuditKeys(key_bytes(own), former_of(self.audit_former_key))


class OwnAuditSettings(AuditSettings):
    """What ``python -m shared.audit change-key SERVICE`` needs: no more than that service has."""

    audit_key: Key = Field(examples=["(base64: python -m shared.audit key SERVICE)"])


def settings_of(service: str) -> type[OwnAuditSettings]:
    """The settings under the names that the service itself reads them by."""

    class Settings(OwnAuditSettings):
        model_config = SettingsConfigDict(env_prefix=f"{service.upper()}_", extra="ignore")

    return Settings


class VerifierSettings(BaseSettings):
    """What ``python -m shared.audit`` needs to prove the logs of all services; no service has it."""

    model_config = SettingsConfigDict(extra="ignore")

    verifier_key: Key = Field(validation_alias="IEUM_AUDIT_VERIFIER_KEY", examples=[EXAMPLE])
    """Each service's audit key is derived from it (`python -m shared.audit key SERVICE`). Must not change."""
    audit_former_key: OptionalKey = Field(default=None, validation_alias=_FORMER, examples=[FORMER_EXAMPLE])
    """The key that all services shared up to 0.2.0."""
    audit_heads: OptionalPath = Field(default=None, validation_alias=_HEADS, examples=["/var/lib/ieum/audit"])
    """The folder of the services' heads, where this process can read it."""
    audit_anchors: OptionalPath = Field(
        default=None, validation_alias="IEUM_AUDIT_ANCHORS", examples=["/mnt/write-once/audit-anchors"]
    )
    """A file that keeps a copy of every published anchor, only ever appended to: on a disk where nothing can be changed
    or deleted. With it a topic that was made anew is found too."""


def former_of(key: OptionalKey) -> AuditKeys | None:
    """The keys derived from the one that all services shared."""
    return AuditKeys(key_bytes(key)) if key is not None else None
