"""How a mail server is reached: the same for alerts, the auditor's alarm and notices about accounts."""

import ssl
from typing import Any, Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import OptionalText

ADDRESS: Final = r"^[^@\s]+@[^@\s]+$"


class MailSettings(BaseSettings):
    """What every process that sends mail needs, under its own prefix."""

    model_config = SettingsConfigDict(extra="ignore")

    smtp_host: str = Field(default="", examples=["smtp.example.org"])
    """Mail server."""
    smtp_port: int = Field(default=8025, ge=1, le=65535, examples=[587])
    smtp_security: Literal["none", "starttls", "tls"] = Field(default="none", examples=["starttls"])
    smtp_username: OptionalText = Field(default=None, examples=["ieum"])
    smtp_password: SecretStr | None = Field(default=None, examples=["(from the secret store)"])
    smtp_timeout_s: float = Field(default=10.0, gt=0, le=60, examples=[10])
    """For each connection and each mail."""


def smtp_options(settings: MailSettings) -> dict[str, Any]:
    """Arguments of ``aiosmtplib.SMTP`` and ``aiosmtplib.send``, but for the time limit."""
    secure = settings.smtp_security
    return {
        "hostname": settings.smtp_host,
        "port": settings.smtp_port,
        "use_tls": secure == "tls",
        "start_tls": secure == "starttls",
        "tls_context": ssl.create_default_context() if secure != "none" else None,
        "username": settings.smtp_username,
        "password": settings.smtp_password.get_secret_value() if settings.smtp_password else None,
    }
