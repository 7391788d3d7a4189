"""Intake's own settings. Keys are base64 of 32 bytes; the local launcher makes them at first start."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.audit.chain import AuditKeys
from shared.audit.settings import AuditSettings
from shared.key_setting import EXAMPLE, Key, key_bytes
from shared.settings import PORTS, OptionalPath, ServiceSettings


class IntakeSettings(ServiceSettings, AuditSettings):
    """Settings that only intake has."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_", extra="ignore")

    port: int = Field(default=PORTS["intake"], ge=1, le=65535, examples=[PORTS["intake"]])
    master_key: Key = Field(examples=[EXAMPLE])
    """Wraps the key of every new report."""
    retired_master_keys: tuple[Key, ...] = Field(default=(), examples=['["(base64)"]'])
    """Older master keys, for reports not yet wrapped anew. A JSON list."""
    receipt_key: Key = Field(examples=[EXAMPLE])
    """Report ids, and the keys of receipts, passphrases, front ends, drafts and calls derive from it. Must never
    change: receipts given out would no longer be recognised."""
    later_receipt_keys: tuple[Key, ...] = Field(default=(), examples=['["(base64)"]'])
    """Keys that took the place of the one derived from `INTAKE_RECEIPT_KEY` for new receipts: the first makes them, all
    of them recognise them, so none may ever go. A JSON list, newest first."""
    link_key: Key = Field(examples=[EXAMPLE])
    """Makes the digests by which reports find each other. Must never change, or older ones are not found."""
    signing_key: Key = Field(examples=[EXAMPLE])
    """Ed25519 seed that signs proofs."""
    audit_key: Key = Field(examples=["(base64: ieum keys audit intake)"])
    """Chains the lines of the audit and hides report ids in them. Derived from `IEUM_AUDIT_VERIFIER_KEY`, which no
    service has. Must not change while lines are kept: none would verify."""
    ticket_key: Key = Field(validation_alias="IEUM_TICKET_KEY", examples=[EXAMPLE])
    """Verifies the tickets that open details. Notify makes them with the same key."""
    queue_limit: int = Field(default=2000, ge=1, le=100_000, examples=[2000])
    """Reports that may wait for the store; the next one is told 503 and the phone numbers."""
    status_questions_per_minute: int = Field(default=30, ge=1, le=10_000, examples=[30])
    """How often one network may ask with a receipt; a wrong receipt or word counts three times."""
    wrong_receipts_per_hour: int = Field(default=60, ge=10, le=1_000_000, examples=[60])
    """Wrong receipts, codes and words that one network (/24, /48) may send in an hour, counted by all intakes together,
    before it must wait an hour. Ten times as many for a wide network (/16, /32) and for a front end, a hundred times
    for the whole country."""
    free_reports: int = Field(default=5, ge=1, le=100_000, examples=[5])
    """Reports one network may submit by the form, and again within ten minutes, before the next need work or a wait."""
    many_reports: int = Field(default=40, ge=1, le=1_000_000, examples=[40])
    """Reports one network may submit by the form in an hour before the next ones are marked and judged less urgent."""
    disk_alarm_mb: int = Field(default=2048, ge=1, examples=[2048])
    """Free megabytes below which somebody is to act."""
    disk_drafts_mb: int = Field(default=1024, ge=1, examples=[1024])
    """Free megabytes below which half-filled forms are not kept any more."""
    disk_reports_mb: int = Field(default=200, ge=0, examples=[200])
    """Free megabytes below which reports are refused as well, with the phone numbers."""
    erasure_register: OptionalPath = Field(default=None, examples=["/var/lib/ieum/erasures"])
    """A folder outside the store where withdrawals and erasures are noted: a restored backup is told them before intake
    serves it. Unset or empty: none, and a restore brings back what was erased since."""
    erasure_pace_s: float = Field(default=60.0, gt=0, le=3600, examples=[60])
    """Seconds between two looks at which keys are due to be destroyed."""

    callback_networks: tuple[IPv4Network | IPv6Network, ...] = Field(default=(), examples=['["10.20.0.0/16"]'])
    """Private networks that callbacks to front ends may go to; public addresses always may. A JSON list. Where this
    machine itself is in it (127.0.0.0/8), an address of its own needs no https."""

    def audit_keys(self) -> AuditKeys:
        """The keys of this service's audit."""
        return AuditKeys(key_bytes(self.audit_key))

    @field_validator("erasure_register")
    @classmethod
    def _a_folder(cls, value: Path | None) -> Path | None:
        if value is not None and value.exists() and not value.is_dir():
            raise ValueError("is no folder; expected a folder outside the store that outlives it")
        return value

    @model_validator(mode="after")
    def _drafts_give_way_first(self) -> Self:
        if not self.disk_alarm_mb >= self.disk_drafts_mb >= self.disk_reports_mb:
            raise ValueError(
                "INTAKE_DISK_ALARM_MB, INTAKE_DISK_DRAFTS_MB and INTAKE_DISK_REPORTS_MB must not grow in this order"
            )
        return self
