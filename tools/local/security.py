"""Secure the engines on this machine: certificates, a password for each user, and how each process is told.

Everything lies in ``var/security``, readable by its owner alone. Of an engine elsewhere the environment says how to
connect, and nothing here is used.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from shared.kafka.access import BY_NAME
from shared.settings import KafkaSettings, StoreSettings, explained
from shared.store_access import USERS
from tools.local import keys
from tools.local.certificates import Certificates
from tools.local.kafka import KafkaSecurity
from tools.local.keys import SecretsError
from tools.local.settings import LocalSettings, environment
from tools.local.store import LocalStore, StoreSecurity

FOLDER: Final = "security"
_FILE: Final = "passwords.env"
_HEAD: Final = "# Passwords of the engines here; `ieum keys rotate-passwords` makes new ones. Do not share.\n"
PRINCIPAL_OF: Final = {"notify-auditor": "auditor"}
"""Processes that do not sign in to the engines under their own name."""
_KAFKA: Final = tuple(BY_NAME)
_STORE: Final = tuple(user.name for user in USERS)
_PREFIX: Final = "MONGODB_DATABASE_PREFIX"


class LocalSecurity:
    """The folder with the certificates and the passwords as they are now."""

    def __init__(self, var: Path) -> None:
        self._folder = var / FOLDER
        self.certificates = Certificates(self._folder)

    def ensure(self) -> None:
        """Make what is missing. Raises SecretsError if others may read what is there, or it does not count yet."""
        self.certificates.ensure()
        begins, now = self.certificates.valid_from(), datetime.now(UTC)
        if begins > now:
            raise SecretsError(
                f"{self.certificates.authority} counts from {begins:%Y-%m-%d} on, and it is {now:%Y-%m-%d} by this"
                " machine's clock: nobody would believe the engines. Set the clock; if it was ahead when certificates"
                f" were made, `ieum down`, delete {self._folder} and start again: they are made anew"
            )
        found = self._read()
        wanted = {name: found.get(name) or keys.new_key() for name in _variables()}
        if wanted != found:
            self._write(wanted)

    def rotate(self) -> None:
        """Write new passwords; nobody has been told of them."""
        self._write({name: keys.new_key() for name in _variables()})

    def kafka_passwords(self) -> dict[str, str]:
        """The password of each principal of Kafka, as the file has it now."""
        return self._passwords("KAFKA", _KAFKA)

    def store_passwords(self) -> dict[str, str]:
        """The password of each user of the store, as the file has it now."""
        return self._passwords("STORE", _STORE)

    @property
    def kafka(self) -> KafkaSecurity:
        """Security of the local broker."""
        return KafkaSecurity(self.certificates, self.kafka_passwords)

    @property
    def store(self) -> StoreSecurity:
        """Security of the local store."""
        prefix = environment(_PREFIX).get(_PREFIX) or StoreSettings.model_fields["database_prefix"].default
        return StoreSecurity(self.certificates, self.store_passwords, prefix)

    def kafka_environment(self, principal: str) -> dict[str, str]:
        """Return how a process signs in to Kafka; empty for one that has no rights there."""
        password = self.kafka_passwords().get(principal)
        if password is None:
            return {}
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": principal,
            "KAFKA_SASL_PASSWORD": password,
            "KAFKA_SSL_CAFILE": str(self.certificates.authority),
        }

    def _passwords(self, engine: str, names: tuple[str, ...]) -> dict[str, str]:
        found = self._read()
        return {name: found[_variable(engine, name)] for name in names if _variable(engine, name) in found}

    def _read(self) -> dict[str, str]:
        file = self._folder / _FILE
        return keys.read(file) if file.exists() else {}

    def _write(self, values: Mapping[str, str]) -> None:
        keys.write(self._folder, values, file=_FILE, head=_HEAD)


def kafka_settings(environment: Mapping[str, str]) -> KafkaSettings:
    """The settings that a process with this environment has, and none of this process. Raises ``SettingsError``."""
    prefix = "KAFKA_"
    given = {name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)}
    try:
        return KafkaSettings.model_validate(given)
    except ValidationError as error:
        raise explained(KafkaSettings, error) from None


def security_of(settings: LocalSettings) -> LocalSecurity | None:
    """Return the security of the engines started here; None if none is, or none is to be secured."""
    starts_any = settings.starts_kafka or settings.starts_store
    return LocalSecurity(settings.var) if settings.secured and starts_any else None


def local_store(settings: LocalSettings) -> LocalStore:
    """The store on this machine, as it is to be run and reached."""
    security = security_of(settings)
    known = security.store if security is not None else None
    return LocalStore(settings.var / "store", settings.store_port, security=known)


def access(settings: LocalSettings, process: str) -> dict[str, str]:
    """Return how a process signs in to the engines started here; for others the environment says it."""
    security, name = security_of(settings), PRINCIPAL_OF.get(process, process)
    if security is None:
        return {}
    found = security.kafka_environment(name) if settings.starts_kafka else {}
    if settings.starts_store and name in security.store_passwords():
        found["MONGODB_URI"] = local_store(settings).uri_of(name)
    return found


def _variables() -> list[str]:
    return [_variable("KAFKA", name) for name in _KAFKA] + [_variable("STORE", name) for name in _STORE]


def _variable(engine: str, name: str) -> str:
    return f"{engine}_{name.upper()}"
