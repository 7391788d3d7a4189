"""The secrets of ``deploy/compose``: certificates for its hosts, passwords and keys, each a file that one may be given.

The folder is for its owner alone. Compose mounts each file as it is, for users of containers that are nobody here: so
the copies in ``mounted`` are readable, and only who can enter the folder reaches them.
"""

import secrets
from pathlib import Path
from typing import Final

from shared.kafka.access import BY_NAME
from shared.store_access import USERS
from tools.local import keys
from tools.local.certificates import ADMIN, BROKER, CA, STORE, Certificates

FOLDER: Final = "compose"
HOSTS: Final = ("kafka-1", "kafka-2", "kafka-3", "mongodb")
MOUNTED: Final = "mounted"
_FILE: Final = "passwords.env"
_HEAD: Final = "# Passwords of deploy/compose, made once. Do not share.\n"
_BYTES: Final = 32
_CA: Final = "/run/secrets/ca.pem"
_CERTIFICATES: Final = (f"{CA}.pem", f"{BROKER}.both.pem", f"{ADMIN}.pem", f"{ADMIN}.key", f"{STORE}.both.pem")


def ensure(var: Path) -> Path:
    """Make what is missing below ``var``; returns the folder of the files to mount."""
    folder = var / FOLDER
    certificates = Certificates(folder, HOSTS)
    certificates.ensure()
    found = keys.read(folder / _FILE) if (folder / _FILE).exists() else {}
    passwords = {name: found.get(name) or secrets.token_hex(_BYTES) for name in _names()}
    if passwords != found:
        keys.write(folder, passwords, file=_FILE, head=_HEAD)
    mounted = folder / MOUNTED
    mounted.mkdir(exist_ok=True)
    own = dict(keys.ensure(var))
    for name in (keys.HOOK_KEY, keys.VERIFIER):  # of no container
        del own[name]
    uris = {f"MONGODB_URI_{name}": _uri(name, passwords[f"STORE_{name}"]) for name in _users()}
    for name, value in {**own, **passwords, **uris}.items():
        _put(mounted / name, value.encode())
    for name in _CERTIFICATES:
        _put(mounted / name, (folder / name).read_bytes())
    return mounted


def _names() -> list[str]:
    kafka = [f"KAFKA_{name.upper()}" for name in BY_NAME]
    store = [f"STORE_{name}" for name in (*_users(), "ADMIN", "KEYFILE")]
    return [*kafka, *store, "IEUM_METRICS_TOKEN", "GRAFANA_PASSWORD"]


def _users() -> list[str]:
    return [user.name.upper() for user in USERS]


def _uri(user: str, password: str) -> str:
    options = f"replicaSet=rs0&authSource=admin&tls=true&tlsCAFile={_CA}"
    return f"mongodb://{user.lower()}:{password}@mongodb:27017/?{options}"


def _put(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
