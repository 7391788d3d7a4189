"""Settings of notify; every variable begins with ``NOTIFY_`` unless it is shared."""

import base64
import re
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from services.notify.cases.models import CENTRAL_DESK, Target
from services.notify.escalation.rules import QuietHours, Rules
from shared.audit.chain import AuditKeys
from shared.audit.settings import AuditSettings
from shared.centers import CENTER_IDS
from shared.key_setting import EXAMPLE, Key, key_bytes
from shared.settings import ADDRESS, PORTS, MailSettings, ServiceSettings

_KEY_BYTES: Final = range(24, 65)
"""Standard Webhooks' own bounds for a secret."""
_SAFE_URL: Final = r"^(https://|http://(127\.0\.0\.1|localhost)[:/])\S+$"
_CENTERS: Final = ("*", CENTRAL_DESK, *CENTER_IDS)
_NIGHT_DESK: Final = ("*", CENTRAL_DESK)
"""There is one for all centres."""
_PLACES: Final = frozenset(
    f"{center}/{target}" for target in Target for center in (_NIGHT_DESK if target is Target.CENTRAL else _CENTERS)
)


class WebhookWithSecret(BaseModel):
    """Where one desk takes alerts by webhook, and the secret they are signed with."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str = Field(pattern=_SAFE_URL, max_length=500)
    """By https; plain only on this machine."""
    secret: SecretStr

    @field_validator("secret")
    @classmethod
    def _key(cls, value: SecretStr) -> SecretStr:
        key = base64.b64decode(value.get_secret_value().removeprefix("whsec_"), validate=True)
        if len(key) not in _KEY_BYTES:
            raise ValueError("must be whsec_ and 24 to 64 bytes in base64")
        return value


class AlertSettings(ServiceSettings, MailSettings):
    """How mail goes out and when it may wait: all that the auditor needs, which holds no key."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_", extra="ignore")

    port: int = Field(default=PORTS["notify"], ge=1, le=65535, examples=[PORTS["notify"]])
    smtp_host: str = Field(default="127.0.0.1", min_length=1, examples=["smtp.example.org"])
    """Mail server for alerts."""
    mail_from: str = Field(default="alert@ieum.example", pattern=ADDRESS, examples=["alert@ieum.example"])
    central_address: str = Field(
        default="night-desk@central.ieum.example", pattern=ADDRESS, examples=["night-desk@ieum.example"]
    )
    heartbeat_url: SecretStr | None = Field(default=None, examples=["https://watcher.example.org/ping/(token)"])
    """Where the auditor knocks every minute while all is well; whoever watches there calls somebody when it stops.

    Empty: nobody watches."""
    quiet_hours: str = Field(default="off", examples=["22:00-07:00"])
    """Hours in Seoul in which alerts of normal urgency wait; ``off`` for none."""

    @field_validator("quiet_hours")
    @classmethod
    def _quiet(cls, value: str) -> str:
        QuietHours.parse(value)
        return value

    @field_validator("heartbeat_url")
    @classmethod
    def _outside(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value():
            return None  # as an env file says that there is none
        if value is not None and not re.match(_SAFE_URL, value.get_secret_value()):
            raise ValueError("must be an https address; plain http only on this machine")
        return value


class NotifySettings(AlertSettings, AuditSettings):
    """Where notify listens, how it mails, when it may be quiet."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_", extra="ignore")

    audit_key: Key = Field(examples=["(base64: ieum keys audit notify)"])
    """Chains the lines of the audit and hides report ids in them. Derived from `IEUM_AUDIT_VERIFIER_KEY`, which no
    service has. Must not change while lines are kept: none would verify."""
    ticket_key: Key = Field(validation_alias="IEUM_TICKET_KEY", examples=[EXAMPLE])
    """Makes the tickets that open details at intake, which has the same key."""
    directory_key: Key = Field(validation_alias="IEUM_DIRECTORY_KEY", examples=[EXAMPLE])
    """Reads the names at work of staff from identity, which has the same key."""
    smtp_connections: int = Field(default=4, ge=1, le=32, examples=[4])
    mail_view_url: str | None = Field(default=None, examples=["http://127.0.0.1:8026"])
    """Where the local mail sink shows what was sent; only the demo has one."""
    duty_address: str = Field(default="{center}@duty.ieum.example", examples=["{center}@duty.ieum.example"])
    lead_address: str = Field(default="{center}@lead.ieum.example", examples=["{center}@lead.ieum.example"])
    colleagues_address: str = Field(default="{center}@staff.ieum.example", examples=["{center}@staff.ieum.example"])
    webhooks: dict[str, WebhookWithSecret] = Field(
        default={}, examples=['{"gwangju/duty": {"url": "https://alerts.example.org/ieum", "secret": "whsec_..."}}']
    )
    """Webhooks by desk, ``centre/target``; ``*`` for every centre that has none of its own."""
    apprise_urls: dict[str, SecretStr] = Field(default={}, examples=['{"*/lead": "ntfys://ntfy.example.org/{desk}"}'])
    """Apprise URLs by desk, named alike."""
    drills: Literal["off", "monthly"] = Field(default="off", examples=["monthly"])
    """Whether every centre has a drill on the first weekday of each month; the button works either way."""
    alert_sandbox: bool = Field(default=False, examples=[True])
    """Whether drills of front ends that are being tried out (`reports:drill`) alert staff as other drills do."""
    drill_credential: SecretStr | None = Field(default=None, examples=["(from the secret store)"])
    """Of a front end of intake that may submit reports; drills come in through it."""
    drill_credential_file: Path | None = Field(default=None, examples=["/run/secrets/drill"])
    """Where it stands instead; read at every drill."""
    intake_url: str = Field(default="", pattern=r"^(https?://\S+)?$", examples=["http://intake.internal:8001"])
    """Where notify reaches intake's API for drills; empty: its public address."""
    lease_s: float = Field(default=60.0, ge=1, le=900, examples=[60])
    """How long a claimed alert may take before another process takes it over; of one that died, some 16 seconds."""
    poll_s: float = Field(default=1.0, gt=0, le=60, examples=[1])
    """How often the store is asked for alerts that became due. A process that is alone asks a fifth as often, also for
    what becomes due until it asks again, and sends that when it is due."""
    gather_s: float = Field(default=0.1, ge=0, le=5, examples=[0.1])
    """How long new cases gather before they are alerted: a pass costs the store as much for one as for many."""
    claim_size: int = Field(default=200, ge=1, le=1000, examples=[200])
    stream_clients: int = Field(default=500, ge=1, examples=[500])
    """Consoles that may be open at one process. Where many come back at once, as after a network failure, as many more
    whose lines are dead are held for ten seconds at most."""

    def audit_keys(self) -> AuditKeys:
        """The keys of this service's audit."""
        return AuditKeys(key_bytes(self.audit_key))

    @field_validator("lease_s")
    @classmethod
    def _lease(cls, value: float, info: ValidationInfo) -> float:
        if value < 2 * float(info.data.get("smtp_timeout_s", 0)):
            raise ValueError("must be at least twice NOTIFY_SMTP_TIMEOUT_S, or nothing could be sent within it")
        return value

    @field_validator("drill_credential")
    @classmethod
    def _given(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value() else None

    @field_validator("duty_address", "colleagues_address", "lead_address")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and ("{center}" not in value or not re.match(ADDRESS, value.replace("{center}", CENTRAL_DESK))):
            raise ValueError("must be an address that contains {center}, or empty for none")
        return value

    @field_validator("webhooks", "apprise_urls")
    @classmethod
    def _places(cls, value: dict[str, object]) -> dict[str, object]:
        if wrong := [name for name in value if name not in _PLACES]:
            targets = ", ".join(Target)
            raise ValueError(f"{wrong[0]!r} is no desk; expected centre/target: an id of a centre or *, and {targets}")
        return value

    @property
    def rules(self) -> Rules:
        """The deployment's part of the alerting rules."""
        return Rules(quiet=QuietHours.parse(self.quiet_hours), alert_sandbox=self.alert_sandbox)
