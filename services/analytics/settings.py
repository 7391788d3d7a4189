"""Settings of analytics; every variable begins with ``ANALYTICS_`` unless it is shared."""

from typing import Self
from uuid import UUID

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.audit.chain import AuditKeys
from shared.audit.settings import AuditSettings
from shared.key_setting import OptionalKey
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

    given_up_reports: str = Field(default="", examples=["3f0c8e52-6a1d-4c7e-9b55-0d2a6f1e7c41"])
    """Ids of reports whose routing has a hole that nothing fills, with commas between: what follows the hole is not
    counted, and the partition goes on. Also of those whose acceptance is lost for good: they stand in no table, and the
    alert AcceptanceMissing ends. They stay given up: leave them here for good, rebuilds need them too."""

    audit_key: OptionalKey = Field(default=None, examples=["(base64: python -m shared.audit key analytics)"])
    """For the audit of what operators do here, as in the other services. Unset: nothing can be sent back from here."""

    @field_validator("given_up_reports")
    @classmethod
    def _ids(cls, value: str) -> str:
        try:
            return ",".join(str(UUID(each)) for each in _listed(value))
        except ValueError:
            raise ValueError("names something that is no id of a report; expected ids, with commas between") from None

    @model_validator(mode="after")
    def _audit_goes_on(self) -> Self:
        if self.audit_former_key is not None and self.audit_key is None:
            raise ValueError(
                "IEUM_AUDIT_KEY is set and ANALYTICS_AUDIT_KEY is not, so nothing would be written into the audit that"
                " is kept here; expected: ANALYTICS_AUDIT_KEY as well (python -m shared.audit key analytics)"
            )
        return self

    def given_up(self) -> frozenset[str]:
        """The ids of `given_up_reports`."""
        return frozenset(_listed(self.given_up_reports))

    def audit_keys(self) -> AuditKeys | None:
        """The keys of the audit, where there is one."""
        return self.keys_with(self.audit_key) if self.audit_key is not None else None


def _listed(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]
