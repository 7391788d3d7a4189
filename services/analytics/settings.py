"""Settings of analytics; every variable begins with ``ANALYTICS_`` unless it is shared."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class AnalyticsSettings(ServiceSettings):
    """Where analytics listens, how much it folds at once, how often it compares both ends."""

    model_config = SettingsConfigDict(env_prefix="ANALYTICS_", extra="ignore")

    port: int = Field(default=8004, ge=1, le=65535, examples=[8004])
    batch_records: int = Field(default=2000, ge=1, le=10000, examples=[2000])
    """Most events folded in one transaction. More is faster and holds the store longer."""
    pace_s: float = Field(default=0.5, ge=0, le=10, examples=[0.5])
    """Seconds between two batches: numbers may be so late, and one record costs the store as much as many."""
    reconcile_every_s: float = Field(default=2.0, gt=0, le=60, examples=[2])
    """How often accepted, routed, in flight and dead are compared and the log's ends are looked at."""
    release_every_s: float = Field(default=5.0, gt=0, le=3600, examples=[5])
    """How often to look whether a period is due for release."""
    proof_s: float = Field(default=60.0, gt=0, le=3600, examples=[60])
    """Most seconds the solver may take for one release; out of time is not released."""
