"""The audit's key. Services inherit the class or load it beside their own."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.audit.chain import AuditKeys
from shared.key_setting import EXAMPLE, Key, key_bytes


class AuditSettings(BaseSettings):
    """What every service with an audit log needs."""

    model_config = SettingsConfigDict(extra="ignore")

    audit_key: Key = Field(validation_alias="IEUM_AUDIT_KEY", examples=[EXAMPLE])
    """Chains the lines and hides report ids in them. Must not change while lines are kept: none would verify."""

    audit_heads: Path | None = Field(
        default=None, validation_alias="IEUM_AUDIT_HEADS", examples=["/var/lib/ieum/audit"]
    )
    """A folder that the store's administrator cannot write to: the last signed heads are kept there as well."""

    def audit_keys(self) -> AuditKeys:
        """The keys derived from it."""
        return AuditKeys(key_bytes(self.audit_key))
