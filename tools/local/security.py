"""What secures the engines on this machine: certificates, a password for each user, and how each process is told.

Everything lies in ``var/security``, readable by its owner alone. Of an engine elsewhere the environment says how to
connect, and nothing here is used.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.kafka.access import BY_NAME
from shared.settings import KafkaSettings
from tools.local import keys
from tools.local.certificates import Certificates
from tools.local.kafka import KafkaSecurity

FOLDER: Final = "security"
_FILE: Final = "passwords.env"
_HEAD: Final = "# Passwords of the engines on this machine; `make rotate-secrets` makes new ones. Do not share.\n"
PRINCIPAL_OF: Final = {"notify-auditor": "auditor"}
"""Processes that do not sign in to Kafka under their own name."""


class LocalSecurity:
    """The folder with the certificates and the passwords as they are now."""

    def __init__(self, var: Path) -> None:
        self._folder = var / FOLDER
        self.certificates = Certificates(self._folder)

    def ensure(self) -> None:
        """Make what is missing. Raises SecretsError if others may read what is there."""
        self.certificates.ensure()
        found = self._read()
        wanted = {_variable(name): found.get(_variable(name)) or keys.new_key() for name in BY_NAME}
        if wanted != found:
            self._write(wanted)

    def rotate(self) -> None:
        """Write new passwords; nobody has been told of them."""
        self._write({_variable(name): keys.new_key() for name in BY_NAME})

    def passwords(self) -> dict[str, str]:
        """The password of each principal, as the file has it now."""
        found = self._read()
        return {name: found[_variable(name)] for name in BY_NAME if _variable(name) in found}

    @property
    def kafka(self) -> KafkaSecurity:
        """What the local broker needs."""
        return KafkaSecurity(self.certificates, self.passwords)

    def environment(self, principal: str) -> dict[str, str]:
        """How a process signs in to Kafka; empty for who has nothing to do there."""
        password = self.passwords().get(principal)
        if password is None:
            return {}
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": principal,
            "KAFKA_SASL_PASSWORD": password,
            "KAFKA_SSL_CAFILE": str(self.certificates.authority),
        }

    def _read(self) -> dict[str, str]:
        file = self._folder / _FILE
        return keys.read(file) if file.exists() else {}

    def _write(self, values: Mapping[str, str]) -> None:
        keys.write(self._folder, values, file=_FILE, head=_HEAD)


def kafka_settings(environment: Mapping[str, str]) -> KafkaSettings:
    """The settings that a process with this environment has, and none of this process."""
    prefix = "KAFKA_"
    given = {name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)}
    return KafkaSettings.model_validate(given)


def _variable(principal: str) -> str:
    return f"KAFKA_{principal.upper()}"
