"""The audit's keys. Services inherit the class; the verifier loads its own."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.key_setting import EXAMPLE, Key
from shared.settings import OptionalPath

_HEADS = "IEUM_AUDIT_HEADS"


class AuditSettings(BaseSettings):
    """What every service with an audit log needs, beside its own key (``INTAKE_AUDIT_KEY`` …)."""

    model_config = SettingsConfigDict(extra="ignore")

    audit_heads: OptionalPath = Field(default=None, validation_alias=_HEADS, examples=["/var/lib/ieum/audit"])
    """A folder that the store's administrator cannot write to: the last signed heads are kept there as well."""


class VerifierSettings(BaseSettings):
    """What ``ieum audit`` needs to prove the logs of all services; no service has it."""

    model_config = SettingsConfigDict(extra="ignore")

    verifier_key: Key = Field(validation_alias="IEUM_AUDIT_VERIFIER_KEY", examples=[EXAMPLE])
    """Each service's audit key is derived from it (`ieum keys audit SERVICE`). Must not change."""
    audit_heads: OptionalPath = Field(default=None, validation_alias=_HEADS, examples=["/var/lib/ieum/audit"])
    """The folder of the services' heads, where this process can read it."""
    audit_anchors: OptionalPath = Field(
        default=None, validation_alias="IEUM_AUDIT_ANCHORS", examples=["/mnt/write-once/audit-anchors"]
    )
    """A file that keeps a copy of every published anchor, only ever appended to: on a disk where nothing can be changed
    or deleted. With it a topic that was made anew is found too."""
