"""Settings of analytics; every variable begins with ``ANALYTICS_`` unless it is shared."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.audit.chain import AuditKeys
from shared.audit.settings import AuditSettings
from shared.key_setting import OptionalKey, key_bytes
from shared.settings import PORTS, ServiceSettings


class AnalyticsSettings(ServiceSettings, AuditSettings):
    """Where analytics listens, how much it folds at once, how often it compares both ends."""

    model_config = SettingsConfigDict(env_prefix="ANALYTICS_", extra="ignore")

    port: int = Field(default=PORTS["analytics"], ge=1, le=65535, examples=[PORTS["analytics"]])
    batch_records: int = Field(default=2000, ge=1, le=10000, examples=[2000])
    """Most events folded in one transaction. More is faster and holds the store longer."""
    pace_s: float = Field(default=5.0, ge=0, le=10, examples=[5])
    """Seconds between two batches that were not full: nobody waits for a number, and one record costs the store as much
    as many. A report's first events, which come within seconds, are then one write."""
    reconcile_every_s: float = Field(default=10.0, gt=0, le=60, examples=[10])
    """How often accepted, routed, in flight and dead are compared and the log's ends are looked at."""
    release_every_s: float = Field(default=5.0, gt=0, le=3600, examples=[5])
    """How often to look whether a period is due for release."""
    proof_s: float = Field(default=60.0, gt=0, le=3600, examples=[60])
    """Most seconds the solver may take for one release; out of time is not released."""

    audit_key: OptionalKey = Field(default=None, examples=["(base64: ieum keys audit analytics)"])
    """For the audit of what operators do here, as in the other services. Unset: nothing can be sent back from here."""

    def audit_keys(self) -> AuditKeys | None:
        """The keys of the audit, where there is one."""
        return AuditKeys(key_bytes(self.audit_key)) if self.audit_key is not None else None
