"""Routing's own settings. The numbers of the rule are not among them: they belong to a rule version."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import PORTS, OptionalPath, ServiceSettings


class RoutingSettings(ServiceSettings):
    """Settings of routing besides Kafka and the store."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_", extra="ignore")

    port: int = Field(default=PORTS["routing"], ge=1, le=65535, examples=[PORTS["routing"]])
    max_records: int = Field(default=500, ge=1, le=20000, examples=[500])
    """Records one batch may hold over all partitions; a thousand take 5 MB more and are no faster."""
    loads_every_s: float = Field(default=0.5, gt=0, le=1, examples=[0.5])
    """How often a worker tells the others its sums when they have changed.

    Until then they do not count what it has just given to a centre: see decision 26.
    """
    closing_every_s: float = Field(default=0.5, gt=0, le=60, examples=[0.5])
    """How often a worker looks for what closed centres still own, while one is closed."""
    state_dir: Path = Field(default=Path("var/routing"), examples=["/var/lib/ieum/routing"])
    """Folder for the state stores, each worker in one of its own below. A cache of the log: deleted, it is restored."""
    linked_lookup_s: float = Field(default=0.2, gt=0, le=10, examples=[0.2])
    """How long the owner of a linked report that another worker decides about is looked up in the read model.

    Then the report is decided without it.
    """
    tables_dir: OptionalPath = Field(default=None, examples=["/etc/ieum/tables"])
    """Folder with divisions.json, centers.json and catchments.json to decide with; unset or empty: the packaged ones.

    One with a fault is refused whole and said so; ``ieum tables …`` tells before.
    """
