"""How a mail server is reached: the same for alerts, the auditor's alarm and notices about accounts."""

from typing import Any

from shared.settings import MailSettings
from shared.tls import authorities_of_mail


def smtp_options(settings: MailSettings) -> dict[str, Any]:
    """Arguments of ``aiosmtplib.SMTP`` and ``aiosmtplib.send``, but for the time limit."""
    secure = settings.smtp_security
    return {
        "hostname": settings.smtp_host,
        "port": settings.smtp_port,
        "use_tls": secure == "tls",
        "start_tls": secure == "starttls",
        "tls_context": authorities_of_mail() if secure != "none" else None,
        "username": settings.smtp_username,
        "password": settings.smtp_password.get_secret_value() if settings.smtp_password else None,
    }
