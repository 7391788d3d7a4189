"""Settings of the demonstration."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DemoSettings(BaseSettings):
    """How many reports, how fast, and whether to stay up afterwards."""

    model_config = SettingsConfigDict(env_prefix="DEMO_", extra="ignore")

    mode: Literal["stay", "once"] = Field(default="stay", validation_alias="DEMO", examples=["once"])
    """``once``: stop when the table is shown, with status 1 if the sums differ."""
    reports: int = Field(default=500, ge=1, le=100_000, examples=[500])
    rate: float = Field(default=35.0, gt=0, le=1000, examples=[35])
    """Requests a second."""
    seed: int = Field(default=20260824, examples=[1])
    settle_s: float = Field(default=30.0, gt=0, le=600, examples=[30])
    """How long the last report may take to be counted before it is called lost."""
    topic_prefix: str = Field(default="", validation_alias="KAFKA_TOPIC_PREFIX", examples=["staging."])
